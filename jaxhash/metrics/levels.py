"""What an item is worth to a query: a few levels, each with its gain."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxhash.metrics.relevance import Relevance

__all__ = ['BINARY', 'Levels', 'read_levels']


@dataclasses.dataclass(frozen=True)
class Levels:
  """The levels that items count as.

  Attributes:
    gains: of each level, float64 `[levels]`, ascending from 0.
    table: level of an item by the class of the query and its own, int32
      `[classes + 1, classes + 1]`, where the last class is the unknown one;
      None: 1 for an item of the class of the query, else 0; or the number of
      labels in common, at most the highest level.
  """

  gains: np.ndarray
  table: np.ndarray | None = None

  def of(self, query: np.ndarray, database: np.ndarray) -> np.ndarray:
    """Levels of single items.

    Args:
      query: label or labels of the query of each, `[n, ...]`.
      database: those of the item, `[n, ...]`.

    Returns:
      int `[n]`.
    """
    if query.ndim == 2:
      return (query & database).sum(axis=1).clip(max=len(self.gains) - 1)
    if self.table is not None:
      return self.table[query, database]
    return ((query == database) & (query >= 0)).astype(np.int64)


#: What is relevant is worth 1, all else 0.
BINARY = Levels(np.array([0.0, 1.0]))


def read_levels(
  relevance: Relevance, similarity: np.ndarray | None = None
) -> Levels:
  """The levels of graded relevance.

  Args:
    relevance: has the labels.
    similarity: of classes, `[classes, classes]`, finite, at least 0; a row
      for the query's class.

  Returns:
    With a similarity: its different values, and 0 for an unknown class. Else
    2^n - 1 for n labels in common, or 1 and 0.

  Raises:
    ValueError: the similarity is no such matrix, or there are labels that it
      does not have, or several for one item.

  Example:
    >>> from jaxhash.metrics.relevance import read_relevance
    >>> labels = np.array([0, 1])
    >>> relevance = read_relevance(2, 2, labels, labels)
    >>> read_levels(relevance, np.array([[1, 0.5], [0.5, 1]])).gains.tolist()
    [0.0, 0.5, 1.0]
  """
  if similarity is None:
    if not relevance.multi_hot:
      return BINARY
    most = max(int(relevance.query.sum(axis=1).max()), 1)
    return Levels(2.0 ** np.arange(most + 1) - 1)
  similarity = np.asarray(similarity, np.float64)
  if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
    raise ValueError(
      f'similarity must be [classes, classes], got {list(similarity.shape)}'
    )
  if relevance.kind != 'labels':
    raise ValueError(
      f'a similarity of classes needs one label an item, got {relevance.kind}'
    )
  if not (np.isfinite(similarity) & (similarity >= 0)).all():
    a, b = np.argwhere(~(np.isfinite(similarity) & (similarity >= 0)))[0]
    raise ValueError(
      'similarities must be finite and at least 0, but that of classes '
      f'{a} and {b} is {similarity[a, b]}'
    )
  classes = len(similarity)
  for name, labels in (
    ('query', relevance.query),
    ('database', relevance.database),
  ):
    if labels.max() >= classes:
      row = int((labels >= classes).argmax())
      raise ValueError(
        f'similarity has {classes} classes, but {name} label {row} is '
        f'{labels[row]}'
      )
  padded = np.zeros((classes + 1, classes + 1))
  padded[:-1, :-1] = similarity
  gains, table = np.unique(padded, return_inverse=True)
  return Levels(gains, table.reshape(padded.shape).astype(np.int32))
