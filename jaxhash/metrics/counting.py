"""Counts of items by Hamming distance and relevance, in one of three ways.

On a CPU by Numba, else by JAX in blocks of the database, or on a mesh where
each device holds a part of it. All give the same integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.sharding import Mesh

from jaxhash._checks import check_int
from jaxhash.metrics._device_counts import DatabaseBlocks
from jaxhash.metrics.distance_histograms import GradedHistograms, Histograms
from jaxhash.metrics.ground_truth import GroundTruth
from jaxhash.metrics.levels import BINARY, Levels, read_levels
from jaxhash.metrics.ranking import Stable
from jaxhash.metrics.relevance import RELEVANT, Relevance, read_relevance
from jaxhash.search.codes import AnyArray, Codes, check_same_bits, read_codes
from jaxhash.search.hamming import choose_backend

__all__ = ['Counter', 'graded_histograms', 'histograms']

MARKS_AT_A_TIME = 2**22


def histograms(
  query_codes: AnyArray,
  database_codes: AnyArray,
  query_labels: AnyArray | None = None,
  database_labels: AnyArray | None = None,
  *,
  num_bits: int | None = None,
  ground_truth: GroundTruth | None = None,
  query_ids: AnyArray | None = None,
  database_ids: AnyArray | None = None,
  block_size: int = 2**20,
  backend: str | None = None,
  mesh: Mesh | None = None,
) -> Histograms:
  """Counts the items at each Hamming distance from each query.

  Args:
    query_codes: `[query, bits]`, in any form that `search.read_codes` takes.
    database_codes: `[database, bits]`, in the same or another form.
    query_labels: int `[query]`, or multi-hot `[query, labels]`: what shares
      a label is relevant.
    database_labels: of the same kind, `[database, ...]`.
    num_bits: bits of packed codes.
    ground_truth: in place of labels, the relevant and the ignored items.
    query_ids: names of the query rows; together with `database_ids` they keep
      a query from retrieving itself.
    database_ids: names of the database rows, in the same terms.
    block_size: database rows that are compared at once by JAX.
    backend: as for `search.top_k`; the result is the same.
    mesh: devices that share the database, each a part of it.

  Returns:
    `Histograms`, int32 `[query, bits + 1]`, on the host.

  Raises:
    ValueError: codes, labels, lists or ids do not fit each other, or the
      block size is below 1.

  Example:
    >>> query = np.array([[1, 1]], np.int8)
    >>> database = np.array([[1, 1], [1, -1], [1, -1]], np.int8)
    >>> counts = histograms(query, database, np.array([3]), np.array([3, 3, 4]))
    >>> counts.all.tolist(), counts.relevant.tolist()
    ([[1, 2, 0]], [[1, 1, 0]])

  Source: McSherry and Najork, "Computing Information Retrieval Performance
  Measures Efficiently in the Presence of Tied Scores", ECIR 2008
  :cite:p:`mcsherry2008ties`.
  """
  query, database, relevance = _read(
    query_codes,
    database_codes,
    num_bits,
    query_labels,
    database_labels,
    ground_truth,
    query_ids,
    database_ids,
  )
  return Counter(
    query,
    database,
    relevance,
    block_size=block_size,
    backend=backend,
    mesh=mesh,
  ).histograms()


def graded_histograms(
  query_codes: AnyArray,
  database_codes: AnyArray,
  query_labels: AnyArray,
  database_labels: AnyArray,
  *,
  similarity: np.ndarray | None = None,
  num_bits: int | None = None,
  query_ids: AnyArray | None = None,
  database_ids: AnyArray | None = None,
  block_size: int = 2**20,
  backend: str | None = None,
  mesh: Mesh | None = None,
) -> GradedHistograms:
  """Counts the items of each gain at each Hamming distance from each query.

  Args:
    query_codes: as for `histograms`.
    database_codes: as for `histograms`.
    query_labels: as for `histograms`.
    database_labels: as for `histograms`.
    similarity: of classes, `[classes, classes]`, finite, at least 0: what an
      item is worth to a query, such as `taxonomy.similarities`. None: an item
      of the class of the query is worth 1; of multi-hot labels, an item with
      n labels in common is worth 2^n - 1.
    num_bits: as for `histograms`.
    query_ids: as for `histograms`.
    database_ids: as for `histograms`.
    block_size: as for `histograms`.
    backend: as for `histograms`.
    mesh: as for `histograms`.

  Returns:
    `GradedHistograms`, counts int32 `[query, bits + 1, levels]`, on the host.

  Raises:
    ValueError: as for `histograms`, or the similarity does not fit.

  Example:
    >>> codes = np.array([[1, 1], [1, -1], [1, -1]], np.int8)
    >>> similarity = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> graded = graded_histograms(
    ...   codes[:1],
    ...   codes,
    ...   np.array([0]),
    ...   np.array([0, 0, 1]),
    ...   similarity=similarity,
    ... )
    >>> graded.gains.tolist(), graded.counts.tolist()
    ([0.0, 0.5, 1.0], [[[0, 0, 1], [0, 1, 1], [0, 0, 0]]])
  """
  query, database, relevance = _read(
    query_codes,
    database_codes,
    num_bits,
    query_labels,
    database_labels,
    None,
    query_ids,
    database_ids,
  )
  levels = read_levels(relevance, similarity)
  return Counter(
    query,
    database,
    relevance,
    block_size=block_size,
    backend=backend,
    mesh=mesh,
  ).graded(levels)


class Counter:
  """Counts items for any of the queries; what can be done once is.

  Args:
    query: codes of all queries.
    database: codes of the database.
    relevance: labels and marks of both.
    block_size: database rows that a device compares at once.
    backend: as for `choose_backend`.
    mesh: devices that share the database; None is the default device.

  Raises:
    ValueError: the block size is below 1, or an unknown backend.
  """

  def __init__(
    self,
    query: Codes,
    database: Codes,
    relevance: Relevance,
    *,
    block_size: int = 2**20,
    backend: str | None = None,
    mesh: Mesh | None = None,
  ):
    check_int('block_size', block_size, 1)
    self.backend = choose_backend(backend, native=mesh is None)
    self._relevance = relevance
    self._query = query
    if self.backend == 'native':
      from jaxhash.metrics._native_counts import NativeDatabase

      self._database: Any = NativeDatabase(database, relevance.database)
    else:
      self._database = DatabaseBlocks(
        database,
        relevance.database,
        block_size=block_size,
        backend=self.backend,
        mesh=mesh,
      )
    marked = len(relevance.marks.item)
    self._words = (query.words64(), database.words64()) if marked else None

  def histograms(self, rows: slice = slice(None)) -> Histograms:
    """Of some of the queries, or all."""
    counts = self._counts(rows, BINARY)
    return Histograms(counts.sum(axis=1, dtype=np.int32), counts[:, 1])

  def graded(
    self, levels: Levels, rows: slice = slice(None)
  ) -> GradedHistograms:
    """By level; of some of the queries, or all."""
    counts = self._counts(rows, levels)
    return GradedHistograms(counts.swapaxes(1, 2), levels.gains)

  def stable(
    self,
    rows: slice,
    counts: Histograms,
    at: int,
    ks: Sequence[int],
    *,
    area: str = 'steps',
  ) -> Stable:
    """The ranking in the order of the database, if the backend is `native`.

    Args:
      rows: of the queries.
      counts: of these queries.
      at: R of mAP@R.
      ks: numbers of items to count relevant ones in.
      area: as in `EvaluationProtocol`.

    Returns:
      Sums of precisions and counts of relevant items.
    """
    precisions, found = self._database.stable(
      self._query.rows(rows.start, rows.stop),
      self._relevance.rows(rows),
      counts,
      (*ks, at),
      area=area,
    )
    return Stable(precisions, found[:, -1], found[:, :-1])

  def _counts(self, rows: slice, levels: Levels) -> np.ndarray:
    start, stop, _ = rows.indices(len(self._query))
    relevance = self._relevance.rows(slice(start, stop))
    counts = self._database.count(
      self._query.rows(start, stop), relevance.query, levels
    )
    if self._words is not None:
      words = self._words[0][:, start:stop], self._words[1]
      _correct(counts, words, relevance, levels)
    return counts


def _correct(
  counts: np.ndarray,
  words: tuple[np.ndarray, np.ndarray],
  relevance: Relevance,
  levels: Levels,
) -> None:
  """Takes marked items from where their labels put them, in place."""
  marks, queries = relevance.marks, relevance.marks.query()
  for i in range(0, len(queries), MARKS_AT_A_TIME):
    part = slice(i, i + MARKS_AT_A_TIME)
    query, item, kind = queries[part], marks.item[part], marks.kind[part]
    distance = np.zeros(len(query), np.int64)
    for q, x in zip(*words):
      distance += np.bitwise_count(q[query] ^ x[item])
    level = levels.of(relevance.query[query], relevance.database[item])
    np.subtract.at(counts, (query, level, distance), 1)
    found = kind == RELEVANT
    np.add.at(counts, (query[found], 1, distance[found]), 1)


def _read(
  query_codes: AnyArray,
  database_codes: AnyArray,
  num_bits: int | None,
  *relevance: Any,
) -> tuple[Codes, Codes, Relevance]:
  query = read_codes(query_codes, 'query codes', num_bits)
  database = read_codes(database_codes, 'database codes', num_bits)
  check_same_bits(query, database)
  return query, database, read_relevance(len(query), len(database), *relevance)
