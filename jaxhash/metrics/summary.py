"""Means over queries, their intervals, and the scores of each class."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxhash.metrics.scores import QueryScores
from jaxhash.metrics.statistics import bootstrap_interval

__all__ = ['summarize']


def summarize(
  scores: QueryScores,
  *,
  bootstrap: int = 0,
  confidence: float = 0.95,
  seed: int = 0,
  by_class: bool = False,
) -> dict[str, Any]:
  """The means of scores over queries, as plain values for JSON.

  Args:
    scores: of each query.
    bootstrap: resamples of the queries for intervals; 0 for none.
    confidence: of the intervals.
    seed: of the resampling.
    by_class: whether to add the means over the queries of each class.

  Returns:
    `mAP`; `mAP_best` and `mAP_worst`, what it would be if relevant items
    always came first, or last, among equally distant ones; under another rule
    for ties than `expected` also `mAP_expected`, and `tie_difference`, how
    much more the mAP is than that. `precision@k` and `recall@k` for
    each k that the database has items for;
    `precision@radiusR`, `recall@radiusR` and `empty_balls@radiusR`, the share
    of queries with nothing within the radius, of which `empty_balls` says
    what they count in the precision; `NDCG@k`, `HP@k` and `mAHP@k`. Queries
    without relevant items are left out of recalls. `num_query`,
    `num_database`, `num_bits`, `protocol` in one line, its
    `protocol_digest`, and `pr_curve`: lists `distance`, `precision` and
    `recall` (means over queries, without those that retrieve nothing within
    the distance) at the distances where any query retrieves anything; empty
    where no query has a relevant item. With intervals `intervals`: the two
    ends for each mean that any query counts in. By class `classes`: for each
    class (or label) that queries have, in order, `class`, `num_query` and the
    means.

  Raises:
    ValueError: an argument is out of range.

  Example:
    >>> from jaxhash.metrics import score_codes
    >>> codes = np.array([[1, 1], [1, -1], [-1, -1]], np.int8)
    >>> labels = np.array([0, 1, 0])
    >>> scores = score_codes(codes, codes, labels, labels)
    >>> results = summarize(scores, by_class=True)
    >>> round(results['mAP'], 3)
    0.889
    >>> [round(x['mAP'], 3) for x in results['classes']]
    [0.833, 1.0]
  """
  names = sorted(scores.values, key=_order)
  means = {name: scores.mean(name) for name in names}
  results: dict[str, Any] = dict(means)
  if 'mAP_expected' in means:
    results['tie_difference'] = means['mAP'] - means['mAP_expected']
  results |= scores.facts
  if bootstrap:
    results['intervals'] = {
      name: bootstrap_interval(
        scores.values[name],
        scores.weights[name],
        confidence=confidence,
        num_resamples=bootstrap,
        seed=seed,
      )
      for name in names
      if scores.weights[name].any()
    }
  if by_class:
    results['classes'] = [
      {
        'class': number,
        'num_query': int(rows.sum()),
        **{name: scores.mean(name, rows) for name in names},
      }
      for number, rows in _classes(scores.labels)
    ]
  return results


def _order(name: str) -> int:
  """mAP before all others, which keep their order."""
  return 0 if name == 'mAP' else 1


def _classes(labels: np.ndarray) -> list[tuple[int, np.ndarray]]:
  """Which queries are of each class that any is of."""
  if labels.ndim == 2:
    found = np.flatnonzero(labels.any(axis=0))
    return [(int(label), labels[:, label]) for label in found]
  return [(int(c), labels == c) for c in np.unique(labels) if c >= 0]
