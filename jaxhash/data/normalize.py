"""How inputs are normalised, from the rows that train."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.core import PyTree
from jaxhash.data.types import Dataset

__all__ = ['NORMALIZE', 'preprocess', 'statistics']

BLOCK_ROWS = 16384  # at a time while the statistics are computed,
BLOCK_VALUES = 2**24  # or fewer: 128 MiB of float64
#: What `preprocess` can normalise by.
NORMALIZE = ('channel', 'scalar', 'l2', 'none')


def statistics(
  dataset: Dataset, rows: np.ndarray, normalize: str
) -> dict[str, jax.Array]:
  """Mean and reciprocal standard deviation of the last axis, float32.

  Blocks are merged by their means and sums of squares about them (Chan et al.
  1979 :cite:p:`chan1979variance`), which loses nothing where the mean is far
  from 0.
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


def preprocess(data: PyTree, raw: Any, *, normalize: str) -> jax.Array:
  """Inputs in float32, normalised by `data['statistics']`."""
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
