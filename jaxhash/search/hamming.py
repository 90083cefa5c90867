"""Exact Hamming distances between codes, in two ways that agree to the bit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int8, Int32, UInt32

from jaxhash import binarize
from jaxhash.search.validation import check_pair

__all__ = [
  'choose_backend',
  'hamming_distances',
  'prepare',
  'prepared_distances',
]

BACKENDS = ('popcount', 'matmul')


def choose_backend(backend: str | None = None) -> str:
  """How distances are computed: as asked, or as suits the platform.

  Args:
    backend: `popcount` (XOR and population count of packed words), `matmul`
      (int8 matrix product), or None: `popcount` on a CPU, `matmul` on
      accelerators.

  Returns:
    `popcount` or `matmul`.

  Raises:
    ValueError: another name.

  Example:
    >>> choose_backend('matmul')
    'matmul'
  """
  if backend is None:
    return 'popcount' if jax.default_backend() == 'cpu' else 'matmul'
  if backend not in BACKENDS:
    raise ValueError(
      f'unknown backend {backend!r}; known: {", ".join(BACKENDS)}'
    )
  return backend


def hamming_distances(
  query_codes: Int8[Array | np.ndarray, 'query bits'],
  database_codes: Int8[Array | np.ndarray, 'database bits'],
  *,
  backend: str | None = None,
) -> Int32[Array, 'query database']:
  """Number of bits in which each query differs from each item.

  .. math:: d(q, x) = (K - \\langle q, x \\rangle) / 2

  Args:
    query_codes: int8 -1/+1, `[query, bits]`.
    database_codes: int8 -1/+1, `[database, bits]`.
    backend: as for `choose_backend`; the result is the same.

  Returns:
    int32 `[query, database]` from 0 to bits.

  Raises:
    ValueError: the codes are not int8 `[n, bits]`, one set is empty, the
      numbers of bits differ, or the backend is unknown.

  Example:
    >>> codes = jnp.array([[1, 1, 1], [1, -1, -1]], jnp.int8)
    >>> hamming_distances(codes, codes).tolist()
    [[0, 2], [2, 0]]
  """
  check_pair(query_codes, database_codes)
  backend = choose_backend(backend)
  return prepared_distances(
    prepare(jnp.asarray(query_codes), backend=backend),
    prepare(jnp.asarray(database_codes), backend=backend),
    num_bits=query_codes.shape[1],
    backend=backend,
  )


def prepare(
  codes: Int8[Array, 'n bits'], *, backend: str
) -> UInt32[Array, 'words n'] | Int8[Array, 'bits n']:
  """Codes in the form that `prepared_distances` wants, to be made once.

  Args:
    codes: int8 -1/+1, `[n, bits]`.
    backend: `popcount` or `matmul`.

  Returns:
    `popcount`: uint32 `[ceil(bits / 32), n]`, the last word padded with zero
    bits. `matmul`: the codes, `[bits, n]`.

  Example:
    >>> prepare(jnp.ones((2, 33), jnp.int8), backend='popcount').shape
    (2, 2)
  """
  if backend == 'matmul':
    return codes.T
  packed = binarize.pack(codes)
  packed = jnp.pad(packed, ((0, 0), (0, -packed.shape[1] % 4)))
  words = packed.reshape(len(packed), -1, 4)
  return jax.lax.bitcast_convert_type(words, jnp.uint32).T


def prepared_distances(
  query: UInt32[Array, 'width query'] | Int8[Array, 'width query'],
  database: UInt32[Array, 'width database'] | Int8[Array, 'width database'],
  *,
  num_bits: int,
  backend: str,
) -> Int32[Array, 'query database']:
  """Hamming distances of prepared codes.

  Args:
    query: from `prepare`, of the same backend.
    database: from `prepare`, of the same backend.
    num_bits: bits of a code.
    backend: `popcount` or `matmul`.

  Returns:
    int32 `[query, database]`.

  Example:
    >>> words = prepare(jnp.ones((2, 40), jnp.int8), backend='popcount')
    >>> prepared_distances(
    ...   words, words, num_bits=40, backend='popcount'
    ... ).tolist()
    [[0, 0], [0, 0]]
  """
  if backend == 'matmul':
    product = jnp.matmul(query.T, database, preferred_element_type=jnp.int32)
    return (num_bits - product) // 2
  # Reducing an array [words, query, database] would write it out; word by
  # word this stays one vectorised loop over the database.
  return sum(
    (
      jax.lax.population_count(q[:, None] ^ d[None, :]).astype(jnp.int32)
      for q, d in zip(query, database)
    ),
    start=jnp.zeros((query.shape[1], database.shape[1]), jnp.int32),
  )
