"""Precisions of the ranking where ties keep the order of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import no_type_check

import numpy as np
from numba import njit

from jaxhash.search.native.distances import (
  PIECE,
  distances_of,
  over_queries,
  values_below,
)

__all__ = ['scan_stable']

Array = np.ndarray


def scan_stable(
  query: Array,
  database: Array,
  query_labels: Array,
  database_labels: Array,
  marks: tuple[Array, Array, Array],
  all_counts: Array,
  relevant_counts: Array,
  cut_offs: Sequence[int],
  *,
  same: bool,
  trapezoids: bool = False,
) -> tuple[Array, Array]:
  """Sums of precisions where equally near items keep the database's order.

  Args:
    query: codes.
    database: codes.
    query_labels: uint64 `[label words, query]`.
    database_labels: uint64 `[label words, database]`.
    marks: what is known of single items, whatever their labels say: where the
      items of each query begin, `[query + 1]`, the items, ascending within a
      query, `[marks]`, and whether each is 0 irrelevant, 1 relevant or 2 to
      be passed over, `[marks]`.
    all_counts: of the items at each distance, `[query, num_bits + 1]`.
    relevant_counts: of the relevant ones.
    cut_offs: numbers of items; the sum is up to the last of them.
    same: relevant is what has the same first word of labels, not what has a
      bit in common.
    trapezoids: take the mean of each precision and the one just before the
      item, which is 1 for the first item.

  Returns:
    The sums of the precisions at the relevant items among the first of the
    last cut-off, float64 `[query]`, and the numbers of relevant items among
    the first of each cut-off, int64 `[query, cut-offs]`.

  Example:
    >>> codes = np.array([[0, 0, 0]], np.uint64)
    >>> labels = np.array([[1, 2, 1]], np.uint64)
    >>> none = np.zeros(2, int), np.zeros(0, int), np.zeros(0, int)
    >>> scan_stable(
    ...   *(codes[:, :1], codes, labels[:, :1], labels, none),
    ...   *(np.array([[3, 0]]), np.array([[2, 0]]), [2, 3]),
    ...   same=True,
    ... )
    (array([1.66666667]), array([[1, 2]]))
  """
  num_query, bins = all_counts.shape
  place, found_place = (
    counts.cumsum(1, dtype=np.int64) - counts
    for counts in (all_counts, relevant_counts)
  )
  typed_marks = tuple(
    np.ascontiguousarray(x, dtype)
    for x, dtype in zip(marks, (np.int64, np.int64, np.uint8))
  )
  precisions = np.zeros(num_query)
  found = np.zeros((num_query, len(cut_offs)), np.int64)

  def kernel(first: int, last: int) -> None:
    _scan_stable(
      query,
      database,
      query_labels,
      database_labels,
      same,
      trapezoids,
      typed_marks,
      place,
      found_place,
      np.asarray(cut_offs, np.int64),
      values_below(bins),
      np.empty(PIECE, np.uint8),
      precisions,
      found,
      first,
      last,
    )

  over_queries(kernel, num_query)
  return precisions, found


@no_type_check
@njit(nogil=True, cache=True)
def _find_hits(query, i, database, start, stop, same, hits):
  """Whether labels are the same, or one of the set bits is shared."""
  q, x = query[0, i], database[0, start:stop]
  if same:
    for j in range(len(x)):
      hits[j] = q == x[j]
    return
  for j in range(len(x)):
    hits[j] = (q & x[j]) != 0
  for w in range(1, len(query)):
    q, x = query[w, i], database[w, start:stop]
    for j in range(len(x)):
      hits[j] |= (q & x[j]) != 0


@no_type_check
@njit(nogil=True, cache=True)
def _scan_stable(
  query,
  database,
  query_labels,
  database_labels,
  same,
  trapezoids,
  marks,
  place,
  found_place,
  cut_offs,
  values,
  hits,
  precisions,
  found,
  first,
  last,
):
  """Sums the precisions at relevant items, in the order of the database.

  marks are a start for each query, then items and what they are: 1 relevant,
  0 not, 2 to be passed over; items of one query ascend. place is the number
  of items that are nearer than each distance, found_place that of relevant
  ones. The sum is over ranks up to the last cut-off, the counts of relevant
  items are over those up to each.
  """
  n = database.shape[1]
  mark_start, mark_item, mark_kind = marks
  next_mark = mark_start[first:last].copy()
  for block in range(0, n, PIECE):
    stop = min(block + PIECE, n)
    for i in range(first, last):
      distances_of(query, i, database, block, stop, values)
      _find_hits(query_labels, i, database_labels, block, stop, same, hits)
      m = next_mark[i - first]
      while m < mark_start[i + 1] and mark_item[m] < stop:
        hits[mark_item[m] - block] = mark_kind[m]
        m += 1
      next_mark[i - first] = m
      for j in range(stop - block):
        if hits[j] == 2:
          continue
        d = values[j]
        place[i, d] += 1
        if hits[j]:
          found_place[i, d] += 1
          rank = place[i, d]
          if rank <= cut_offs[-1]:
            precision = found_place[i, d] / rank
            if trapezoids:
              ahead = (found_place[i, d] - 1) / (rank - 1) if rank > 1 else 1.0
              precision = (precision + ahead) / 2
            precisions[i] += precision
          for c in range(len(cut_offs)):
            found[i, c] += rank <= cut_offs[c]
