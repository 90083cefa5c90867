"""The nearest items, and all within a radius."""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from jaxhash.search.native.counting import count
from jaxhash.search.native.distances import (
  PIECE,
  distances_of,
  over_queries,
  popcount,
  values_below,
)

__all__ = ['among', 'top_k', 'within_radius']

Array = np.ndarray

LANES = 128  # distances that are compared with a bound at once
GROUP = 64  # queries that scan the database together


def top_k(
  query: Array, database: Array, k: int, num_bits: int
) -> tuple[Array, Array]:
  """The k nearest items of each query, equally near ones in their order.

  Args:
    query: codes.
    database: codes.
    k: number of items, at most all.
    num_bits: bits of a code.

  Returns:
    Distances and indices, both int32 `[query, k]`.

  Example:
    >>> words = np.array([[3, 1, 0]], np.uint64)
    >>> [x.tolist() for x in top_k(words[:, 2:], words, 2, 2)]
    [[[0, 1]], [[2, 1]]]
  """
  num_query = query.shape[1]
  distances = np.empty((num_query, k), np.int32)
  indices = np.empty((num_query, k), np.int32)

  def kernel(first: int, last: int) -> None:
    bins = num_bits + 1
    _select(
      query, database, bins, values_below(bins), distances, indices, first, last
    )

  over_queries(kernel, num_query)
  return distances, indices


def within_radius(
  query: Array, database: Array, radius: int, num_bits: int
) -> tuple[Array, Array, Array]:
  """All items within a distance, nearest first, equally near in their order.

  Args:
    query: codes.
    database: codes.
    radius: greatest distance.
    num_bits: bits of a code.

  Returns:
    Where the items of each query begin, int64 `[query + 1]`, and their
    distances and indices, int32 `[items]`.

  Example:
    >>> words = np.array([[3, 1, 0]], np.uint64)
    >>> [x.tolist() for x in within_radius(words[:, 2:], words, 1, 2)]
    [[0, 2], [0, 1], [2, 1]]
  """
  num_query, num_items = query.shape[1], database.shape[1]
  every = np.zeros(num_query, np.int64), np.full(num_query, num_items)
  near = count(query, database, *every, num_bits)[:, : radius + 1]
  begin = np.zeros(near.size + 1, np.int64)
  np.cumsum(near, out=begin[1:])
  place = begin[:-1].reshape(near.shape).copy()
  each = np.tile(np.arange(near.shape[1], dtype=np.int32), num_query)
  indices = np.empty(begin[-1], np.int32)

  def kernel(first: int, last: int) -> None:
    values = values_below(num_bits + 1)
    _place_near(query, database, values, place, indices, first, last)

  over_queries(kernel, num_query)
  return begin[:: near.shape[1]], np.repeat(each, near.ravel()), indices


def among(
  query: Array,
  database: Array,
  start: Array,
  stop: Array,
  order: Array,
  radius: int,
) -> tuple[Array, Array, Array]:
  """The items within a distance among some candidates of each query.

  Args:
    query: codes.
    database: codes.
    start: where the candidates of each query begin in order, int64 `[query]`.
    stop: where they end, int64 `[query]`.
    order: items, int32.
    radius: greatest distance.

  Returns:
    Queries, distances and items, int64, int32 and int32 `[found]`.

  Example:
    >>> words = np.array([[3, 1, 0]], np.uint64)
    >>> span = np.array([0]), np.array([2]), np.array([2, 0], np.int32)
    >>> [x.tolist() for x in among(words[:, 2:], words, *span, 1)]
    [[0], [0], [2]]
  """

  def kernel(first: int, last: int) -> tuple[Array, Array, Array]:
    return _among(query, database, start, stop, order, radius, first, last)

  parts = over_queries(kernel, query.shape[1])
  queries, distances, items = (np.concatenate(part) for part in zip(*parts))
  return queries, distances, items


@no_type_check
@njit(nogil=True, cache=True)
def _least(values):
  least = values[0]
  for j in range(len(values)):
    least = min(least, values[j])
  return least


