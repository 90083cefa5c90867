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

__all__ = ['Histograms', 'hamming_histograms', 'ranking_histograms']

QUERIES_AT_A_TIME = 10  # the counts of so few stay in the cache


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

  At no time are more than `10 * block_size` distances held.

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

  Source: Yang, Tu and Chen score by sorting; counting instead is the idea of
  McSherry and Najork, "Computing Information Retrieval Performance Measures
  Efficiently in the Presence of Tied Scores", ECIR 2008.
  """
  check_pair(query_codes, database_codes)
  _check_rows(
    'labels', query_codes, query_labels, database_codes, database_labels
  )
  if block_size < 1:
    raise ValueError(f'block_size must be at least 1, got {block_size}')
  query_names, database_names = _names(
    query_codes, database_codes, query_ids, database_ids
  )
  backend = choose_backend(backend)
  num_query, num_bits = query_codes.shape
  num_database = len(database_codes)
  # Blocks of even size need the least padding.
  rows = -(-num_database // -(-num_database // block_size))
  size = min(QUERIES_AT_A_TIME, num_query)
  queries = (
    prepare(jnp.asarray(query_codes), backend=backend).T,
    jnp.asarray(query_labels),
    jnp.asarray(query_names),
  )
  queries = jax.tree.map(
    lambda x: _pad(x, -num_query % size).reshape(-1, size, *x.shape[1:]),
    queries,
  )
  database = (
    prepare(jnp.asarray(database_codes), backend=backend).T,
    jnp.asarray(database_labels),
    jnp.asarray(database_names),
  )
  counts = [
    _block_counts(
      queries,
      jax.tree.map(
        lambda x, i=start: _pad(x[i : i + rows], i + rows - num_database),
        database,
      ),
      jnp.asarray(min(rows, num_database - start), jnp.int32),
      num_bits=num_bits,
      backend=backend,
    )
    for start in range(0, num_database, rows)
  ]
  irrelevant, relevant = jnp.moveaxis(sum(counts[1:], start=counts[0]), 2, 0)
  relevant = relevant.reshape(-1, num_bits + 1)[:num_query]
  irrelevant = irrelevant.reshape(-1, num_bits + 1)[:num_query]
  return Histograms(all=irrelevant + relevant, relevant=relevant)
