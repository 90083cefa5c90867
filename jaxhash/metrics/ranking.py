"""Counts and precisions of rankings by any distance, sorted on the host."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Num

from jaxhash.metrics.distance_histograms import GradedHistograms, Histograms
from jaxhash.metrics.levels import Levels
from jaxhash.metrics.relevance import IGNORED, RELEVANT, Relevance

__all__ = [
  'Stable',
  'check_distances',
  'graded_order_histograms',
  'graded_ranking_histograms',
  'ranking_histograms',
  'stable_ranking',
]


@dataclasses.dataclass(frozen=True)
class Stable:
  """The ranking in which ties keep the order of the database.

  Attributes:
    precisions: sums of the precisions at the relevant items among the first
      R, or what trapezoids have in their place, float64 `[query]`.
    found: the number of these, int64 `[query]`.
    found_at: the number among the first k, for each k of `precision_at`,
      `[query, ks]`.
  """

  precisions: np.ndarray
  found: np.ndarray
  found_at: np.ndarray


def ranking_histograms(
  distances: Num[Array | np.ndarray, 'query database'],
  relevant: Bool[Array | np.ndarray, 'query database'],
  ignored: Bool[Array | np.ndarray, 'query database'] | None = None,
) -> Histograms:
  """Counts the items of each group of exactly equal real-valued distances.

  Args:
    distances: any real numbers without NaN, `[query, database]`.
    relevant: which items are relevant to which queries, of the same shape.
    ignored: which pairs do not count, such as a query and itself.

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
  distances = check_distances(distances)
  for name, mask in (('relevant', relevant), ('ignored', ignored)):
    if mask is None:
      continue
    if mask.dtype != np.bool_ or mask.shape != distances.shape:
      raise ValueError(
        f'{name} must be bool {list(distances.shape)}, got {mask.dtype} '
        f'{list(mask.shape)}'
      )
  order = np.argsort(distances, axis=1)  # of equal ones only the group counts
  group = _groups(distances, order)
  counted = np.ones(order.shape, bool)
  if ignored is not None:
    counted = ~np.take_along_axis(np.asarray(ignored), order, axis=1)
  hits = counted & np.take_along_axis(np.asarray(relevant), order, axis=1)
  groups = int(group.max()) + 1
  every, found = (_count(group, which, groups) for which in (counted, hits))
  return Histograms(all=every, relevant=found)


def graded_ranking_histograms(
  distances: np.ndarray, relevance: Relevance, levels: Levels, k: int
) -> GradedHistograms:
  """Counts the items of each level in each group of equal distances.

  Args:
    distances: `[query, database]`.
    relevance: to these queries.
    levels: what items count as.
    k: after the group that has the k-th item, all others are one group: they
      make no difference to the first k, but to what could have been.

  Returns:
    Counts int32 `[query, groups, levels]`.
  """
  order = np.argsort(distances, axis=1)
  group = _groups(distances, order)
  level, ignored = _levels(relevance, levels, order)
  # The group of the k-th item that counts, or the last one.
  reached = np.cumsum(~ignored, axis=1) >= k
  place = np.where(reached[:, -1], reached.argmax(1), order.shape[1] - 1)
  last = np.take_along_axis(group, place[:, None], axis=1)
  group = np.minimum(group, last + 1)
  num_levels, groups = len(levels.gains), int(group.max()) + 1
  counts = _count(group * num_levels + level, ~ignored, groups * num_levels)
  shape = len(order), groups, num_levels
  return GradedHistograms(counts.reshape(shape), levels.gains)


def graded_order_histograms(
  order: np.ndarray,
  every: GradedHistograms,
  relevance: Relevance,
  levels: Levels,
) -> GradedHistograms:
  """Makes groups of single items, in the order of a ranking.

  Args:
    order: the first items of each query, `[query, places]`.
    every: counts of the same queries and all items, in whatever groups.
    relevance: to these queries.
    levels: what items count as.

  Returns:
    Counts int32 `[query, places + 1, levels]`; the last group is the rest.
  """
  level, ignored = _levels(relevance, levels, order)
  counts = np.zeros((*order.shape, len(levels.gains)), np.int32)
  np.put_along_axis(counts, level[..., None], ~ignored[..., None], axis=2)
  rest = np.asarray(every.counts).sum(axis=1) - counts.sum(axis=1)
  counts = np.concatenate([counts, rest[:, None]], axis=1, dtype=np.int32)
  return GradedHistograms(counts, levels.gains)


