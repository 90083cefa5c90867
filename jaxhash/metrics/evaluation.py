"""All scores of a retrieval run at once, of codes or of any ranking."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.sharding import Mesh

from jaxhash.metrics.counting import Counter
from jaxhash.metrics.ground_truth import GroundTruth
from jaxhash.metrics.levels import read_levels
from jaxhash.metrics.measures import Measures
from jaxhash.metrics.protocol import EvaluationProtocol
from jaxhash.metrics.ranking import graded_order_histograms, stable_ranking
from jaxhash.metrics.relevance import read_relevance
from jaxhash.metrics.retrieval import curve_of_sums, curve_sums
from jaxhash.metrics.scores import (
  QueryScores,
  Score,
  join_scores,
  query_parts,
  score_counts,
)
from jaxhash.metrics.summary import summarize
from jaxhash.search.codes import AnyArray, check_same_bits, read_codes
from jaxhash.search.hamming import hamming_distances
from jaxhash.search.topk import top_k

__all__ = ['evaluate', 'score_codes']

COUNTS_AT_A_TIME = 2**22
PAIRS_AT_A_TIME = 2**21


def evaluate(
  query_codes: AnyArray,
  database_codes: AnyArray,
  query_labels: AnyArray | None = None,
  database_labels: AnyArray | None = None,
  protocol: EvaluationProtocol | None = None,
  *,
  measures: Measures | None = None,
  num_bits: int | None = None,
  ground_truth: GroundTruth | None = None,
  similarity: np.ndarray | None = None,
  query_ids: AnyArray | None = None,
  database_ids: AnyArray | None = None,
  block_size: int = 2**20,
  backend: str | None = None,
  mesh: Mesh | None = None,
  progress: bool = False,
  bootstrap: int = 0,
  by_class: bool = False,
) -> dict[str, Any]:
  """Scores codes by Hamming distance.

  Args:
    query_codes: `[query, bits]`, -1/+1, 0/1, bool or packed, NumPy, JAX or
      anything with DLPack; see `search.read_codes`.
    database_codes: `[database, bits]`, in the same or another form.
    query_labels: int `[query]`, negative for unknown, or multi-hot
      `[query, labels]`: what shares a label is relevant.
    database_labels: of the same kind, `[database, ...]`.
    protocol: how mAP is computed; None is `EvaluationProtocol()`.
    measures: what is measured beside mAP; None is `Measures()`.
    num_bits: bits of packed codes.
    ground_truth: in place of labels, the relevant and the ignored items.
    similarity: of classes, `[classes, classes]`, for graded measures; see
      `graded_histograms`.
    query_ids: names of the query rows; together with `database_ids` they keep
      a query from retrieving itself.
    database_ids: names of the database rows, in the same terms.
    block_size: database rows that are compared at once by JAX.
    backend: as for `search.top_k`; the result is the same.
    mesh: devices that share the database, each a part of it.
    progress: whether to show a progress bar.
    bootstrap: resamples of the queries for 95% intervals; 0 for none.
    by_class: whether to add the scores of each class.

  Returns:
    Plain values, means over queries; see `summarize` for the names.

  Raises:
    ValueError: codes, labels, lists, ids or numbers are not as above; the
      message says which and where.

  Example:
    >>> codes = np.array([[1, 1], [1, -1], [-1, -1]], np.int8)
    >>> scores = evaluate(
    ...   codes[:1],
    ...   codes,
    ...   np.array([0]),
    ...   np.array([0, 0, 1]),
    ...   measures=Measures(precision_at=(1, 3)),
    ... )
    >>> scores['mAP'], round(scores['precision@3'], 4)
    (1.0, 0.6667)
  """
  scores = score_codes(
    query_codes,
    database_codes,
    query_labels,
    database_labels,
    protocol,
    measures=measures,
    num_bits=num_bits,
    ground_truth=ground_truth,
    similarity=similarity,
    query_ids=query_ids,
    database_ids=database_ids,
    block_size=block_size,
    backend=backend,
    mesh=mesh,
    progress=progress,
  )
  return summarize(scores, bootstrap=bootstrap, by_class=by_class)


def score_codes(
  query_codes: AnyArray,
  database_codes: AnyArray,
  query_labels: AnyArray | None = None,
  database_labels: AnyArray | None = None,
  protocol: EvaluationProtocol | None = None,
  *,
  measures: Measures | None = None,
  num_bits: int | None = None,
  ground_truth: GroundTruth | None = None,
  similarity: np.ndarray | None = None,
  query_ids: AnyArray | None = None,
  database_ids: AnyArray | None = None,
  block_size: int = 2**20,
  backend: str | None = None,
  mesh: Mesh | None = None,
  progress: bool = False,
) -> QueryScores:
  """The scores of each query, of which `evaluate` gives the means.

  Args:
    query_codes: as for `evaluate`.
    database_codes: as for `evaluate`.
    query_labels: as for `evaluate`.
    database_labels: as for `evaluate`.
    protocol: as for `evaluate`.
    measures: as for `evaluate`.
    num_bits: as for `evaluate`.
    ground_truth: as for `evaluate`.
    similarity: as for `evaluate`.
    query_ids: as for `evaluate`.
    database_ids: as for `evaluate`.
    block_size: as for `evaluate`.
    backend: as for `evaluate`.
    mesh: as for `evaluate`.
    progress: as for `evaluate`.

  Returns:
    To be compared with those of another run, saved, or summarized.

  Raises:
    ValueError: as for `evaluate`.

  Example:
    >>> codes = np.array([[1, 1], [1, -1], [-1, -1]], np.int8)
    >>> labels = np.array([0, 1, 0])
    >>> scores = score_codes(codes, codes, labels, labels)
    >>> scores.values['mAP'].round(3).tolist()
    [0.833, 1.0, 0.833]
  """
  protocol = protocol or EvaluationProtocol()
  query = read_codes(query_codes, 'query codes', num_bits)
  database = read_codes(database_codes, 'database codes', num_bits)
  check_same_bits(query, database)
  num_query, num_database = len(query), len(database)
  measures = (measures or Measures()).inside(num_database)
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
  counter = Counter(
    query,
    database,
    relevance,
    block_size=block_size,
    backend=backend,
    mesh=mesh,
  )
  in_order = protocol.ties == 'database_order'
  # Where the kernels cannot rank in the order of the database, a sort does.
  sort = in_order and counter.backend != 'native'
  size = (query.num_bits + 1) * (2 + len(levels.gains) * measures.graded)
  rows = COUNTS_AT_A_TIME // size
  if sort:
    rows = min(rows, PAIRS_AT_A_TIME // num_database)
  if in_order and measures.graded:
    farthest = measures.farthest + relevance.marks.most()
    rows = min(rows, PAIRS_AT_A_TIME // (farthest * len(levels.gains)))
  at = num_database if protocol.at is None else protocol.at
  ks = measures.precision_at
  parts: list[dict[str, Score]] = []
  curve = np.zeros(())
  for part in query_parts(num_query, rows, progress):
    some, here = query.rows(part.start, part.stop), relevance.rows(part)
    histograms = counter.histograms(part)
    curve = curve + curve_sums(histograms)
    graded = stable = None
    if measures.graded:
      graded = counter.graded(levels, part)
      if in_order:
        k = min(measures.farthest + here.marks.most(), num_database)
        _, order = top_k(some, database, k, backend=backend, mesh=mesh)
        graded = graded_order_histograms(
          np.asarray(order), graded, here, levels
        )
    if sort:
      distances = np.asarray(hamming_distances(some, database))
      stable = stable_ranking(
        distances, *here.masks(), protocol.at, ks, area=protocol.area
      )
    elif in_order:
      stable = counter.stable(part, histograms, at, ks, area=protocol.area)
    parts.append(score_counts(histograms, graded, protocol, measures, stable))
  precision, recall = curve_of_sums(curve, num_query)
  shown = np.flatnonzero(np.isfinite(precision) & np.isfinite(recall))
  facts = {
    'num_bits': query.num_bits,
    'empty_balls': measures.empty_balls,
    'pr_curve': {
      'distance': shown.tolist(),
      'precision': precision[shown].tolist(),
      'recall': recall[shown].tolist(),
    },
  }
  return join_scores(parts, protocol, num_database, relevance, facts)
