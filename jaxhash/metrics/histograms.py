"""Distance histograms: the counts that every retrieval metric is made of.

A Hamming distance takes only K+1 values. How many items, and how many
relevant items, lie at each distance says all there is to know of a ranking
but the order inside a tie, and it adds up over parts of the database.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int8, Int32, Num, Shaped

from jaxhash import similarity
from jaxhash.search.hamming import choose_backend, prepare, prepared_distances
from jaxhash.search.validation import check_pair

__all__ = [
  'Histograms',
  'check_ranking',
  'hamming_histograms',
  'ranking_histograms',
]

QUERIES_AT_A_TIME = 8  # the counts of so few stay in the cache


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Histograms:
  """How many items lie in each group of equal distance, nearest group first.

  Those of one query set and disjoint parts of a database add up.

  Attributes:
    all: int32 `[query, groups]`, for Hamming distances `[query, bits + 1]`.
    relevant: int32 `[query, groups]`, the relevant ones among them.

  Example:
    >>> part = Histograms(np.array([[1, 2]]), np.array([[1, 0]]))
    >>> (part + part).all.tolist()
    [[2, 4]]
  """

  all: Any
  relevant: Any

  def __add__(self, other: Histograms) -> Histograms:
    if np.shape(self.all) != np.shape(other.all):
      raise ValueError(
        'histograms of the same queries and groups add up, got '
        f'{np.shape(self.all)} and {np.shape(other.all)}'
      )
    return Histograms(self.all + other.all, self.relevant + other.relevant)


def hamming_histograms(
  query_codes: Int8[Array | np.ndarray, 'query bits'],
  database_codes: Int8[Array | np.ndarray, 'database bits'],
  query_labels: Shaped[Array | np.ndarray, 'query ...'],
  database_labels: Shaped[Array | np.ndarray, 'database ...'],
  *,
  query_ids: Shaped[np.ndarray, 'query'] | None = None,
  database_ids: Shaped[np.ndarray, 'database'] | None = None,
  block_size: int = 2**20,
  backend: str | None = None,
) -> Histograms:
  """Counts the items at each Hamming distance from each query.

  At no time are more than `8 * block_size` distances held.

  Args:
    query_codes: int8 -1/+1, `[query, bits]`.
    database_codes: int8 -1/+1, `[database, bits]`.
    query_labels: int `[query]` or multi-hot `[query, classes]`.
    database_labels: of the same kind, `[database, ...]`.
    query_ids: names of the query rows; together with `database_ids` they keep
      a query from retrieving itself.
    database_ids: names of the database rows, in the same terms.
    block_size: database rows that are compared at once.
    backend: as for `search.hamming_distances`; the result is the same.

  Returns:
    `Histograms`, int32 `[query, bits + 1]`.

  Raises:
    ValueError: codes, labels or ids do not fit each other, or the block size
      is below 1.

  Example:
    >>> query = np.array([[1, 1]], np.int8)
    >>> database = np.array([[1, 1], [1, -1], [1, -1]], np.int8)
    >>> counts = hamming_histograms(
    ...   query, database, np.array([3]), np.array([3, 3, 4])
    ... )
    >>> counts.all.tolist(), counts.relevant.tolist()
    ([[1, 2, 0]], [[1, 1, 0]])

  Source: McSherry and Najork, "Computing Information Retrieval Performance
  Measures Efficiently in the Presence of Tied Scores", ECIR 2008.
  """
  check_pair(query_codes, database_codes)
  num_query, num_bits = query_codes.shape
  num_database = len(database_codes)
  similarity.check_kinds(query_labels, database_labels)
  _check_rows('labels', query_labels, database_labels, num_query, num_database)
  if block_size < 1:
    raise ValueError(f'block_size must be at least 1, got {block_size}')
  query_names, database_names = _names(
    query_ids, database_ids, num_query, num_database
  )
  backend = choose_backend(backend)
  size = min(QUERIES_AT_A_TIME, num_query)
  queries = tuple(
    _pad(x, -num_query % size).reshape(-1, size, *x.shape[1:])
    for x in (
      prepare(jnp.asarray(query_codes), backend=backend).T,
      jnp.asarray(query_labels),
      query_names,
    )
  )
  database = (
    prepare(jnp.asarray(database_codes), backend=backend).T,
    jnp.asarray(database_labels),
    database_names,
  )
  # Blocks of even size need the least padding, and share one compilation.
  rows = -(-num_database // -(-num_database // block_size))
  counts = sum(
    _block_counts(
      queries,
      tuple(_pad(x[i : i + rows], i + rows - num_database) for x in database),
      min(rows, num_database - i),
      num_bits=num_bits,
      backend=backend,
    )
    for i in range(0, num_database, rows)
  )
  irrelevant, relevant = jnp.moveaxis(counts[:num_query], 1, 0)
  return Histograms(all=irrelevant + relevant, relevant=relevant)


def ranking_histograms(
  distances: Num[Array | np.ndarray, 'query database'],
  relevant: Bool[Array | np.ndarray, 'query database'],
  excluded: Bool[Array | np.ndarray, 'query database'] | None = None,
) -> Histograms:
  """Counts the items of each group of exactly equal real-valued distances.

  Args:
    distances: any real numbers without NaN, `[query, database]`.
    relevant: which items are relevant to which queries, of the same shape.
    excluded: which pairs do not count, such as a query and itself.

  Returns:
    `Histograms`, int32 `[query, groups]`, as wide as the most groups of any
    query; the others have empty groups at the end. Groups are ranks, not
    distances, and differ from query to query.

  Raises:
    ValueError: the shapes differ, are empty, or a distance is NaN.

  Example:
    >>> counts = ranking_histograms(
    ...   np.array([[0.5, 0.1, 0.5]]), np.array([[True, False, False]])
    ... )
    >>> counts.all.tolist(), counts.relevant.tolist()
    ([[1, 2]], [[0, 1]])
  """
  distances = check_ranking(distances, relevant, excluded)
  order = np.argsort(distances, axis=1, kind='stable')
  ranked = np.take_along_axis(distances, order, axis=1)
  group = np.zeros(ranked.shape, np.int64)
  np.cumsum(ranked[:, 1:] != ranked[:, :-1], axis=1, out=group[:, 1:])
  num_groups = int(group[:, -1].max()) + 1
  group += num_groups * np.arange(len(group))[:, None]
  counted = np.ones(ranked.shape, bool)
  if excluded is not None:
    counted = ~np.take_along_axis(np.asarray(excluded), order, axis=1)
  hits = counted & np.take_along_axis(np.asarray(relevant), order, axis=1)
  shape = (len(group), num_groups)
  every, found = (
    np.bincount(group[which], minlength=shape[0] * shape[1])
    .reshape(shape)
    .astype(np.int32)
    for which in (counted, hits)
  )
  return Histograms(all=every, relevant=found)


def check_ranking(
  distances: Any, relevant: Any, excluded: Any = None
) -> np.ndarray:
  """Distances on the host, after checks; bfloat16 and the like as float32."""
  distances = np.asarray(distances)
  if distances.ndim != 2 or 0 in distances.shape:
    raise ValueError(
      'distances must be [query, database], neither empty, got '
      f'{list(distances.shape)}'
    )
  for name, mask in (('relevant', relevant), ('excluded', excluded)):
    if mask is None:
      continue
    if mask.dtype != np.bool_ or mask.shape != distances.shape:
      raise ValueError(
        f'{name} must be bool {list(distances.shape)}, got {mask.dtype} '
        f'{list(mask.shape)}'
      )
  if distances.dtype.kind not in 'iufb':
    distances = distances.astype(np.float32)
  if distances.dtype.kind == 'f' and np.isnan(distances).any():
    row, item = np.argwhere(np.isnan(distances))[0].tolist()
    raise ValueError(f'the distance of query {row} to item {item} is NaN')
  return distances


@functools.partial(jax.jit, static_argnames=('num_bits', 'backend'))
def _block_counts(
  queries: tuple[Array, Array, Array],
  database: tuple[Array, Array, Array],
  num_rows: Int32[Array, ''] | int,
  *,
  num_bits: int,
  backend: str,
) -> Int32[Array, 'query 2 distances']:
  """Irrelevant and relevant items at each distance.

  Database rows from `num_rows` on are padding.
  """
  codes, labels, names = database
  codes = codes.T
  padding = jnp.arange(len(names), dtype=jnp.int32) >= num_rows
  bins = num_bits + 1

  def count(block):
    query_codes, query_labels, query_names = block
    distances = prepared_distances(
      query_codes.T, codes, num_bits=num_bits, backend=backend
    )
    relevant = similarity.relevance(query_labels, labels)
    skipped = (query_names[:, None] == names[None]) | padding[None]
    # One scatter counts both kinds; a last bin takes what does not count.
    place = distances + bins * relevant.astype(jnp.int32)
    place = jnp.where(skipped, 2 * bins, place)
    row = jnp.arange(len(place), dtype=jnp.int32)[:, None]
    counts = jnp.zeros((len(place), 2 * bins + 1), jnp.int32)
    counts = counts.at[row, place].add(1, mode='promise_in_bounds')
    return counts[:, :-1].reshape(-1, 2, bins)

  return jax.lax.map(count, queries).reshape(-1, 2, bins)


def _pad(x: Array, count: int) -> Array:
  """Rows of zeros after the last one; none where the count is negative."""
  return jnp.pad(x, ((0, max(count, 0)), *((0, 0),) * (x.ndim - 1)))


def _check_rows(
  name: str, query: Any, database: Any, num_query: int, num_database: int
) -> None:
  for part, rows, n in (
    ('query', query, num_query),
    ('database', database, num_database),
  ):
    if len(rows) != n:
      raise ValueError(f'{n} {part} codes, but {len(rows)} {part} {name}')


def _names(
  query_ids: Any, database_ids: Any, num_query: int, num_database: int
) -> tuple[Array, Array]:
  """Ids of any kind as int32; numbers that never meet where there are none."""
  if query_ids is None and database_ids is None:
    numbers = jnp.arange(num_query + num_database, dtype=jnp.int32)
    return numbers[:num_query], numbers[num_query:]
  if query_ids is None or database_ids is None:
    given = 'query_ids' if database_ids is None else 'database_ids'
    raise ValueError(
      f'query_ids and database_ids come together, got {given} alone'
    )
  _check_rows('ids', query_ids, database_ids, num_query, num_database)
  both = np.concatenate([np.asarray(query_ids), np.asarray(database_ids)])
  if both.ndim != 1:
    raise ValueError(f'ids must be [n], got {list(both.shape)}')
  numbers = jnp.asarray(np.unique(both, return_inverse=True)[1], jnp.int32)
  return numbers[:num_query], numbers[num_query:]
