"""What is relevant to what: the one definition that every part shares."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Shaped

__all__ = ['check_kinds', 'check_labels', 'relevance']

INT32 = np.iinfo(np.int32)


def relevance(
  query_labels: Shaped[Array | np.ndarray, 'query']
  | Shaped[Array | np.ndarray, 'query classes'],
  database_labels: Shaped[Array | np.ndarray, 'database']
  | Shaped[Array | np.ndarray, 'database classes'],
) -> Bool[Array, 'query database']:
  """Which items have a label in common with which queries.

  Args:
    query_labels: int `[query]`, or multi-hot `[query, classes]` of any dtype,
      positive where a row has a label.
    database_labels: of the same kind, `[database]` or `[database, classes]`.

  Returns:
    bool `[query, database]`. Int labels: equal and not negative, since a
    negative label is unknown. Multi-hot labels: at least one label shared.

  Raises:
    ValueError: the kinds differ, int labels are not integers, or the numbers
      of classes differ.

  Example:
    >>> relevance(jnp.array([0, -1]), jnp.array([0, 1, -1])).tolist()
    [[True, False, False], [False, False, False]]
    >>> relevance(jnp.array([[1, 1, 0]]), jnp.array([[0, 1, 1], [0, 0, 1]]))
    Array([[ True, False]], dtype=bool)
  """
  check_kinds(query_labels, database_labels)
  if query_labels.ndim == 2:
    query, database = (
      jnp.asarray(labels > np.zeros((), labels.dtype)).astype(jnp.float32)
      for labels in (query_labels, database_labels)
    )
    return query @ database.T > 0.5
  query = jnp.asarray(query_labels).astype(jnp.int32)
  database = jnp.asarray(database_labels).astype(jnp.int32)
  return (query[:, None] == database[None, :]) & (query[:, None] >= 0)


def check_labels(labels: np.ndarray, num_classes: int) -> None:
  """Checks the labels of a data set, of which every row must have one.

  Args:
    labels: int32 `[n]` from 0 to `num_classes - 1`, or multi-hot
      `[n, num_classes]`, 0 and 1 in an integer dtype or bool.
    num_classes: number of classes or labels.

  Raises:
    ValueError: the labels are anything else; the message names the first bad
      row and its value.

  Example:
    >>> check_labels(np.array([0, 2, 1], np.int32), 3)
    >>> check_labels(np.array([0, 3], np.int32), 3)
    Traceback (most recent call last):
      ...
    ValueError: labels must be from 0 to 2, but row 1 is 3
  """
  if labels.ndim == 1:
    if labels.dtype != np.int32:
      raise ValueError(f'labels [n] must be int32, got {labels.dtype}')
    row = _first((labels < 0) | (labels >= num_classes))
    if row is not None:
      raise ValueError(
        f'labels must be from 0 to {num_classes - 1}, but row {row} is '
        f'{labels[row]}'
      )
    return
  if labels.ndim != 2 or labels.shape[1] != num_classes:
    raise ValueError(
      f'labels must be int32 [n] or multi-hot [n, {num_classes}], got '
      f'{labels.dtype} {list(labels.shape)}'
    )
  if labels.dtype.kind not in 'bui':
    raise ValueError(
      f'multi-hot labels must be bool or integers, got {labels.dtype}'
    )
  bad = (labels != 0) & (labels != 1)
  row = _first(bad.any(axis=1))
  if row is not None:
    raise ValueError(
      f'multi-hot labels must be 0 or 1, but row {row} has '
      f'{labels[row][bad[row]][0]}'
    )
  row = _first(~labels.astype(bool).any(axis=1))
  if row is not None:
    raise ValueError(
      f'every row must have a label, but row {row} of the multi-hot labels is '
      'all 0'
    )


def check_kinds(
  query_labels: Array | np.ndarray, database_labels: Array | np.ndarray
) -> None:
  """Checks that labels of queries and database compare; traced ones too.

  Args:
    query_labels: int `[query]` or multi-hot `[query, classes]`.
    database_labels: of the same kind.

  Raises:
    ValueError: the kinds differ, int labels are not integers or do not fit
      into int32, or the numbers of classes differ.

  Example:
    >>> check_kinds(np.array([1, 2]), np.eye(3))
    Traceback (most recent call last):
      ...
    ValueError: query and database labels must both be int [n], or both
    multi-hot of the same classes, got [2] and [3, 3]
  """
  pair = (('query', query_labels), ('database', database_labels))
  for name, labels in pair:
    if labels.ndim not in (1, 2):
      raise ValueError(
        f'{name} labels must be int [n] or multi-hot [n, classes], got '
        f'{labels.dtype} {list(labels.shape)}'
      )
    if labels.ndim == 1 and not jnp.issubdtype(labels.dtype, jnp.integer):
      raise ValueError(f'{name} labels [n] must be int, got {labels.dtype}')
  if (
    query_labels.ndim != database_labels.ndim
    or query_labels.shape[1:] != database_labels.shape[1:]
  ):
    raise ValueError(
      'query and database labels must both be int [n], or both multi-hot of '
      f'the same classes, got {list(query_labels.shape)} and '
      f'{list(database_labels.shape)}'
    )
  for name, labels in pair:
    # JAX would let them wrap around, and two classes could become one.
    if labels.ndim == 1 and isinstance(labels, np.ndarray):
      row = _first((labels > INT32.max) | (labels < INT32.min))
      if row is not None:
        raise ValueError(
          f'{name} labels must fit into int32, but row {row} is {labels[row]}'
        )


def _first(bad: Any) -> int | None:
  return int(bad.argmax()) if bad.any() else None
