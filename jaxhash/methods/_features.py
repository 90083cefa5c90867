"""Features of rows that a method without labels goes by."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxhash.core import Batch, Info, PyTree
from jaxhash.lookup import check_known
from jaxhash.methods import _common

__all__ = ['INPUTS', 'FeatureSource', 'feature_source']

INPUTS = 'inputs'


class FeatureSource(NamedTuple):
  """Where the features of a row come from.

  Attributes:
    name: for the settings of a stage; of a file with a digest of it, so that
      a stage is not found again when the file has changed.
    vectors: of all rows of the data set, float32 `[num_rows, dims]`; None: the
      inputs of the encoder are the features.
  """

  name: str
  vectors: np.ndarray | None = None

  def init(self, info: Info) -> PyTree:
    """What has to be kept of the features, in the state of a method.

    Raises:
      ValueError: there are other rows than in the data set.
    """
    if self.vectors is None:
      return {}
    return {'features': jnp.asarray(self._of_train(info))}

  def of_batch(self, state: PyTree, batch: Batch) -> Float[Array, 'batch dims']:
    """Features of the rows of a batch, float32, without a gradient.

    Args:
      state: of `init`.
      batch: of one view; where the inputs are the features, as they were
        augmented.
    """
    if self.vectors is not None:
      return state['features'][batch['index']]
    inputs = batch['inputs'].astype(jnp.float32)
    return jax.lax.stop_gradient(inputs.reshape(len(inputs), -1))

  def of_train(self, info: Info, inputs: np.ndarray | None) -> np.ndarray:
    """Features of all train rows, float32 `[num_train, dims]`.

    Args:
      info: of the run.
      inputs: of all train rows, prepared for encoding; None where vectors
        stand for them.
    """
    if inputs is None:
      return self._of_train(info)
    return np.asarray(inputs, np.float32).reshape(len(inputs), -1)

  def check(self, info: Info) -> None:
    """Raises a ValueError where there are other rows than in the data set."""
    count = info.num_rows or len(info.labels)
    if self.vectors is not None and len(self.vectors) != count:
      raise ValueError(
        f'the features in {self.name} are of {len(self.vectors)} rows, the '
        f'data set has {count}'
      )

  def _of_train(self, info: Info) -> np.ndarray:
    assert self.vectors is not None
    self.check(info)
    if info.train_rows is None:
      return self.vectors
    return self.vectors[info.train_rows]


def feature_source(features: str) -> FeatureSource:
  """Reads and checks where features are to come from.

  Args:
    features: `inputs`, those of the encoder, flattened; or the path of a .npy
      file, float `[num_rows, dims]`, of all rows of the data set in its order,
      say of a network that was trained before.

  Raises:
    ValueError: an unknown name, a file that cannot be read, or an array that
      is not as above.
  """
  if features == INPUTS:
    return FeatureSource(INPUTS)
  if not features.endswith('.npy'):
    check_known('features', features, (INPUTS,), other=', or a .npy file')
  array = _common.load_array(features, 'the features in')
  if array.ndim != 2 or not array.size or array.dtype.kind != 'f':
    raise ValueError(
      f'the features in {features} must be float [num_rows, dims], got '
      f'{array.dtype} {list(array.shape)}'
    )
  if not np.isfinite(array).all():
    raise ValueError(f'the features in {features} are not finite')
  vectors = array.astype(np.float32)
  digest = hashlib.sha256(np.ascontiguousarray(vectors).tobytes()).hexdigest()
  return FeatureSource(f'{features} [{digest[:12]}]', vectors)
