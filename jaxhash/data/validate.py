"""Checks of a data set, before anything is computed with it."""

from __future__ import annotations

import numpy as np

from jaxhash import similarity
from jaxhash.data.types import Dataset, Views

__all__ = ['check_dataset']

SAMPLE = 4096


def check_dataset(dataset: Dataset) -> None:
  """Raises if rows and labels do not belong together.

  Args:
    dataset: inputs are images `[n, height, width, channels]` or features
      `[n, features]`; up to 4,096 rows of features are looked at for NaN.

  Raises:
    ValueError: the message says what was given and what was wanted.

  Example:
    >>> names = ('cat', 'dog')
    >>> inputs = np.zeros((2, 3), np.float32)
    >>> check_dataset(Dataset('pets', inputs, np.array([0, 2]), 2, names))
    Traceback (most recent call last):
    ValueError: pets: ...
  """
  name, inputs = dataset.name, dataset.inputs
  if len(inputs.shape) not in (2, 4):
    raise ValueError(
      f'{name}: inputs must be images [n, height, width, channels] or '
      f'features [n, features], got shape {tuple(inputs.shape)}'
    )
  labels = np.asarray(dataset.labels)
  if len(labels) != inputs.shape[0]:
    raise ValueError(f'{name}: {inputs.shape[0]} inputs, {len(labels)} labels')
  if not len(labels):
    raise ValueError(f'{name} has no rows')
  try:
    similarity.check_labels(labels, dataset.num_classes)
  except ValueError as e:
    raise ValueError(f'{name}: {e}') from e
  if len(dataset.class_names) != dataset.num_classes:
    raise ValueError(
      f'{name}: {len(dataset.class_names)} class names for '
      f'{dataset.num_classes} classes'
    )
  if dataset.ids is not None and len(dataset.ids) != len(labels):
    raise ValueError(f'{name}: {len(dataset.ids)} ids for {len(labels)} rows')
  official = dataset.num_official_train
  if official is not None and not 0 < official <= len(labels):
    raise ValueError(
      f'{name}: the official train part must be 1 to {len(labels)} rows, got '
      f'{official}'
    )
  if dataset.views is not None:
    _check_views(dataset, dataset.views)
  if len(inputs.shape) == 4:
    if inputs.dtype != np.uint8:
      raise ValueError(f'{name}: images must be uint8, got {inputs.dtype}')
    return
  if not np.issubdtype(inputs.dtype, np.floating):
    raise ValueError(f'{name}: features must be float, got {inputs.dtype}')
  rows = np.unique(np.linspace(0, len(labels) - 1, SAMPLE).astype(int))
  finite = np.isfinite(np.asarray(inputs[rows])).all(axis=1)
  if not finite.all():
    raise ValueError(
      f'{name}: the features of row {rows[~finite][0]} are not finite'
    )


def _check_views(dataset: Dataset, given: Views) -> None:
  """Views are of rows that there are, and of the same kind as these."""
  views, rows = given
  wanted = (len(rows), *dataset.inputs.shape[1:])
  if (
    views.shape[1:] != wanted
    or 0 in views.shape
    or views.dtype != dataset.inputs.dtype
  ):
    raise ValueError(
      f'{dataset.name}: views of {len(rows)} rows must not be empty, and be '
      f'{dataset.inputs.dtype} [views, {", ".join(map(str, wanted))}], got '
      f'{views.dtype} {list(views.shape)}'
    )
  count = len(dataset.labels)
  if (np.diff(rows) <= 0).any() or rows.min() < 0 or rows.max() >= count:
    raise ValueError(
      f'{dataset.name}: the rows that have views must be some of the {count} '
      'rows, sorted and without repetition'
    )
  sample = np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(int))
  if not all(np.isfinite(np.asarray(view[sample])).all() for view in views):
    raise ValueError(f'{dataset.name}: there are views that are not finite')
