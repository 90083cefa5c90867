"""What is relevant to which queries, and what is passed over."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from jaxhash import similarity
from jaxhash.search.codes import AnyArray, read_array

__all__ = [
  'GroundTruth',
  'Marks',
  'Relevance',
  'read_relevance',
  'revisited_ground_truth',
]

RELEVANT, IGNORED = 1, 2
UNKNOWN = -1  # the label of what has none


@dataclasses.dataclass(frozen=True)
class GroundTruth:
  """Which items are relevant to each query, as lists.

  Attributes:
    relevant: rows of the database for each query.
    ignored: rows that do not count for a query, as if they were not in the
      database ("junk"); None for none.

  Example:
    >>> truth = GroundTruth(relevant=[[0, 4], [2]], ignored=[[1], []])
    >>> len(truth)
    2
  """

  relevant: Sequence[Sequence[int] | np.ndarray]
  ignored: Sequence[Sequence[int] | np.ndarray] | None = None

  def __len__(self) -> int:
    return len(self.relevant)


def revisited_ground_truth(
  queries: Sequence[Mapping[str, Any]], difficulty: str
) -> GroundTruth:
  """The ground truth of ROxford and RParis, at one of three difficulties.

  Args:
    queries: what their `gnd_*.pkl` has under `gnd`: for each query a mapping
      with lists `easy`, `hard` and `junk` of rows of the database.
    difficulty: `easy` (easy ones are relevant, hard ones ignored), `medium`
      (both are relevant) or `hard` (hard ones are relevant, easy ones
      ignored); junk is always ignored.

  Returns:
    The lists.

  Raises:
    ValueError: an unknown difficulty.

  Example:
    >>> queries = [{'easy': [3], 'hard': [5], 'junk': [1]}]
    >>> revisited_ground_truth(queries, 'hard')
    GroundTruth(relevant=[[5]], ignored=[[1, 3]])

  Source: Radenovic et al., "Revisiting Oxford and Paris: Large-Scale Image
  Retrieval Benchmarking", CVPR 2018.

  Their AP is that of `published_protocol('revisitop')`.
  """
  parts = {
    'easy': (('easy',), ('junk', 'hard')),
    'medium': (('easy', 'hard'), ('junk',)),
    'hard': (('hard',), ('junk', 'easy')),
  }
  if difficulty not in parts:
    raise ValueError(
      f'unknown difficulty {difficulty!r}; known: {", ".join(parts)}'
    )
  relevant, ignored = (
    [[int(i) for name in names for i in query[name]] for query in queries]
    for names in parts[difficulty]
  )
  return GroundTruth(relevant, ignored)


@dataclasses.dataclass(frozen=True)
class Marks:
  """What is known of single items, whatever their labels say.

  Attributes:
    start: where the items of each query begin, int64 `[query + 1]`.
    item: rows of the database, ascending within a query, int64 `[marks]`.
    kind: 1 relevant, 2 ignored, uint8 `[marks]`.
  """

  start: np.ndarray
  item: np.ndarray
  kind: np.ndarray

  def query(self) -> np.ndarray:
    """The query of each mark, int64 `[marks]`."""
    return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

  def most(self) -> int:
    """The most marks of a query."""
    return int(np.diff(self.start).max(initial=0))

  def rows(self, rows: slice) -> Marks:
    """The marks of some queries."""
    start = self.start[rows.start : rows.stop + 1]
    part = slice(start[0], start[-1])
    return Marks(start - start[0], self.item[part], self.kind[part])


@dataclasses.dataclass(frozen=True)
class Relevance:
  """Labels of queries and database that were checked, and marks of items.

  Attributes:
    query: int32 `[query]`, -1 for unknown, or bool `[query, labels]`.
    database: of the same kind, `[database, ...]`.
    marks: what is known of single items.
  """

  query: np.ndarray
  database: np.ndarray
  marks: Marks

  @property
  def multi_hot(self) -> bool:
    """Whether an item may have several labels."""
    return self.query.ndim == 2

  def rows(self, rows: slice) -> Relevance:
    """The relevance to some queries."""
    return Relevance(self.query[rows], self.database, self.marks.rows(rows))

  def masks(
    self,
  ) -> tuple[Bool[np.ndarray, 'query database'], Bool[np.ndarray, 'q d']]:
    """What is relevant, and what is ignored: not for many queries at once."""
    relevant = np.array(similarity.relevance(self.query, self.database))
    ignored = np.zeros(relevant.shape, bool)
    cells = self.marks.query(), self.marks.item
    relevant[cells] = self.marks.kind == RELEVANT
    ignored[cells] = self.marks.kind == IGNORED
    return relevant, ignored


def read_relevance(
  num_query: int,
  num_database: int,
  query_labels: AnyArray | None,
  database_labels: AnyArray | None,
  ground_truth: GroundTruth | None = None,
  query_ids: AnyArray | None = None,
  database_ids: AnyArray | None = None,
) -> Relevance:
  """Checks what says which items are relevant, before any expensive work.

  Args:
    num_query: number of query codes.
    num_database: number of database codes.
    query_labels: int `[query]` or multi-hot `[query, labels]`.
    database_labels: of the same kind.
    ground_truth: in place of the labels.
    query_ids: names of the query rows.
    database_ids: names of the database rows, in the same terms; what has the
      name of the query is ignored.

  Returns:
    The labels on the host, and the marks.

  Raises:
    ValueError: they do not fit the codes or each other.

  Example:
    >>> truth = GroundTruth([[2]])
    >>> relevance = read_relevance(1, 3, None, None, truth)
    >>> relevance.masks()[0].tolist()
    [[False, False, True]]
  """
  given = query_labels is not None, database_labels is not None
  if (ground_truth is None) != all(given) or any(given) != all(given):
    raise ValueError(
      'relevance is either query_labels and database_labels, or ground_truth'
    )
  parts: list[np.ndarray] = []
  if ground_truth is None:
    query, database = (read_array(x) for x in (query_labels, database_labels))
    similarity.check_kinds(query, database)
    _check_rows('labels', query, database, num_query, num_database)
    if query.ndim == 2:
      query, database = (np.asarray(x) > 0 for x in (query, database))
    else:
      query, database = (
        np.asarray(x).clip(min=UNKNOWN).astype(np.int32)
        for x in (query, database)
      )
  else:
    query = np.full(num_query, UNKNOWN, np.int32)
    database = np.full(num_database, UNKNOWN, np.int32)
    for kind, lists in (
      (RELEVANT, ground_truth.relevant),
      (IGNORED, ground_truth.ignored),
    ):
      if lists is not None:
        parts.append(_read_lists(lists, kind, num_query, num_database))
  found = _joined(parts)
  order = np.lexsort((found[:, 1], found[:, 0]))
  twice = (np.diff(found[order, :2], axis=0) == 0).all(axis=1)
  if twice.any():
    row, item, _ = found[order][twice.argmax()].tolist()
    raise ValueError(f'the ground truth has item {item} of query {row} twice')
  if query_ids is not None or database_ids is not None:
    parts.append(_same_ids(query_ids, database_ids, num_query, num_database))
  return Relevance(query, database, _marks(_joined(parts), num_query))


def _read_lists(
  lists: Any, kind: int, num_query: int, num_database: int
) -> np.ndarray:
  """Rows of (query, item, kind)."""
  if len(lists) != num_query:
    raise ValueError(
      f'{num_query} query codes, but the ground truth of {len(lists)} queries'
    )
  counts = [len(x) for x in lists]
  items = np.concatenate(
    [np.zeros(0, np.int64), *(np.asarray(x, np.int64) for x in lists)]
  )
  rows = np.repeat(np.arange(num_query), counts)
  bad = (items < 0) | (items >= num_database)
  if bad.any():
    first = int(bad.argmax())
    raise ValueError(
      f'the ground truth of query {rows[first]} has item '
      f'{int(items[first])}, of a database of {num_database}'
    )
  kinds = np.full(len(rows), kind)
  return np.stack([rows, items.astype(np.int64), kinds], axis=1)


def _same_ids(
  query_ids: Any, database_ids: Any, num_query: int, num_database: int
) -> np.ndarray:
  """Rows of (query, item, kind) for items that have the name of the query."""
  if query_ids is None or database_ids is None:
    given = 'query_ids' if database_ids is None else 'database_ids'
    raise ValueError(
      f'query_ids and database_ids come together, got {given} alone'
    )
  query, database = (read_array(x) for x in (query_ids, database_ids))
  _check_rows('ids', query, database, num_query, num_database)
  both = np.concatenate([np.asarray(query), np.asarray(database)])
  if both.ndim != 1:
    raise ValueError(f'ids must be [n], got {list(both.shape)}')
  numbers = np.unique(both, return_inverse=True)[1]
  wanted, held = numbers[:num_query], numbers[num_query:]
  order = np.argsort(held, kind='stable')
  start, stop = (
    np.searchsorted(held[order], wanted, side) for side in ('left', 'right')
  )
  count = stop - start
  rows = np.repeat(np.arange(num_query), count)
  shift = np.repeat(start - (np.cumsum(count) - count), count)
  items = order[np.arange(len(rows)) + shift]
  return np.stack([rows, items, np.full(len(rows), IGNORED)], axis=1)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
  return np.concatenate([np.zeros((0, 3), np.int64), *parts])


def _marks(found: np.ndarray, num_query: int) -> Marks:
  """Sorted by query and item; to be ignored goes before to be relevant."""
  found = found[np.lexsort((-found[:, 2], found[:, 1], found[:, 0]))]
  new = np.ones(len(found), bool)
  new[1:] = (found[1:, :2] != found[:-1, :2]).any(axis=1)
  rows, items, kinds = found[new].T
  start = np.searchsorted(rows, np.arange(num_query + 1))
  return Marks(start, items, kinds.astype(np.uint8))


def _check_rows(
  name: str, query: Any, database: Any, num_query: int, num_database: int
) -> None:
  for part, rows, n in (
    ('query', query, num_query),
    ('database', database, num_database),
  ):
    if len(rows) != n:
      raise ValueError(f'{n} {part} codes, but {len(rows)} {part} {name}')
