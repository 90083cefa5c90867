"""What is relevant to which queries, and what is passed over."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool

from jaxhash import similarity
from jaxhash.metrics.ground_truth import GroundTruth
from jaxhash.search.codes import AnyArray, read_array

__all__ = [
  'Marks',
  'Relevance',
  'read_relevance',
]

RELEVANT, IGNORED = 1, 2
UNKNOWN = -1  # the label of what has none


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
    kind: `labels`, `multi-hot labels` or `lists`.
  """

  query: np.ndarray
  database: np.ndarray
  marks: Marks
  kind: str

  @property
  def multi_hot(self) -> bool:
    """Whether an item may have several labels."""
    return self.query.ndim == 2

  def rows(self, rows: slice) -> Relevance:
    """The relevance to some queries."""
    return dataclasses.replace(
      self, query=self.query[rows], marks=self.marks.rows(rows)
    )

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
    kind = 'multi-hot labels' if query.ndim == 2 else 'labels'
    if query.ndim == 2:
      query, database = (
        _read_multi_hot(x, name)
        for x, name in ((query, 'query'), (database, 'database'))
      )
    else:
      query, database = (
        np.asarray(x).astype(np.int32).clip(min=UNKNOWN)
        for x in (query, database)
      )
  else:
    kind = 'lists'
    if not isinstance(ground_truth, GroundTruth):
      raise ValueError(
        f'ground_truth must be a GroundTruth, got {type(ground_truth).__name__}'
      )
    query = np.full(num_query, UNKNOWN, np.int32)
    database = np.full(num_database, UNKNOWN, np.int32)
    for mark, lists in (
      (RELEVANT, ground_truth.relevant),
      (IGNORED, ground_truth.ignored),
    ):
      if lists is not None:
        parts.append(_read_lists(lists, mark, num_query, num_database))
  found = _joined(parts)
  order = np.lexsort((found[:, 1], found[:, 0]))
  twice = (np.diff(found[order, :2], axis=0) == 0).all(axis=1)
  if twice.any():
    row, item, _ = found[order][twice.argmax()].tolist()
    raise ValueError(f'the ground truth has item {item} of query {row} twice')
  if query_ids is not None or database_ids is not None:
    parts.append(_same_ids(query_ids, database_ids, num_query, num_database))
  return Relevance(query, database, _marks(_joined(parts), num_query), kind)


def _read_multi_hot(labels: Any, name: str) -> np.ndarray:
  """Bool; a column of class numbers is not taken for one label."""
  labels = np.asarray(labels)
  bad = (labels != 0) & (labels != 1) & (labels != -1)
  if bad.any():
    row, column = np.argwhere(bad)[0].tolist()
    raise ValueError(
      f'multi-hot {name} labels must be 0 or 1, but row {row}, label {column} '
      f'is {labels[row, column]}; labels [n] are one class an item'
    )
  return labels if labels.dtype == np.bool_ else labels > 0


def _read_lists(
  lists: Any, kind: int, num_query: int, num_database: int
) -> np.ndarray:
  """Rows of (query, item, kind)."""
  if len(lists) != num_query:
    raise ValueError(
      f'{num_query} query codes, but the ground truth of {len(lists)} queries'
    )
  arrays = [np.asarray(x) for x in lists]
  for query, array in enumerate(arrays):
    if array.ndim != 1 or (len(array) and array.dtype.kind not in 'iu'):
      raise ValueError(
        f'the ground truth of query {query} must be rows of the database, got '
        f'{array.dtype} {list(array.shape)}'
      )
  counts = [len(x) for x in arrays]
  items = np.concatenate(
    [np.zeros(0, np.int64), *(x.astype(np.int64) for x in arrays)]
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
  query, database = (
    np.asarray(read_array(x)) for x in (query_ids, database_ids)
  )
  kinds = {'i': 'int', 'u': 'int', 'U': 'str', 'S': 'bytes'}
  if (
    query.ndim != 1
    or database.ndim != 1
    or query.dtype.kind not in kinds
    or kinds[query.dtype.kind] != kinds.get(database.dtype.kind)
  ):
    raise ValueError(
      'ids must be [n], of queries and database both integers or both text, '
      f'got {query.dtype} {list(query.shape)} and {database.dtype} '
      f'{list(database.shape)}'
    )
  _check_rows('ids', query, database, num_query, num_database)
  if {query.dtype.kind, database.dtype.kind} == {'i', 'u'}:
    query, database = (x.astype(object) for x in (query, database))
  both = np.concatenate([query, database])
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
