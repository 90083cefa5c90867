"""Batches as pure functions of the step, from the device or from the host."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash._checks import check_int
from jaxhash.core import Batch, PyTree
from jaxhash.data.augment import augment as augment_inputs
from jaxhash.data.normalize import NORMALIZE, preprocess, statistics
from jaxhash.data.sampler import (
  Sampler,
  class_sampler,
  epoch_sampler,
  round_sampler,
  semi_supervised_sampler,
)
from jaxhash.data.types import Dataset, Pipeline, Split
from jaxhash.lookup import check_known

__all__ = ['make_pipeline', 'visible_labels']


def make_pipeline(
  dataset: Dataset,
  split: Split,
  *,
  batch_size: int,
  seed: int = 0,
  normalize: str = 'channel',
  augment: Mapping[str, Any] | None = None,
  views: int = 1,
  num_labelled_per_batch: int | None = None,
  rows_per_class: int | None = None,
  rows_per_round: int | None = None,
  epochs_per_round: int = 1,
  device_limit_bytes: int = 2**31,
) -> Pipeline:
  """Makes the batches of a run.

  Args:
    dataset: the rows.
    split: which of them train, and which labels may be seen.
    batch_size: rows of a batch; what is left of an epoch is dropped.
    seed: of the order.
    normalize: `channel` (less the mean, over the standard deviation, for each
      value of the last axis, from the train rows), `scalar` (less the mean
      for each, over one standard deviation for all), `l2` (rows of unit
      length) or `none`. uint8 becomes [0, 1] first.
    augment: arguments of `augment`; nothing by default.
    views: of each row, view-major: those that the data set has, if it has
      some, or else as many times the row itself; each is augmented by a key
      of its own.
    num_labelled_per_batch: in a split with hidden labels, the rows of each
      batch that have one; None draws all rows alike.
    rows_per_class: rows of the same class that come together in a batch, for
      losses on pairs of many classes; None draws all rows alike. The sampler
      then has passes of its own, without what is left of a class; an epoch is
      still as many steps as there are whole batches of train rows.
    rows_per_round: train on a part of so many rows at a time, another one in
      each round, see `sampler.round_sampler`; None takes all rows.
    epochs_per_round: passes over these rows before a method that learns codes
      in closed form takes that step. Steps after the last whole round train the
      network alone.
    device_limit_bytes: train rows up to this size live on the device; larger
      ones are read by grain, ahead of the step, in the same order.

  Returns:
    The pipeline; see `Pipeline` for what a batch holds.

  Raises:
    ValueError: an argument is unknown or out of range; nothing has been read.

  Example:
    >>> from jaxhash.data.protocols.general import per_class
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> data = clusters(num_classes=2, num_features=4)
    >>> split = per_class(data, num_query=2, num_train=8)
    >>> pipeline = make_pipeline(data, split, batch_size=4)
    >>> key = jax.random.key(0)
    >>> batch = pipeline.prepare(pipeline.data, pipeline.batch(0), key)
    >>> batch['inputs'].shape, batch['labels'].shape
    ((4, 4), (4,))
  """
  check_known('normalize', normalize, NORMALIZE)
  check_int('views', views, 1)
  check_int('epochs_per_round', epochs_per_round, 1)
  if rows_per_round is not None:
    check_int('rows_per_round', rows_per_round, 1)
  _check_augment(dict(augment or {}), (batch_size, *dataset.inputs.shape[1:]))
  labels = visible_labels(dataset, split)
  labelled = None
  if split.labelled is not None:
    labelled = np.isin(split.train, split.labelled)
  sampler = _sampler(
    labels,
    labelled,
    batch_size,
    seed,
    num_labelled_per_batch,
    rows_per_class,
    rows_per_round,
    epochs_per_round,
  )
  stored = views > 1 and dataset.views is not None
  rows = (
    _view_rows(dataset, split, views) if stored else _train_rows(dataset, split)
  )
  row_bytes = int(np.prod(dataset.inputs.shape[1:], initial=1)) * (
    dataset.inputs.dtype.itemsize * (views if stored else 1)
  )
  resident = len(labels) * row_bytes <= device_limit_bytes
  data: dict[str, Any] = {
    'labels': jnp.asarray(labels),
    'statistics': statistics(dataset, split.train, normalize),
  }
  if labelled is not None:
    data['labelled'] = jnp.asarray(labelled)
  if resident:
    data['inputs'] = jnp.asarray(rows(np.arange(len(labels))))

  def read(step: int) -> Batch:
    index = sampler(step)
    return (
      {'index': index} if resident else {'index': index, 'inputs': rows(index)}
    )

  normalized = functools.partial(preprocess, normalize=normalize)

  def prepare(data: PyTree, batch: Batch, key: jax.Array) -> Batch:
    index = batch['index']
    raw = data['inputs'][index] if resident else batch['inputs']
    sources = [raw[:, v] if stored else raw for v in range(views)]
    seen = [
      augment_inputs(normalized(data, source), view_key, **(augment or {}))
      for source, view_key in zip(sources, jax.random.split(key, views))
    ]
    prepared = {
      'index': index,
      'inputs': jnp.concatenate(seen) if views > 1 else seen[0],
      'labels': data['labels'][index],
    }
    if 'labelled' in data:
      prepared['labelled'] = data['labelled'][index]
    return prepared

  steps_per_epoch = (rows_per_round or len(labels)) // batch_size
  return Pipeline(
    data=data,
    batch=read if resident else _Ahead(read),
    prepare=prepare,
    preprocess=normalized,
    batch_size=batch_size,
    steps_per_epoch=len(labels) // batch_size,
    rows_per_round=steps_per_epoch * batch_size,
    steps_per_round=steps_per_epoch * epochs_per_round,
  )


def _train_rows(
  dataset: Dataset, split: Split
) -> Callable[[np.ndarray], np.ndarray]:
  """The inputs of train rows, by their positions in train."""
  return lambda index: np.asarray(dataset.inputs[split.train[index]])


def _view_rows(
  dataset: Dataset, split: Split, views: int
) -> Callable[[np.ndarray], np.ndarray]:
  """The stored views of train rows, `[rows, views, ...]`."""
  assert dataset.views is not None
  inputs, rows = dataset.views
  if views > inputs.shape[0]:
    raise ValueError(
      f'{dataset.name} has {inputs.shape[0]} views of a row, views asks for '
      f'{views}'
    )
  without = np.setdiff1d(split.train, rows)
  if len(without):
    raise ValueError(
      f'{dataset.name} has views of {len(rows)} rows; {len(without)} train '
      f'rows are not among them, the first is {without[0]}: the protocol '
      '"train_with_views" trains on those that are'
    )
  places = np.searchsorted(rows, split.train)

  def read(index: np.ndarray) -> np.ndarray:
    seen = [np.asarray(inputs[v][places[index]]) for v in range(views)]
    return np.stack(seen, axis=1)

  return read


def visible_labels(dataset: Dataset, split: Split) -> np.ndarray:
  """Labels of the train rows; hidden ones are -1, or all zero if multi-hot.

  Returns:
    int32 `[num_train]` or uint8 `[num_train, num_classes]`.
  """
  labels = np.array(dataset.labels[split.train])
  if split.labelled is not None:
    hidden = ~np.isin(split.train, split.labelled)
    labels[hidden] = -1 if labels.ndim == 1 else 0
  return labels


def _sampler(
  labels: np.ndarray,
  labelled: np.ndarray | None,
  batch_size: int,
  seed: int,
  num_labelled_per_batch: int | None,
  rows_per_class: int | None,
  rows_per_round: int | None,
  epochs_per_round: int,
) -> Sampler:
  """The order of the rows that was asked for."""
  if labelled is None and num_labelled_per_batch is not None:
    raise ValueError(
      'num_labelled_per_batch is for a split with hidden labels; this one '
      'hides none'
    )
  if rows_per_round is not None:
    if rows_per_class is not None or num_labelled_per_batch is not None:
      raise ValueError(
        'rows_per_round draws rows alike: it does not go together with '
        'rows_per_class or num_labelled_per_batch'
      )
    return round_sampler(
      len(labels), rows_per_round, epochs_per_round, batch_size, seed=seed
    )
  if rows_per_class is not None:
    if labelled is not None:
      raise ValueError('rows_per_class is for a split that hides no labels')
    return class_sampler(labels, rows_per_class, batch_size, seed=seed)
  if labelled is None or num_labelled_per_batch is None:
    return epoch_sampler(len(labels), batch_size, seed=seed)
  return semi_supervised_sampler(
    labelled, num_labelled_per_batch, batch_size, seed=seed
  )


def _check_augment(options: dict[str, Any], shape: tuple[int, ...]) -> None:
  known = list(inspect.signature(augment_inputs).parameters)[2:]
  for name in options:
    check_known('augment argument', name, known)
  inputs = jax.ShapeDtypeStruct(shape, jnp.float32)
  jax.eval_shape(
    functools.partial(augment_inputs, **options), inputs, jax.random.key(0)
  )


class _Ahead:
  """Reads batches ahead of the step with grain's threads.

  A function of the step all the same: a step out of turn starts anew there.
  """

  def __init__(self, read: Any, *, num_steps: int = 2**31 - 1):
    self._read = read
    self._num_steps = num_steps
    self._next = -1
    self._iterator: Any = None

  def __len__(self) -> int:
    return self._num_steps

  def __getitem__(self, step: int) -> Batch:
    return self._read(step)

  def __call__(self, step: int) -> Batch:
    import grain.python as grain

    if step != self._next:
      steps = grain.MapDataset.source(self)[step:]
      self._iterator = iter(
        steps.to_iter_dataset(
          grain.ReadOptions(num_threads=4, prefetch_buffer_size=8)
        )
      )
    self._next = step + 1
    return next(self._iterator)
