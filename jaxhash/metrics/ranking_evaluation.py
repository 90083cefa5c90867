"""All scores of a ranking by any distance, which is not in memory at once."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from jaxhash.metrics.ground_truth import GroundTruth
from jaxhash.metrics.levels import read_levels
from jaxhash.metrics.measures import Measures
from jaxhash.metrics.protocol import EvaluationProtocol
from jaxhash.metrics.ranking import (
  check_distances,
  graded_order_histograms,
  graded_ranking_histograms,
  ranking_histograms,
  stable_ranking,
)
from jaxhash.metrics.relevance import read_relevance
from jaxhash.metrics.retrieval import precision_recall_at_k
from jaxhash.metrics.scores import (
  QueryScores,
  Score,
  join_scores,
  query_parts,
  score_counts,
)
from jaxhash.metrics.summary import summarize
from jaxhash.search.codes import AnyArray, read_array

__all__ = ['evaluate_ranking', 'score_ranking']

CURVE_POINTS = 50
PAIRS_AT_A_TIME = 2**21
MOST_THREADS = 8

T = TypeVar('T')


def evaluate_ranking(
  distances: AnyArray | Callable[[slice], AnyArray],
  query_labels: AnyArray | None = None,
  database_labels: AnyArray | None = None,
  protocol: EvaluationProtocol | None = None,
  *,
  measures: Measures | None = None,
  ground_truth: GroundTruth | None = None,
  similarity: np.ndarray | None = None,
  query_ids: AnyArray | None = None,
  database_ids: AnyArray | None = None,
  progress: bool = False,
  bootstrap: int = 0,
  by_class: bool = False,
) -> dict[str, Any]:
  """Scores a ranking by real-valued distances; equal ones are ties.

  Args:
    distances: any real numbers without NaN, `[query, database]`, such as
      minus the cosine; or a function that gives some rows of them, the
      queries of a slice, so that they are never all in memory.
    query_labels: as for `evaluate`.
    database_labels: as for `evaluate`.
    protocol: as for `evaluate`.
    measures: as for `evaluate`; there is no radius.
    ground_truth: as for `evaluate`. With a function for distances its
      database is as large as the first rows say.
    similarity: as for `evaluate`.
    query_ids: as for `evaluate`.
    database_ids: as for `evaluate`.
    progress: as for `evaluate`.
    bootstrap: as for `evaluate`.
    by_class: as for `evaluate`.

  Returns:
    Plain values as of `evaluate`, without a radius and `num_bits`. Distances
    of different queries do not compare, so that `pr_curve` goes by the number
    of items retrieved: `at`, `precision` and `recall`, lists of up to 50
    points, evenly spaced by their logarithm.

  Raises:
    ValueError: distances and labels do not fit each other, or a distance is
      NaN.

  Example:
    >>> scores = evaluate_ranking(
    ...   np.array([[0.1, 0.2, 0.3]]), np.array([7]), np.array([7, 8, 7])
    ... )
    >>> round(scores['mAP'], 6)
    0.833333
  """
  scores = score_ranking(
    distances,
    query_labels,
    database_labels,
    protocol,
    measures=measures,
    ground_truth=ground_truth,
    similarity=similarity,
    query_ids=query_ids,
    database_ids=database_ids,
    progress=progress,
  )
  return summarize(scores, bootstrap=bootstrap, by_class=by_class)


def score_ranking(
  distances: AnyArray | Callable[[slice], AnyArray],
  query_labels: AnyArray | None = None,
  database_labels: AnyArray | None = None,
  protocol: EvaluationProtocol | None = None,
  *,
  measures: Measures | None = None,
  ground_truth: GroundTruth | None = None,
  similarity: np.ndarray | None = None,
  query_ids: AnyArray | None = None,
  database_ids: AnyArray | None = None,
  progress: bool = False,
) -> QueryScores:
  """The scores of each query, of which `evaluate_ranking` gives the means.

  Args:
    distances: as for `evaluate_ranking`.
    query_labels: as for `evaluate_ranking`.
    database_labels: as for `evaluate_ranking`.
    protocol: as for `evaluate_ranking`.
    measures: as for `evaluate_ranking`.
    ground_truth: as for `evaluate_ranking`.
    similarity: as for `evaluate_ranking`.
    query_ids: as for `evaluate_ranking`.
    database_ids: as for `evaluate_ranking`.
    progress: as for `evaluate_ranking`.

  Returns:
    To be compared with those of another run, saved, or summarized.

  Raises:
    ValueError: as for `evaluate_ranking`.

  Example:
    >>> distances = np.array([[0.1, 0.2], [0.2, 0.1]])
    >>> labels = np.array([0, 1])
    >>> score_ranking(distances, labels, labels).values['mAP'].tolist()
    [1.0, 1.0]
  """
  protocol = protocol or EvaluationProtocol()
  rows_of, num_query, num_database = _read_distances(
    distances, ground_truth if query_labels is None else query_labels
  )
  measures = dataclasses.replace(measures or Measures(), radius=None)
  measures = measures.inside(num_database)
  relevance = read_relevance(
    num_query,
    num_database,
    query_labels,
    database_labels,
    ground_truth,
    query_ids,
    database_ids,
  )
  measures.check_levels(similarity)
  levels = read_levels(relevance, similarity)
  in_order = protocol.ties == 'database_order'
  points = np.unique(
    np.geomspace(1, num_database, CURVE_POINTS).round().astype(int)
  ).tolist()
  rows = PAIRS_AT_A_TIME // num_database
  if measures.graded:
    groups = min(measures.farthest + 1, num_database)
    rows = min(rows, PAIRS_AT_A_TIME // (groups * len(levels.gains)))

  def read(part: slice) -> tuple[slice, np.ndarray]:
    block = check_distances(read_array(rows_of(part)), first=part.start)
    if block.shape != (part.stop - part.start, num_database):
      raise ValueError(
        f'the distances of {part.stop - part.start} queries must be '
        f'[query, {num_database}], got {list(block.shape)}'
      )
    return part, block

  def score_part(
    part: slice, block: np.ndarray
  ) -> tuple[dict[str, Score], np.ndarray, int]:
    masks = relevance.rows(part).masks()
    histograms = ranking_histograms(block, *masks)
    graded = stable = None
    if measures.graded:
      here, k = relevance.rows(part), measures.farthest
      graded = graded_ranking_histograms(block, here, levels, k)
      if in_order:
        order = np.argsort(block, axis=1, kind='stable')
        order = order[:, : k + here.marks.most()]
        graded = graded_order_histograms(order, graded, here, levels)
    if in_order:
      stable = stable_ranking(
        block,
        *masks,
        protocol.at,
        measures.precision_at,
        area=protocol.area,
      )
    curve = precision_recall_at_k(histograms, points)
    return (
      score_counts(histograms, graded, protocol, measures, stable),
      np.stack([c.sum(axis=0) for c in curve]),
      int(histograms.relevant.any(axis=1).sum()),
    )

  blocks = map(read, query_parts(num_query, rows, progress))
  found = _in_threads(score_part, blocks)
  parts, curves, counts = zip(*found)
  precision, recall = np.sum(curves, axis=0)
  answerable = sum(counts)
  facts: dict[str, Any] = {
    'pr_curve': {
      'at': points,
      'precision': (precision / num_query).tolist(),
      'recall': (recall / max(answerable, 1)).tolist(),
    }
  }
  return join_scores(parts, protocol, num_database, relevance, facts)


def _read_distances(
  distances: Any, truth: Any
) -> tuple[Callable[[slice], Any], int, int]:
  """A function of some rows, and the numbers of queries and items."""
  if callable(distances):
    if truth is None or not len(truth):
      raise ValueError('distances by a function need labels or ground truth')
    first = check_distances(read_array(distances(slice(0, 1))))
    return distances, len(truth), first.shape[1]
  whole = read_array(distances)
  if whole.ndim != 2 or 0 in whole.shape:
    check_distances(whole)
  return whole.__getitem__, *whole.shape


def _in_threads(
  function: Callable[..., T], arguments: Iterable[tuple[Any, ...]]
) -> list[T]:
  """Results in order; NumPy sorts and sums without Python's lock.

  The arguments are made here and not in the threads: who gives distances by a
  function has contexts of this one, of JAX say.
  """
  workers = min(MOST_THREADS, _num_cores())
  found: list[T] = []
  waiting: collections.deque[Future[T]] = collections.deque()
  with ThreadPoolExecutor(workers) as pool:
    for given in arguments:
      waiting.append(pool.submit(function, *given))
      if len(waiting) > workers:  # so that few blocks are held
        found.append(waiting.popleft().result())
    found += [future.result() for future in waiting]
  return found


def _num_cores() -> int:
  """Cores that this process may use."""
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
