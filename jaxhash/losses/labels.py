"""Labels in the one form that the losses compute with."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

__all__ = ['has_label', 'multi_hot']


def multi_hot(
  labels: Integer[Array, 'batch']
  | Integer[Array, 'batch classes']
  | Float[Array, 'batch classes']
  | Bool[Array, 'batch classes'],
  num_classes: int,
) -> Bool[Array, 'batch classes']:
  """The classes of each row as a mask.

  Args:
    labels: int `[batch]`, from 0 to `num_classes - 1`; or multi-hot
      `[batch, num_classes]` of any dtype, positive where a row has a class.
      Any other int, -1 by convention, and a row of zeros mean no label.
    num_classes: number of classes.

  Returns:
    bool `[batch, num_classes]`; a row without a label is all False.

  Raises:
    ValueError: multi-hot labels of another number of classes.

  Example:
    >>> multi_hot(jnp.array([1, -1]), 3).astype(int).tolist()
    [[0, 1, 0], [0, 0, 0]]
  """
  if labels.ndim == 1:
    # In the dtype of narrow labels the numbers of the classes would wrap.
    classes = jnp.arange(num_classes, dtype=jnp.int32)
    return labels.astype(jnp.int32)[:, None] == classes[None]
  if labels.ndim != 2 or labels.shape[1] != num_classes:
    raise ValueError(
      f'labels must be int [batch] or multi-hot [batch, {num_classes}], got '
      f'{labels.dtype} {list(labels.shape)}'
    )
  return labels > jnp.zeros((), labels.dtype)


def has_label(
  labels: Integer[Array, 'batch']
  | Integer[Array, 'batch classes']
  | Float[Array, 'batch classes']
  | Bool[Array, 'batch classes'],
) -> Bool[Array, 'batch']:
  """Which rows have a label.

  Args:
    labels: int `[batch]`, negative for none, or multi-hot `[batch, classes]`
      of any dtype, nowhere positive for none.

  Returns:
    bool `[batch]`.

  Example:
    >>> has_label(jnp.array([1, -1])).tolist()
    [True, False]
  """
  if labels.ndim == 1:
    return labels >= jnp.zeros((), labels.dtype)
  return (labels > jnp.zeros((), labels.dtype)).any(axis=-1)
