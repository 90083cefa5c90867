"""All scores of a retrieval run at once, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Int8, Num, Shaped

from jaxhash.metrics.average_precision import (
  average,
  expected_average_precision,
  mean_average_precision,
)
from jaxhash.metrics.histograms import (
  check_ranking,
  hamming_histograms,
  ranking_histograms,
)
from jaxhash.metrics.protocol import EvaluationProtocol
from jaxhash.metrics.retrieval import (
  check_cut_offs,
  check_radius,
  precision_recall_at_k,
  precision_recall_curve,
  precision_within_radius,
)
from jaxhash.search.validation import check_pair

__all__ = ['evaluate', 'evaluate_ranking']

CURVE_POINTS = 50
PAIRS_AT_A_TIME = 2**22


def evaluate(
  query_codes: Int8[Array | np.ndarray, 'query bits'],
  database_codes: Int8[Array | np.ndarray, 'database bits'],
  query_labels: Shaped[Array | np.ndarray, 'query ...'],
  database_labels: Shaped[Array | np.ndarray, 'database ...'],
  protocol: EvaluationProtocol | None = None,
  *,
  precision_at: Sequence[int] = (1, 10, 100),
  radius: int = 2,
  query_ids: Shaped[np.ndarray, 'query'] | None = None,
  database_ids: Shaped[np.ndarray, 'database'] | None = None,
) -> dict[str, Any]:
  """Scores codes by Hamming distance.

  Args:
    query_codes: int8 -1/+1, `[query, bits]`.
    database_codes: int8 -1/+1, `[database, bits]`.
    query_labels: int `[query]` or multi-hot `[query, classes]`.
    database_labels: of the same kind, `[database, ...]`.
    protocol: how mAP is computed; None is `EvaluationProtocol()`.
    precision_at: numbers of items for the precision at k; those beyond the
      database are left out.
    radius: Hamming radius for the precision within it.
    query_ids: names of the query rows; together with `database_ids` they keep
      a query from retrieving itself.
    database_ids: names of the database rows, in the same terms.

  Returns:
    Plain values: `mAP`, `precision@k` for each k (expected over ties),
    `precision@radius<r>` (a query that retrieves nothing counts 0),
    `num_query`, `num_database`, `num_bits`, `protocol` in one line and its
    `protocol_digest`, and `pr_curve`: lists `distance`, `precision` and
    `recall` (means over queries, without those that retrieve nothing within
    the distance) at the distances where any query retrieves anything; empty
    where no query has a relevant item.

  Raises:
    ValueError: codes, labels, ids or the numbers of items are not as above;
      the message says which and where.

  Example:
    >>> codes = np.array([[1, 1], [1, -1], [-1, -1]], np.int8)
    >>> scores = evaluate(
    ...   codes[:1],
    ...   codes,
    ...   np.array([0]),
    ...   np.array([0, 0, 1]),
    ...   precision_at=(1, 3),
    ... )
    >>> scores['mAP'], round(scores['precision@3'], 4)
    (1.0, 0.6667)
  """
  protocol = protocol or EvaluationProtocol()
  check_cut_offs(precision_at)
  check_radius(radius)
  check_pair(query_codes, database_codes)
  histograms = hamming_histograms(
    query_codes,
    database_codes,
    query_labels,
    database_labels,
    query_ids=query_ids,
    database_ids=database_ids,
  )
  ks = [k for k in precision_at if k <= len(database_codes)]
  precision, _ = precision_recall_at_k(histograms, ks)
  curve = precision_recall_curve(histograms)
  distance = np.flatnonzero(np.isfinite(curve).all(axis=0))
  return {
    'mAP': mean_average_precision(histograms, protocol),
    **_named(ks, precision),
    f'precision@radius{radius}': precision_within_radius(histograms, radius),
    'num_query': len(query_codes),
    'num_database': len(database_codes),
    'num_bits': query_codes.shape[1],
    'protocol': str(protocol),
    'protocol_digest': protocol.digest(),
    'pr_curve': {
      'distance': distance.tolist(),
      'precision': curve[0][distance].tolist(),
      'recall': curve[1][distance].tolist(),
    },
  }


def evaluate_ranking(
  distances: Num[Array | np.ndarray, 'query database'],
  relevant: Bool[Array | np.ndarray, 'query database'],
  protocol: EvaluationProtocol | None = None,
  *,
  precision_at: Sequence[int] = (1, 10, 100),
  excluded: Bool[Array | np.ndarray, 'query database'] | None = None,
) -> dict[str, Any]:
  """Scores a ranking by real-valued distances; equal ones are ties.

  Args:
    distances: any real numbers without NaN, `[query, database]`.
    relevant: which items are relevant to which queries, of the same shape.
    protocol: how mAP is computed; None is `EvaluationProtocol()`.
    precision_at: numbers of items for the precision at k; those beyond the
      database are left out.
    excluded: which pairs do not count, such as a query and itself.

  Returns:
    Plain values as of `evaluate`, without a radius and `num_bits`. Distances
    of different queries do not compare, so that `pr_curve` goes by the number
    of items retrieved: `at`, `precision` and `recall`, lists of up to 50
    points, evenly spaced by their logarithm.

  Raises:
    ValueError: the shapes differ, are empty, or a distance is NaN; the
      numbers of items are not ints of at least 1.

  Example:
    >>> scores = evaluate_ranking(
    ...   np.array([[0.1, 0.2, 0.3]]), np.array([[True, False, True]])
    ... )
    >>> round(scores['mAP'], 6)
    0.833333
  """
  protocol = protocol or EvaluationProtocol()
  check_cut_offs(precision_at)
  distances = check_ranking(distances, relevant, excluded)
  num_query, num_database = distances.shape
  points = np.unique(
    np.geomspace(1, num_database, CURVE_POINTS).round().astype(int)
  ).tolist()
  ks = [k for k in precision_at if k <= num_database]
  rows = max(1, PAIRS_AT_A_TIME // num_database)
  parts = []
  for i in range(0, num_query, rows):
    part = slice(i, i + rows)
    histograms = ranking_histograms(
      distances[part],
      relevant[part],
      None if excluded is None else excluded[part],
    )
    parts.append(
      (
        *expected_average_precision(
          histograms, at=protocol.at, denominator=protocol.denominator
        ),
        *precision_recall_at_k(histograms, [*ks, *points]),
        np.asarray(histograms.relevant).sum(1) > 0,
      )
    )
  value, not_empty, precision, recall, answerable = (
    np.concatenate(part) for part in zip(*parts)
  )
  split = len(ks)
  mean_recall = recall[:, split:].sum(0) / max(int(answerable.sum()), 1)
  return {
    'mAP': average(value, not_empty, empty=protocol.empty),
    **_named(ks, precision),
    'num_query': num_query,
    'num_database': num_database,
    'protocol': str(protocol),
    'protocol_digest': protocol.digest(),
    'pr_curve': {
      'at': points,
      'precision': precision[:, split:].mean(0).tolist(),
      'recall': mean_recall.tolist(),
    },
  }


def _named(ks: Sequence[int], precision: np.ndarray) -> dict[str, float]:
  return {
    f'precision@{k}': float(precision[:, i].mean()) for i, k in enumerate(ks)
  }