def stable_ranking(
  distances: np.ndarray,
  relevant: np.ndarray,
  ignored: np.ndarray,
  at: int | None,
  ks: Sequence[int],
  *,
  area: str = 'steps',
) -> Stable:
  """The ranking in which ties keep the order of the database.

  Args:
    distances: `[query, database]`.
    relevant: bool, of the same shape.
    ignored: bool, of the same shape.
    at: R of mAP@R; None for all items.
    ks: numbers of items to count relevant ones in.
    area: as in `EvaluationProtocol`.

  Returns:
    Sums of precisions and counts of relevant items.
  """
  order = np.argsort(distances, axis=1, kind='stable')
  counted = ~np.take_along_axis(ignored, order, axis=1)
  hits = counted & np.take_along_axis(relevant, order, axis=1)
  rank = np.maximum(np.cumsum(counted, axis=1), 1)
  at = order.shape[1] if at is None else at
  inside = hits & (rank <= at)
  found = np.cumsum(hits, axis=1)
  precision = found / rank
  if area == 'trapezoids':
    ahead = (found - 1) / np.maximum(rank - 1, 1)
    precision = (precision + np.where(rank == 1, 1, ahead)) / 2
  found_at = [(hits & (rank <= k)).sum(axis=1) for k in ks]
  return Stable(
    np.where(inside, precision, 0).sum(axis=1),
    inside.sum(axis=1),
    np.stack(found_at, axis=1) if ks else np.zeros((len(order), 0), np.int64),
  )


def check_distances(distances: Any, *, first: int = 0) -> np.ndarray:
  """Distances on the host, after checks; bfloat16 and the like as float32.

  Args:
    distances: of some queries, `[query, database]`.
    first: the number of the first of them.
  """
  distances = np.asarray(distances)
  if distances.ndim != 2 or 0 in distances.shape:
    raise ValueError(
      'distances must be [query, database], neither empty, got '
      f'{list(distances.shape)}'
    )
  if distances.dtype.kind in 'cOSU':
    raise ValueError(f'distances must be real numbers, got {distances.dtype}')
  if distances.dtype.kind not in 'iufb':
    distances = distances.astype(np.float32)
  if distances.dtype.kind == 'f' and np.isnan(distances).any():
    row, item = np.argwhere(np.isnan(distances))[0].tolist()
    raise ValueError(
      f'the distance of query {first + row} to item {item} is NaN'
    )
  return distances


def _levels(
  relevance: Relevance, levels: Levels, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """The level of each place of a ranking, and whether it is ignored."""
  rows = np.repeat(np.arange(len(order)), order.shape[1])
  items = order.ravel()
  level = levels.of(relevance.query[rows], relevance.database[items])
  ignored = np.zeros(level.shape, bool)
  marks = relevance.marks
  if len(marks.item):
    # Marks are sorted by query and item.
    marked = marks.query() * len(relevance.database) + marks.item
    wanted = rows * len(relevance.database) + items
    place = np.searchsorted(marked, wanted).clip(max=len(marked) - 1)
    kind = np.where(marked[place] == wanted, marks.kind[place], 0)
    level = np.where(kind == RELEVANT, 1, level)
    ignored = kind == IGNORED
  return level.reshape(order.shape), ignored.reshape(order.shape)


def _groups(distances: np.ndarray, order: np.ndarray) -> np.ndarray:
  """The number of the group of equal distances, for each place."""
  ranked = np.take_along_axis(distances, order, axis=1)
  group = np.zeros(ranked.shape, np.int64)
  np.cumsum(ranked[:, 1:] != ranked[:, :-1], axis=1, out=group[:, 1:])
  return group


def _count(group: np.ndarray, which: np.ndarray, groups: int) -> np.ndarray:
  """How many of some places are in each group, int32 `[query, groups]`."""
  place = group + groups * np.arange(len(group))[:, None]
  counts = np.bincount(place[which], minlength=len(group) * groups)
  return counts.reshape(len(group), groups).astype(np.int32)
