"""Precision and recall from distance histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxhash.metrics.average_precision import average, check_counts
from jaxhash.metrics.histograms import Histograms
from jaxhash.metrics.protocol import check_choice

__all__ = [
  'precision_at_k',
  'precision_recall_at_k',
  'precision_recall_curve',
  'precision_within_radius',
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
  start = np.zeros((len(n), 1), np.int64)
  items = np.concatenate([start, np.cumsum(n, axis=1)], axis=1)
  relevant = np.concatenate([start, np.cumsum(r, axis=1)], axis=1)
  # The share of the group that k divides is a linear interpolation.
  found = np.stack([np.interp(ks, *row) for row in zip(items, relevant)])
  total = np.maximum(r.sum(axis=1, keepdims=True), 1)
  return found / np.asarray(ks, np.float64)[None], found / total


def precision_within_radius(
  histograms: Histograms, radius: int, *, empty: str = 'zero'
) -> float:
  """Mean precision among the items within a Hamming radius.

  Args:
    histograms: of Hamming distances, `[query, bits + 1]`.
    radius: greatest distance that counts, at least 0.
    empty: a query whose ball is empty counts 0 (`zero`), as in the papers
      that report it, or is left out of the mean (`skip`).

  Returns:
    The mean over the queries, in [0, 1]; 0 where all balls are empty.

  Raises:
    ValueError: the radius is no int of at least 0, or `empty` is unknown.

  Example:
    >>> counts = Histograms(
    ...   np.array([[2, 4], [0, 5]]), np.array([[1, 0], [0, 3]])
    ... )
    >>> precision_within_radius(counts, 0)
    0.25
    >>> precision_within_radius(counts, 0, empty='skip')
    0.5
  """
  check_radius(radius)
  n, r = check_counts(histograms)
  found = n[:, : radius + 1].sum(axis=1)
  relevant = r[:, : radius + 1].sum(axis=1)
  return average(relevant / np.maximum(found, 1), found > 0, empty=empty)


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
  n, r = check_counts(histograms)
  found, relevant = np.cumsum(n, axis=1), np.cumsum(r, axis=1)
  total = relevant[:, -1:]
  retrieving = (found > 0).sum(axis=0)
  if empty == 'zero':
    retrieving = np.full_like(retrieving, len(found))
  answerable = int((total > 0).sum())
  precision = (relevant / np.maximum(found, 1)).sum(axis=0)
  recall = (relevant / np.maximum(total, 1)).sum(axis=0)
  return (
    np.where(retrieving > 0, precision / np.maximum(retrieving, 1), np.nan),
    recall / answerable if answerable else np.full_like(recall, np.nan),
  )


def check_cut_offs(ks: Sequence[int]) -> None:
  """Numbers of items are ints of at least 1."""
  for k in ks:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
      raise ValueError(f'k must be an int of at least 1, got {k!r}')


def check_radius(radius: int) -> None:
  """A Hamming radius is an int of at least 0."""
  if isinstance(radius, bool) or not isinstance(radius, int) or radius < 0:
    raise ValueError(f'radius must be an int of at least 0, got {radius!r}')
