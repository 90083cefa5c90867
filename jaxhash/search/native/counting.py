"""Counts of items by Hamming distance, and by what is known of their labels."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from jaxhash.search.native.distances import (
  PIECE,
  distances_of,
  over_queries,
  popcount,
  values_below,
)

__all__ = ['count', 'count_levels', 'count_shared']

Array = np.ndarray

BLOCK = 2**16  # items that stay in the second-level cache; see _empty


def count(
  query: Array, database: Array, start: Array, stop: Array, num_bits: int
) -> Array:
  """Counts items at each Hamming distance.

  Args:
    query: codes.
    database: codes.
    start: first item that counts for each query, int64 `[query]`.
    stop: the one after the last, int64 `[query]`.
    num_bits: bits of a code.

  Returns:
    int32 `[query, num_bits + 1]`.

  Example:
    >>> words = np.array([[0, 1, 3]], np.uint64)
    >>> count(words[:, :1], words, np.array([0]), np.array([3]), 2).tolist()
    [[1, 1, 1]]
  """
  bins = num_bits + 1
  counts = np.zeros((query.shape[1], bins), np.int32)

  def kernel(first: int, last: int) -> None:
    scratch = values_below(bins), *_pair_table(bins)
    _count(query, database, start, stop, *scratch, counts, first, last)

  over_queries(kernel, query.shape[1])
  return counts


def count_levels(
  query: Array,
  database: Array,
  begin: Array,
  levels: Array,
  num_levels: int,
  num_bits: int,
) -> Array:
  """Counts items by the level of their class and by Hamming distance.

  Args:
    query: codes.
    database: codes, sorted by class.
    begin: where the items of each class begin, int64 `[classes + 1]`.
    levels: of each class for each query, int `[query, classes]`.
    num_levels: number of levels.
    num_bits: bits of a code.

  Returns:
    int32 `[query, levels, num_bits + 1]`.

  Example:
    >>> words = np.array([[0, 1, 3]], np.uint64)
    >>> begin, levels = np.array([0, 1, 3]), np.array([[1, 0]])
    >>> count_levels(words[:, :1], words, begin, levels, 2, 2).tolist()
    [[[0, 1, 1], [1, 0, 0]]]
  """
  bins = num_bits + 1
  counts = np.zeros((query.shape[1], num_levels, bins), np.int32)

  def kernel(first: int, last: int) -> None:
    _count_levels(
      query, database, begin, levels, values_below(bins), counts, first, last
    )

  over_queries(kernel, query.shape[1])
  return counts


def count_shared(
  query: Array,
  database: Array,
  query_labels: Array,
  database_labels: Array,
  num_bits: int,
  most: int,
) -> Array:
  """Counts items by the number of labels in common and Hamming distance.

  Args:
    query: codes.
    database: codes.
    query_labels: a bit for each label, uint64 `[label words, query]`.
    database_labels: the same of the items, `[label words, database]`.
    num_bits: bits of a code.
    most: more labels in common count as so many, at least 1.

  Returns:
    int32 `[query, most + 1, num_bits + 1]`.

  Example:
    >>> codes = np.array([[0, 1, 3]], np.uint64)
    >>> labels = np.array([[1, 3, 2]], np.uint64)
    >>> count_shared(codes[:, :1], codes, labels[:, :1], labels, 2, 1).tolist()
    [[[0, 0, 1], [1, 1, 0]]]
  """
  bins = (num_bits + 1) * (most + 1)
  counts = np.zeros((query.shape[1], bins), np.int32)

  def kernel(first: int, last: int) -> None:
    values = values_below(bins)
    _count_shared(
      query,
      database,
      query_labels,
      database_labels,
      values.dtype.type(num_bits + 1),
      values.dtype.type(most),
      values.copy(),
      values,
      *_pair_table(bins),
      counts,
      first,
      last,
    )

  over_queries(kernel, query.shape[1])
  return counts.reshape(-1, most + 1, num_bits + 1)


def _pair_table(bins: int) -> tuple[Array, Array]:
  """Room for pairs of values, and for their counts where they are few."""
  size = bins * bins if bins <= 2**8 else 0
  return np.empty(PIECE, np.uint16), np.zeros(size, np.uint16)


@no_type_check
@njit(nogil=True, cache=True)
def _add_shared(query, i, database, start, stop, most, step, shared, out):
  """Adds a step for each label in common, for at most so many."""
  q, x = query[0, i], database[0, start:stop]
  for j in range(len(x)):
    shared[j] = min(popcount(q & x[j]), most)
  for w in range(1, len(query)):
    q, x = query[w, i], database[w, start:stop]
    for j in range(len(x)):
      shared[j] = min(shared[j] + popcount(q & x[j]), most)
  for j in range(stop - start):
    out[j] += step * shared[j]


@no_type_check
@njit(nogil=True, cache=True)
def _tally_each(values, out):
  for j in range(len(values)):
    out[values[j]] += 1


@no_type_check
@njit(nogil=True, cache=True)
def _tally(values, bins, by_pairs, pairs, table, out):
  """Counts values, or two by one addition to a table of all pairs."""
  if not by_pairs:
    _tally_each(values, out)
    return
  half = len(values) // 2
  first, second = values[:half], values[half : 2 * half]
  for j in range(half):
    pairs[j] = np.uint16(first[j]) + np.uint16(bins) * np.uint16(second[j])
  for j in range(half):
    table[pairs[j]] += np.uint16(1)
  _tally_each(values[2 * half :], out)


@no_type_check
@njit(nogil=True, cache=True)
def _empty(table, bins, out):
  """Moves the counts of a table to where they belong.

  To be called once in a block: no count of half a block overflows 16 bits.
  """
  for i in range(bins):
    row = table[i * bins : (i + 1) * bins]
    total = np.int32(0)
    for j in range(bins):
      total += np.int32(row[j])
      out[j] += np.int32(row[j])
    out[i] += total
  table[:] = 0


@no_type_check
@njit(nogil=True, cache=True)
def _count(
  query, database, start, stop, values, pairs, table, counts, first, last
):
  bins, n = counts.shape[1], database.shape[1]
  for block in range(0, n, BLOCK):
    for i in range(first, last):
      a, b = max(block, start[i]), min(block + BLOCK, stop[i])
      by_pairs = 0 < len(table) <= b - a
      for s in range(a, b, PIECE):
        e = min(s + PIECE, b)
        distances_of(query, i, database, s, e, values)
        _tally(values[: e - s], bins, by_pairs, pairs, table, counts[i])
      if by_pairs:
        _empty(table, bins, counts[i])


@no_type_check
@njit(nogil=True, cache=True)
def _count_shared(
  query,
  database,
  query_labels,
  database_labels,
  step,
  most,
  shared,
  values,
  pairs,
  table,
  counts,
  first,
  last,
):
  bins, n = counts.shape[1], database.shape[1]
  for block in range(0, n, BLOCK):
    b = min(block + BLOCK, n)
    by_pairs = 0 < len(table) <= b - block
    for i in range(first, last):
      for s in range(block, b, PIECE):
        e = min(s + PIECE, b)
        distances_of(query, i, database, s, e, values)
        _add_shared(
          query_labels, i, database_labels, s, e, most, step, shared, values
        )
        _tally(values[: e - s], bins, by_pairs, pairs, table, counts[i])
      if by_pairs:
        _empty(table, bins, counts[i])


@no_type_check
@njit(nogil=True, cache=True)
def _count_levels(query, database, begin, levels, values, counts, first, last):
  """Counts by the level of the class that an item is of, and by distance.

  Items of class c are from begin[c] to begin[c + 1].
  """
  n = database.shape[1]
  for block in range(0, n, PIECE):
    stop = min(block + PIECE, n)
    for i in range(first, last):
      distances_of(query, i, database, block, stop, values)
      c = np.searchsorted(begin, block, side='right') - 1
      s = block
      while s < stop:
        e = min(begin[c + 1], stop)
        _tally_each(values[s - block : e - block], counts[i, levels[i, c]])
        s = e
        c += 1