@no_type_check
@njit(nogil=True, cache=True)
def _select(query, database, bins, values, distances, indices, first, last):
  n, k = database.shape[1], distances.shape[1]
  room = min(2 * k + PIECE, n)
  kept_distance = np.empty((GROUP, room), values.dtype)
  kept_index = np.empty((GROUP, room), np.int32)
  at_distance = np.empty((GROUP, bins), np.int64)
  bound, nearer, kept = np.empty((3, GROUP), np.int64)
  for group in range(first, last, GROUP):
    queries = min(GROUP, last - group)
    # An item is wanted while fewer than k of those before it are as near:
    # it must be nearer than the bound, and fewer than k are.
    bound[:], nearer[:], kept[:], at_distance[:] = bins, 0, 0, 0
    for block in range(0, n, PIECE):
      m = min(PIECE, n - block)
      for i in range(queries):
        if kept[i] + m > room:
          kept[i] = _drop(kept_distance[i], kept_index[i], kept[i], bound[i], k)
        distances_of(query, group + i, database, block, block + m, values)
        for s in range(0, m, LANES):
          e = min(s + LANES, m)
          if _least(values[s:e]) >= bound[i]:
            continue
          for j in range(s, e):
            d = np.int64(values[j])
            if d < bound[i]:
              kept_distance[i, kept[i]] = d
              kept_index[i, kept[i]] = block + j
              kept[i] += 1
              at_distance[i, d] += 1
              nearer[i] += 1
              while nearer[i] >= k:
                bound[i] -= 1
                nearer[i] -= at_distance[i, bound[i]]
    for i in range(queries):
      _sort(
        kept_distance[i, : kept[i]],
        kept_index[i, : kept[i]],
        at_distance[i],
        distances[group + i],
        indices[group + i],
      )


@no_type_check
@njit(nogil=True, cache=True)
def _drop(distances, indices, kept, bound, k):
  """Forgets the items that are no longer among the nearest k."""
  spare = k
  for j in range(kept):
    spare -= distances[j] < bound
  m = 0
  for j in range(kept):
    wanted = distances[j] < bound
    if distances[j] == bound and spare > 0:
      wanted = True
      spare -= 1
    if wanted:
      distances[m], indices[m] = distances[j], indices[j]
      m += 1
  return m


@no_type_check
@njit(nogil=True, cache=True)
def _sort(kept_distance, kept_index, place, distances, indices):
  """Puts the first k by distance, then by order, into place."""
  place[:] = 0
  for j in range(len(kept_distance)):
    place[kept_distance[j]] += 1
  total = 0
  for d in range(len(place)):
    total += place[d]
    place[d] = total - place[d]
  for j in range(len(kept_distance)):
    d = kept_distance[j]
    if place[d] < len(distances):
      distances[place[d]], indices[place[d]] = d, kept_index[j]
    place[d] += 1


@no_type_check
@njit(nogil=True, cache=True)
def _place_near(query, database, values, place, indices, first, last):
  n, bound = database.shape[1], place.shape[1]
  for block in range(0, n, PIECE):
    m = min(PIECE, n - block)
    for i in range(first, last):
      distances_of(query, i, database, block, block + m, values)
      for s in range(0, m, LANES):
        e = min(s + LANES, m)
        if _least(values[s:e]) >= bound:
          continue
        for j in range(s, e):
          d = values[j]
          if d < bound:
            indices[place[i, d]] = block + j
            place[i, d] += 1


@no_type_check
@njit(nogil=True, cache=True)
def _among(query, database, start, stop, order, radius, first, last):
  found = 0
  queries = np.empty(1024, np.int64)
  distances = np.empty(1024, np.int32)
  items = np.empty(1024, np.int32)
  for i in range(first, last):
    for j in range(start[i], stop[i]):
      distance = np.int64(0)
      for w in range(len(query)):
        distance += popcount(query[w, i] ^ database[w, order[j]])
      if distance > radius:
        continue
      if found == len(queries):
        queries = np.append(queries, np.empty_like(queries))
        distances = np.append(distances, np.empty_like(distances))
        items = np.append(items, np.empty_like(items))
      queries[found], distances[found] = i, distance
      items[found] = order[j]
      found += 1
  return queries[:found], distances[:found], items[:found]
