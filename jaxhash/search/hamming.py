"""Exact Hamming distances between codes, in ways that agree to the bit."""

from __future__ import annotations

import functools
import warnings

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int32, Shaped

from jaxhash.lookup import check_known
from jaxhash.search.codes import AnyArray, Codes, check_same_bits, read_codes

__all__ = [
  'choose_backend',
  'hamming_distances',
  'native_is_there',
  'prepare',
  'prepared_distances',
]

BACKENDS = ('popcount', 'int8', 'bfloat16', 'native')


def choose_backend(backend: str | None = None, *, native: bool = False) -> str:
  """How distances are computed: as asked, or as suits the platform.

  Args:
    backend: `popcount` (XOR and population count of packed words, by JAX),
      `int8` (matrix product with int32 accumulation), `bfloat16` (matrix
      product with float32 accumulation, exact since it adds up less than
      2^24 products of -1 and +1), `native` (compiled by Numba for the CPU, of
      the extra `search`), or None: on a CPU `native` where it is there, else
      `popcount`; `int8` on a GPU; `bfloat16` on a TPU, of which not all
      multiply int8.
    native: whether `native` will do, which counts and selects on one CPU but
      gives no array of distances.

  Returns:
    One of the four.

  Raises:
    ValueError: another name, or `native` where it is of no use.
    ImportError: `native` was asked for, and Numba is not there.

  Example:
    >>> choose_backend('int8')
    'int8'
  """
  if backend is None:
    platform = jax.default_backend()
    if platform != 'cpu':
      return 'bfloat16' if platform == 'tpu' else 'int8'
    if native and native_is_there():
      return 'native'
    return 'popcount'
  check_known('backend', backend, BACKENDS)
  if backend == 'native':
    if not native:
      raise ValueError(
        "backend='native' counts and selects on one CPU; it gives no array of "
        'distances, and knows no mesh'
      )
    if not native_is_there():
      raise ImportError(
        "backend='native' needs Numba (pip install 'jaxhash[search]') and a "
        f'place for its cache (NUMBA_CACHE_DIR): {_native_error()}'
      )
  return backend


def native_is_there() -> bool:
  """Whether the kernels for the CPU can be loaded.

  Example:
    >>> native_is_there() in (True, False)
    True
  """
  return _native_error() is None


@functools.cache
def _native_error() -> str | None:
  """What keeps the kernels from being loaded; tried once in a process."""
  try:
    import numba  # noqa: F401
  except ImportError as e:
    return str(e)
  try:
    from jaxhash.search import native  # noqa: F401
  except (ImportError, RuntimeError) as e:
    # Such as no folder that Numba may write to: slower is better than not.
    warnings.warn(f'search and counting fall back to JAX: {e}', stacklevel=2)
    return str(e)
  return None


def hamming_distances(
  query_codes: AnyArray,
  database_codes: AnyArray,
  *,
  num_bits: int | None = None,
  backend: str | None = None,
) -> Int32[Array, 'query database']:
  """Number of bits in which each query differs from each item.

  .. math:: d(q, x) = (K - \\langle q, x \\rangle) / 2

  Args:
    query_codes: `[query, bits]`, in any form that `read_codes` takes.
    database_codes: `[database, bits]`, in the same or another form.
    num_bits: bits of packed codes.
    backend: as for `choose_backend`, but not `native`; the result is the same.

  Returns:
    int32 `[query, database]` from 0 to bits.

  Raises:
    ValueError: the codes are not as `read_codes` wants them, the numbers of
      bits differ, or the backend is unknown.

  Example:
    >>> codes = jnp.array([[1, 1, 1], [1, -1, -1]], jnp.int8)
    >>> hamming_distances(codes, codes).tolist()
    [[0, 2], [2, 0]]
  """
  query = read_codes(query_codes, 'query codes', num_bits)
  database = read_codes(database_codes, 'database codes', num_bits)
  check_same_bits(query, database)
  backend = choose_backend(backend)
  return prepared_distances(
    prepare(query, backend=backend),
    prepare(database, backend=backend),
    num_bits=query.num_bits,
  )


def prepare(codes: Codes, *, backend: str) -> Shaped[Array, 'width n']:
  """Codes in the form that `prepared_distances` wants, to be made once.

  Args:
    codes: from `read_codes`.
    backend: `popcount`, `int8` or `bfloat16`.

  Returns:
    `popcount`: uint32 `[ceil(bits / 32), n]`, the last word padded with zero
    bits. Else: -1/+1, int8 or bfloat16 `[bits, n]`.

  Example:
    >>> codes = read_codes(jnp.ones((2, 33), jnp.int8))
    >>> prepare(codes, backend='popcount').shape
    (2, 2)
  """
  if backend == 'popcount':
    return codes.words32()
  return codes.signs().T.astype(backend)


def prepared_distances(
  query: Shaped[Array, 'width query'],
  database: Shaped[Array, 'width database'],
  *,
  num_bits: int,
) -> Int32[Array, 'query database']:
  """Hamming distances of prepared codes.

  Args:
    query: from `prepare`.
    database: from `prepare`, for the same backend.
    num_bits: bits of a code.

  Returns:
    int32 `[query, database]`.

  Example:
    >>> codes = read_codes(jnp.ones((2, 40), jnp.int8))
    >>> words = prepare(codes, backend='popcount')
    >>> prepared_distances(words, words, num_bits=40).tolist()
    [[0, 0], [0, 0]]
  """
  if query.dtype == jnp.int8:
    product = jnp.matmul(query.T, database, preferred_element_type=jnp.int32)
    return (num_bits - product) // 2
  if query.dtype == jnp.bfloat16:
    product = jnp.matmul(query.T, database, preferred_element_type=jnp.float32)
    return (num_bits - product.astype(jnp.int32)) // 2
  # Reducing an array [words, query, database] would write it out; word by
  # word this stays one vectorised loop over the database.
  return sum(
    (
      jax.lax.population_count(q[:, None] ^ d[None, :]).astype(jnp.int32)
      for q, d in zip(query, database)
    ),
    start=jnp.zeros((query.shape[1], database.shape[1]), jnp.int32),
  )
