"""Batches as pure functions of the step, from the device or from the host."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.core import Batch, PyTree
from jaxhash.data.augment import augment as augment_inputs
from jaxhash.data.sampler import (
  Sampler,
  class_sampler,
  epoch_sampler,
  semi_supervised_sampler,
)
from jaxhash.data.types import Dataset, Pipeline, Split

__all__ = ['make_pipeline', 'visible_labels']

BLOCK_ROWS = 16384  # at a time while the statistics are computed,
BLOCK_VALUES = 2**24  # or fewer: 128 MiB of float64
NORMALIZE = ('channel', 'scalar', 'l2', 'none')


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
    views: independent augmentations of each row, view-major.
    num_labelled_per_batch: in a split with hidden labels, the rows of each
      batch that have one; None draws all rows alike.
    rows_per_class: rows of the same class that come together in a batch, for
      losses on pairs of many classes; None draws all rows alike. The sampler
      then has passes of its own, without what is left of a class; an epoch is
      still as many steps as there are whole batches of train rows.
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
  if normalize not in NORMALIZE:
    raise ValueError(
      f'unknown normalize {normalize!r}; known: {", ".join(NORMALIZE)}'
    )
  if views < 1:
    raise ValueError(f'views must be at least 1, got {views}')
  _check_augment(dict(augment or {}), (batch_size, *dataset.inputs.shape[1:]))
  labels = visible_labels(dataset, split)
  labelled = None
  if split.labelled is not None:
    labelled = np.isin(split.train, split.labelled)
  sampler = _sampler(
    labels, labelled, batch_size, seed, num_labelled_per_batch, rows_per_class
  )
  row_bytes = int(np.prod(dataset.inputs.shape[1:], initial=1)) * (
    dataset.inputs.dtype.itemsize
  )
  resident = len(labels) * row_bytes <= device_limit_bytes
  data: dict[str, Any] = {
    'labels': jnp.asarray(labels),
    'statistics': _statistics(dataset, split.train, normalize),
  }
  if labelled is not None:
    data['labelled'] = jnp.asarray(labelled)
  if resident:
    data['inputs'] = jnp.asarray(np.asarray(dataset.inputs[split.train]))

  def read(step: int) -> Batch:
    index = sampler(step)
    if resident:
      return {'index': index}
    rows = np.asarray(dataset.inputs[split.train[index]])
    return {'index': index, 'inputs': rows}

  preprocess = functools.partial(_preprocess, normalize=normalize)

  def prepare(data: PyTree, batch: Batch, key: jax.Array) -> Batch:
    index = batch['index']
    raw = data['inputs'][index] if resident else batch['inputs']
    inputs = preprocess(data, raw)
    seen = [
      augment_inputs(inputs, view_key, **(augment or {}))
      for view_key in jax.random.split(key, views)
    ]
    prepared = {
      'index': index,
      'inputs': jnp.concatenate(seen) if views > 1 else seen[0],
      'labels': data['labels'][index],
    }
    if 'labelled' in data:
      prepared['labelled'] = data['labelled'][index]
    return prepared

  return Pipeline(
    data=data,
    batch=read if resident else _Ahead(read),
    prepare=prepare,
    preprocess=preprocess,
    batch_size=batch_size,
    steps_per_epoch=len(labels) // batch_size,
  )


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
) -> Sampler:
  """The order of the rows that was asked for."""
  if labelled is None and num_labelled_per_batch is not None:
    raise ValueError(
      'num_labelled_per_batch is for a split with hidden labels; this one '
      'hides none'
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
  unknown = [name for name in options if name not in known]
  if unknown:
    raise ValueError(
      f'augment has no {", ".join(unknown)}; it takes {", ".join(known)}'
    )
  inputs = jax.ShapeDtypeStruct(shape, jnp.float32)
  jax.eval_shape(
    functools.partial(augment_inputs, **options), inputs, jax.random.key(0)
  )


def _statistics(
  dataset: Dataset, rows: np.ndarray, normalize: str
) -> dict[str, jax.Array]:
  """Mean and reciprocal standard deviation of the last axis, float32.

  Blocks are merged by their means and sums of squares about them (Chan et
  al. 1979), which loses nothing where the mean is far from 0.
  """
  if normalize not in ('channel', 'scalar'):
    return {}
  row_values = int(np.prod(dataset.inputs.shape[1:]))
  size = max(1, min(BLOCK_ROWS, BLOCK_VALUES // max(1, row_values)))
  channels = dataset.inputs.shape[-1]
  count, mean, square = 0, np.zeros(channels), np.zeros(channels)
  for start in range(0, len(rows), size):
    block = np.asarray(dataset.inputs[rows[start : start + size]])
    values = block.reshape(-1, block.shape[-1]).astype(np.float64)
    if block.dtype == np.uint8:
      values /= 255
    seen, count = count, count + len(values)
    block_mean = values.mean(0)
    difference = block_mean - mean
    mean += difference * (len(values) / count)
    values -= block_mean
    square += np.square(values).sum(0)
    square += np.square(difference) * (seen * len(values) / count)
  variance = square / count
  # A value that never changes but by rounding carries nothing: it becomes 0,
  # not infinite.
  variance[variance <= 1e-14 * np.square(mean)] = 0
  if normalize == 'scalar':
    variance = np.full_like(variance, variance.mean())
  scale = 1 / np.sqrt(np.where(variance > 0, variance, 1.0))
  return {
    'mean': jnp.asarray(mean, jnp.float32),
    'scale': jnp.asarray(scale, jnp.float32),
  }


def _preprocess(data: PyTree, raw: Any, *, normalize: str) -> jax.Array:
  inputs = jnp.asarray(raw)
  inputs = inputs.astype(jnp.float32) / (
    255 if inputs.dtype == jnp.uint8 else 1
  )
  if normalize in ('channel', 'scalar'):
    shape = (1,) * (inputs.ndim - 1) + (-1,)
    mean, scale = (
      data['statistics'][k].reshape(shape) for k in ('mean', 'scale')
    )
    return (inputs - mean) * scale
  if normalize == 'l2':
    axes = tuple(range(1, inputs.ndim))
    norm = jnp.sqrt(jnp.square(inputs).sum(axes, keepdims=True))
    return inputs / jnp.maximum(norm, 1e-12)
  return inputs


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
