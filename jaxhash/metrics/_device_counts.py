"""Counts by JAX, in blocks of the database, on one device or a mesh."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int32, Shaped

from jaxhash.metrics.levels import Levels
from jaxhash.search.codes import Codes
from jaxhash.search.hamming import prepare, prepared_distances

__all__ = ['DatabaseBlocks']

QUERIES_AT_A_TIME = 8  # the counts of so few stay in the cache


class DatabaseBlocks:
  """Codes and labels of the database, prepared once for all queries.

  Args:
    codes: of the database.
    labels: int `[database]` or bool `[database, labels]`.
    block_size: database rows that a device compares at once.
    backend: `popcount`, `int8` or `bfloat16`.
    mesh: devices that share each block; None is the default device.
  """

  def __init__(
    self,
    codes: Codes,
    labels: np.ndarray,
    *,
    block_size: int,
    backend: str,
    mesh: Mesh | None,
  ):
    self._backend = backend
    self._mesh = mesh
    devices = 1 if mesh is None else mesh.size
    # Blocks of even size need the least padding, and share one compilation.
    blocks = -(-len(codes) // (block_size * devices))
    rows = -(-len(codes) // (blocks * devices)) * devices
    prepared, classes = prepare(codes, backend=backend).T, jnp.asarray(labels)
    self._blocks = [
      self._placed(
        _pad(prepared[start : start + rows], rows),
        _pad(classes[start : start + rows], rows),
        start + jnp.arange(rows) < len(codes),
      )
      for start in range(0, len(codes), rows)
    ]

  def count(
    self, query: Codes, labels: np.ndarray, levels: Levels
  ) -> Int32[np.ndarray, 'query levels distances']:
    """Counts the items of each level at each distance from each query.

    Args:
      query: codes of the queries.
      labels: of the queries.
      levels: what an item counts as.

    Returns:
      int32 `[query, levels, bits + 1]` on the host.
    """
    num_query = len(query)
    size = min(QUERIES_AT_A_TIME, num_query)
    queries = tuple(
      _pad(x, -(-num_query // size) * size).reshape(-1, size, *x.shape[1:])
      for x in (prepare(query, backend=self._backend).T, jnp.asarray(labels))
    )
    table = None if levels.table is None else jnp.asarray(levels.table)
    if self._mesh is not None:
      everywhere = NamedSharding(self._mesh, PartitionSpec())
      queries, table = jax.device_put((queries, table), everywhere)
    total: Any = sum(
      np.asarray(
        _count(
          queries,
          block,
          table,
          num_bits=query.num_bits,
          num_levels=len(levels.gains),
          mesh=self._mesh,
        )
      )
      for block in self._blocks
    )
    return np.array(total[:num_query])

  def _placed(self, *block: Array) -> tuple[Array, ...]:
    """Codes, labels and whether a row is one and no padding, on the devices."""
    if self._mesh is None:
      return block
    sharding = NamedSharding(self._mesh, PartitionSpec(self._mesh.axis_names))
    return jax.device_put(block, sharding)


@functools.partial(jax.jit, static_argnames=('num_bits', 'num_levels', 'mesh'))
def _count(
  queries: tuple[Array, Array],
  database: tuple[Array, Array, Array],
  table: Int32[Array, 'classes classes'] | None,
  *,
  num_bits: int,
  num_levels: int,
  mesh: Mesh | None,
) -> Int32[Array, 'query levels distances']:
  local = functools.partial(
    _count_on_device, num_bits=num_bits, num_levels=num_levels
  )
  if mesh is None:
    return local(queries, database, table)

  def summed(*args):
    return jax.lax.psum(local(*args), mesh.axis_names)

  everywhere, shared = PartitionSpec(), PartitionSpec(mesh.axis_names)
  return jax.shard_map(
    summed,
    mesh=mesh,
    in_specs=(everywhere, shared, everywhere),
    out_specs=everywhere,
    check_vma=False,
  )(queries, database, table)


def _count_on_device(
  queries: tuple[Array, Array],
  database: tuple[Array, Array, Array],
  table: Int32[Array, 'classes classes'] | None,
  *,
  num_bits: int,
  num_levels: int,
) -> Int32[Array, 'query levels distances']:
  codes, labels, valid = database
  bins = num_bits + 1

  def count(block):
    query_codes, query_labels = block
    distances = prepared_distances(query_codes.T, codes.T, num_bits=num_bits)
    level = _levels(query_labels, labels, table, num_levels - 1)
    # One scatter counts all levels; a last bin takes the padding.
    place = jnp.where(valid[None], distances + bins * level, num_levels * bins)
    row = jnp.arange(len(place), dtype=jnp.int32)[:, None]
    counts = jnp.zeros((len(place), num_levels * bins + 1), jnp.int32)
    counts = counts.at[row, place].add(1, mode='promise_in_bounds')
    return counts[:, :-1].reshape(-1, num_levels, bins)

  return jax.lax.map(count, queries).reshape(-1, num_levels, bins)


def _levels(
  query: Shaped[Array, 'query ...'],
  database: Shaped[Array, 'database ...'],
  table: Int32[Array, 'classes classes'] | None,
  most: int,
) -> Int32[Array, 'query database']:
  if query.ndim == 2:
    shared = jnp.matmul(
      query.astype(jnp.float32), database.astype(jnp.float32).T
    )
    return jnp.minimum(shared.astype(jnp.int32), most)
  if table is not None:
    return table[query][:, database]
  same = (query[:, None] == database[None, :]) & (query[:, None] >= 0)
  return same.astype(jnp.int32)


def _pad(x: Array, rows: int) -> Array:
  """Rows of zeros after the last one."""
  return jnp.pad(x, ((0, rows - len(x)), *((0, 0),) * (x.ndim - 1)))
