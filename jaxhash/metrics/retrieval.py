"""Precision and recall from distance histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxhash._checks import check_int
from jaxhash.metrics._checks import check_counts, check_cut_offs
from jaxhash.metrics.distance_histograms import Histograms
from jaxhash.metrics.protocol import check_choice

__all__ = [
  'precision_at_k',
  'precision_recall_at_k',
  'precision_recall_curve',
  'precision_recall_within_radius',
]


def precision_at_k(histograms: Histograms, k: int) -> np.ndarray:
  """Expected precision among the first k items, over all orders of ties.

  Args:
    histograms: counts of all and of relevant items, `[query, groups]`.
    k: number of items, at least 1.

  Returns:
    float64 `[query]` in [0, 1]. A ranking of fewer than k items is divided by
    k all the same.

  Raises:
    ValueError: k is no int of at least 1.

  Example:
    >>> counts = Histograms(np.array([[1, 4]]), np.array([[1, 2]]))
    >>> precision_at_k(counts, 3).tolist()  # 1, and 2 places of 4 with 2
    [0.6666666666666666]
  """
  return precision_recall_at_k(histograms, [k])[0][:, 0]


def precision_recall_at_k(
  histograms: Histograms, ks: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
  """Expected precision and recall among the first k items, for several k.

  Of a group of equal distance that k divides, items count by the share of the
  group that is inside: the expectation over all orders.

  Args:
    histograms: counts of all and of relevant items, `[query, groups]`.
    ks: numbers of items, each at least 1.

  Returns:
    Precision and recall, float64 `[query, len(ks)]`; the recall of a query
    without relevant items is 0.

  Raises:
    ValueError: a k is no int of at least 1.

  Example:
    >>> counts = Histograms(np.array([[1, 4]]), np.array([[1, 2]]))
    >>> precision_recall_at_k(counts, [1, 5])[1].round(3).tolist()
    [[0.333, 1.0]]
  """
  check_cut_offs(ks)
  n, r = check_counts(histograms)
  items, relevant = (x.cumsum(axis=1, dtype=np.int64) for x in (n, r))
  total = items[:, -1:]
  places = np.minimum(np.asarray(ks, np.int64)[None], total)
  # The group of each place, of all queries by one search in one long array.
  row = np.arange(len(n))[:, None]
  shift = row * (total.max() + 1)
  cells = np.searchsorted((items + shift).ravel(), (places + shift).ravel())
  group = cells.reshape(places.shape) - row * n.shape[1]
  n, r, items, found = (
    np.take_along_axis(x, group, axis=1) for x in (n, r, items, relevant)
  )
  # Of the group that k divides, the share that is inside.
  found = found - r + r / np.maximum(n, 1) * (places - (items - n))
  return (
    found / np.asarray(ks, np.float64)[None],
    found / np.maximum(relevant[:, -1:], 1),
  )


def precision_recall_within_radius(
  histograms: Histograms, radius: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Precision and recall of the items within a Hamming radius.

  Args:
    histograms: of Hamming distances, `[query, bits + 1]`.
    radius: greatest distance that counts, at least 0.

  Returns:
    Precision and recall, float64 `[query]`, 0 where nothing is within the
    radius, or nothing is relevant; and whether anything is within it, bool
    `[query]`. Papers mostly let an empty ball count as precision 0.

  Raises:
    ValueError: the radius is no int of at least 0.

  Example:
    >>> counts = Histograms(
    ...   np.array([[2, 4], [0, 5]]), np.array([[1, 0], [0, 3]])
    ... )
    >>> precision, recall, retrieved = precision_recall_within_radius(counts, 0)
    >>> precision.tolist(), recall.tolist(), retrieved.tolist()
    ([0.5, 0.0], [1.0, 0.0], [True, False])
  """
  check_int('radius', radius, 0)
  n, r = check_counts(histograms)
  found = n[:, : radius + 1].sum(axis=1)
  relevant = r[:, : radius + 1].sum(axis=1)
  total = np.maximum(r.sum(axis=1), 1)
  return relevant / np.maximum(found, 1), relevant / total, found > 0


def precision_recall_curve(
  histograms: Histograms, *, empty: str = 'skip'
) -> tuple[np.ndarray, np.ndarray]:
  """Precision and recall of retrieving all within each distance.

  Means over the queries; of recall over those that have relevant items.

  Args:
    histograms: of Hamming distances, `[query, bits + 1]`.
    empty: a query that retrieves nothing within a distance is left out of the
      mean precision there (`skip`), or counts 0 (`zero`).

  Returns:
    Precision and recall, float64 `[bits + 1]`; NaN where there is no query to
    take the mean over.

  Raises:
    ValueError: `empty` is unknown.

  Example:
    >>> counts = Histograms(np.array([[0, 2, 2]]), np.array([[0, 2, 0]]))
    >>> [x.tolist() for x in precision_recall_curve(counts)]
    [[nan, 1.0, 0.5], [0.0, 1.0, 1.0]]
  """
  check_choice('empty', empty)
  return curve_of_sums(curve_sums(histograms), len(histograms.all), empty)


def curve_sums(histograms: Histograms) -> np.ndarray:
  """What the curve is made of; parts of the queries add up, `[4, groups]`."""
  n, r = check_counts(histograms)
  found = n.cumsum(axis=1, dtype=np.int64)
  relevant = r.cumsum(axis=1, dtype=np.int64)
  total = relevant[:, -1:]
  return np.stack(
    [
      (relevant / np.maximum(found, 1)).sum(axis=0),
      (found > 0).sum(axis=0),
      (relevant / np.maximum(total, 1)).sum(axis=0),
      np.full(n.shape[1], (total > 0).sum()),
    ]
  )


def curve_of_sums(
  sums: np.ndarray, num_query: int, empty: str = 'skip'
) -> tuple[np.ndarray, np.ndarray]:
  """Precision and recall at each group; NaN where there is no mean."""
  precision, retrieving, recall, answerable = sums
  if empty == 'zero':
    retrieving = np.full_like(retrieving, num_query)
  return (
    np.where(retrieving > 0, precision / np.maximum(retrieving, 1), np.nan),
    np.where(answerable > 0, recall / np.maximum(answerable, 1), np.nan),
  )
