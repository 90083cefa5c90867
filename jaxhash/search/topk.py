"""The exact nearest items of each query, block by block."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int32, Shaped

from jaxhash._checks import check_int
from jaxhash.search.codes import AnyArray, Codes, check_same_bits, read_codes
from jaxhash.search.hamming import choose_backend, prepare, prepared_distances

__all__ = ['top_k']

QUERIES_AT_A_TIME = 64

Nearest = tuple[Int32[Array, 'query k'], Int32[Array, 'query k']]


def top_k(
  query_codes: AnyArray,
  database_codes: AnyArray,
  k: int,
  *,
  num_bits: int | None = None,
  block_size: int = 65536,
  backend: str | None = None,
  mesh: Mesh | None = None,
) -> tuple[
  Int32[Array | np.ndarray, 'query k'], Int32[Array | np.ndarray, 'query k']
]:
  """The k nearest items of each query by Hamming distance.

  Exact and stable: equally near items come in the order of the database. At
  no time are more than `64 * block_size` distances held on a device.

  Args:
    query_codes: `[query, bits]`, in any form that `read_codes` takes.
    database_codes: `[database, bits]`, in the same or another form.
    k: number of items, from 1 to database.
    num_bits: bits of packed codes.
    block_size: database rows that are compared at once.
    backend: as for `choose_backend`; the result is the same.
    mesh: devices that share the database, each a part of it; queries are
      sent to all. None is the default device.

  Returns:
    `(distances, indices)`, both int32 `[query, k]`, nearest first; NumPy
    arrays where the backend is `native`, else JAX arrays.

  Raises:
    ValueError: the codes are not as `read_codes` wants them, the numbers of
      bits differ, k or the block size is out of range, the backend is
      unknown, or it is `native` on a mesh.

  Example:
    >>> database = jnp.array([[1, -1], [1, 1], [1, 1]], jnp.int8)
    >>> distances, indices = top_k(jnp.ones((1, 2), jnp.int8), database, 2)
    >>> distances.tolist(), indices.tolist()
    ([[0, 0]], [[1, 2]])
  """
  query = read_codes(query_codes, 'query codes', num_bits)
  database = read_codes(database_codes, 'database codes', num_bits)
  check_same_bits(query, database)
  num_query, num_database = len(query), len(database)
  check_int('k', k, 1)
  if k > num_database:
    raise ValueError(f'k must be at most {num_database}, got {k}')
  check_int('block_size', block_size, 1)
  here = mesh is None and not (query.traced or database.traced)
  backend = choose_backend(backend, native=here)
  if backend == 'native':
    from jaxhash.search import native

    return native.top_k(query.words64(), database.words64(), k, query.num_bits)
  devices = 1 if mesh is None else mesh.size
  # Blocks of even size, as many on each device, need the least padding.
  blocks = -(-num_database // (block_size * devices)) * devices
  rows = -(-num_database // blocks)
  items = _blocks(database, blocks, rows, backend)
  if mesh is None:
    search = functools.partial(_nearest, 0)
  else:
    items = jax.device_put(
      items, NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    )
    search = functools.partial(_nearest_on_mesh, mesh)
  size = min(QUERIES_AT_A_TIME, num_query)
  padded = jnp.pad(
    prepare(query, backend=backend), ((0, 0), (0, -num_query % size))
  )
  if mesh is not None:
    padded = jax.device_put(padded, NamedSharding(mesh, PartitionSpec()))
  parts = [
    search(
      padded[:, start : start + size],
      items,
      k=int(k),
      num_database=num_database,
      num_bits=query.num_bits,
    )
    for start in range(0, num_query, size)
  ]
  distances, indices = (jnp.concatenate(part) for part in zip(*parts))
  return distances[:num_query], indices[:num_query]


def _blocks(
  database: Codes, blocks: int, rows: int, backend: str
) -> Shaped[Array, 'blocks width rows']:
  prepared = prepare(database, backend=backend)
  spare = blocks * rows - len(database)
  return (
    jnp.pad(prepared, ((0, 0), (0, spare)))
    .reshape(-1, blocks, rows)
    .swapaxes(0, 1)
  )


@functools.partial(jax.jit, static_argnames=('k', 'num_database', 'num_bits'))
def _nearest(
  first_block: Int32[Array, ''] | int,
  query: Shaped[Array, 'width query'],
  database: Shaped[Array, 'blocks width rows'],
  *,
  k: int,
  num_database: int,
  num_bits: int,
) -> Nearest:
  num_query = query.shape[1]
  blocks, _, rows = database.shape

  def merge(best, block):
    number, codes = block
    index = number * rows + jnp.arange(rows, dtype=jnp.int32)
    distances = prepared_distances(query, codes, num_bits=num_bits)
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
  numbers = jnp.asarray(first_block, jnp.int32) + jnp.arange(
    blocks, dtype=jnp.int32
  )
  (nearness, indices), _ = jax.lax.scan(merge, nothing, (numbers, database))
  # A part of the database may have fewer than k items.
  return (-nearness.clip(min=-num_bits - 2)).astype(jnp.int32), indices


@functools.partial(
  jax.jit, static_argnames=('mesh', 'k', 'num_database', 'num_bits')
)
def _nearest_on_mesh(
  mesh: Mesh,
  query: Shaped[Array, 'width query'],
  database: Shaped[Array, 'blocks width rows'],
  *,
  k: int,
  num_database: int,
  num_bits: int,
) -> Nearest:
  axes = mesh.axis_names

  def local(query, database):
    device = jax.lax.axis_index(axes)
    best = _nearest(
      device * len(database),
      query,
      database,
      k=k,
      num_database=num_database,
      num_bits=num_bits,
    )
    # Parts follow one another in the order of the database, and top_k is
    # stable: what lies earlier stays in front.
    distances, indices = (
      jax.lax.all_gather(x, axes, axis=1, tiled=True) for x in best
    )
    nearness, place = jax.lax.top_k(-distances.astype(jnp.float32), k)
    return (
      (-nearness).astype(jnp.int32),
      jnp.take_along_axis(indices, place, axis=1),
    )

  spec = PartitionSpec(axes)
  return jax.shard_map(
    local,
    mesh=mesh,
    in_specs=(PartitionSpec(), spec),
    out_specs=PartitionSpec(),
    check_vma=False,
  )(query, database)
