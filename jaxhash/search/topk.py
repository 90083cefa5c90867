"""The exact nearest items of each query, block by block."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int8, Int32, Shaped

from jaxhash.search.hamming import choose_backend, prepare, prepared_distances
from jaxhash.search.validation import check_pair

__all__ = ['top_k']

QUERIES_AT_A_TIME = 64


def top_k(
  query_codes: Int8[Array | np.ndarray, 'query bits'],
  database_codes: Int8[Array | np.ndarray, 'database bits'],
  k: int,
  *,
  block_size: int = 65536,
  backend: str | None = None,
) -> tuple[Int32[Array, 'query k'], Int32[Array, 'query k']]:
  """The k nearest items of each query by Hamming distance.

  Exact and stable: equally near items come in the order of the database. At
  no time are more than `64 * block_size` distances held.

  Args:
    query_codes: int8 -1/+1, `[query, bits]`.
    database_codes: int8 -1/+1, `[database, bits]`.
    k: number of items, from 1 to database.
    block_size: database rows that are compared at once.
    backend: as for `choose_backend`; the result is the same.

  Returns:
    `(distances, indices)`, both int32 `[query, k]`, nearest first.

  Raises:
    ValueError: the codes are not int8 `[n, bits]`, one set is empty, the
      numbers of bits differ, k or the block size is out of range, or the
      backend is unknown.

  Example:
    >>> database = jnp.array([[1, -1], [1, 1], [1, 1]], jnp.int8)
    >>> distances, indices = top_k(jnp.ones((1, 2), jnp.int8), database, 2)
    >>> distances.tolist(), indices.tolist()
    ([[0, 0]], [[1, 2]])
  """
  check_pair(query_codes, database_codes)
  num_query, num_database = len(query_codes), len(database_codes)
  if not 1 <= k <= num_database:
    raise ValueError(f'k must be from 1 to {num_database}, got {k}')
  if block_size < 1:
    raise ValueError(f'block_size must be at least 1, got {block_size}')
  backend = choose_backend(backend)
  # Blocks of even size need the least padding.
  blocks = -(-num_database // block_size)
  rows = -(-num_database // blocks)
  database = (
    jnp.pad(
      prepare(jnp.asarray(database_codes), backend=backend),
      ((0, 0), (0, blocks * rows - num_database)),
    )
    .reshape(-1, blocks, rows)
    .swapaxes(0, 1)
  )
  size = min(QUERIES_AT_A_TIME, num_query)
  query = jnp.pad(
    prepare(jnp.asarray(query_codes), backend=backend),
    ((0, 0), (0, -num_query % size)),
  )
  parts = [
    _nearest(
      query[:, start : start + size],
      database,
      k=k,
      num_database=num_database,
      num_bits=query_codes.shape[1],
      backend=backend,
    )
    for start in range(0, num_query, size)
  ]
  distances, indices = (jnp.concatenate(part) for part in zip(*parts))
  return distances[:num_query], indices[:num_query]


@functools.partial(
  jax.jit, static_argnames=('k', 'num_database', 'num_bits', 'backend')
)
def _nearest(
  query: Shaped[Array, 'width query'],
  database: Shaped[Array, 'blocks width rows'],
  *,
  k: int,
  num_database: int,
  num_bits: int,
  backend: str,
) -> tuple[Int32[Array, 'query k'], Int32[Array, 'query k']]:
  num_query = query.shape[1]
  blocks, _, rows = database.shape

  def merge(best, block):
    number, codes = block
    index = number * rows + jnp.arange(rows, dtype=jnp.int32)
    distances = prepared_distances(
      query, codes, num_bits=num_bits, backend=backend
    )
    distances = jnp.where(index[None] < num_database, distances, num_bits + 1)
    # XLA has a fast top_k for float32 alone, and these integers are exact in
    # it. It prefers the lower position among equals, so that the best so far,
    # which lie earlier in the database, stay in front.
    nearness, place = jax.lax.top_k(
      -distances.astype(jnp.float32), min(k, rows)
    )
    nearness = jnp.concatenate([best[0], nearness], axis=1)
    indices = jnp.concatenate([best[1], index[place]], axis=1)
    nearness, place = jax.lax.top_k(nearness, k)
    return (nearness, jnp.take_along_axis(indices, place, axis=1)), None

  nothing = (
    jnp.full((num_query, k), -jnp.inf, jnp.float32),
    jnp.full((num_query, k), -1, jnp.int32),
  )
  numbers = jnp.arange(blocks, dtype=jnp.int32)
  (nearness, indices), _ = jax.lax.scan(merge, nothing, (numbers, database))
  return (-nearness).astype(jnp.int32), indices
