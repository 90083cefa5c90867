"""Codes of the rows of a data set, in batches of one shape."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from tqdm import tqdm

from jaxhash.core import Outputs, PyTree
from jaxhash.training.errors import RunError
from jaxhash.training.experiment import Experiment
from jaxhash.training.state import TrainState
from jaxhash.training.step import make_encode_step

__all__ = ['Encoded', 'RowEncoder']


class Encoded(NamedTuple):
  """Codes of some rows.

  Attributes:
    codes: int8 -1/+1 `[rows, bits]`, or what `HashMethod.encode` gives.
    outputs: the encoder's `Outputs` of the same rows, NumPy, or the features
      that a shallow method encoded; None unless the method has a distance of
      its own.
  """

  codes: np.ndarray
  outputs: Outputs | np.ndarray | None


class RowEncoder:
  """Encodes rows of an experiment's data set; compiles once.

  Args:
    experiment: names the method, the encoder and the data.
    batch_size: rows at a time; the last batch is padded, and rounded up to a
      multiple of the devices.
    progress: whether to show a progress bar.
  """

  def __init__(
    self,
    experiment: Experiment,
    *,
    batch_size: int = 1024,
    progress: bool = False,
  ):
    devices = experiment.mesh.size
    self._experiment = experiment
    self._batch_size = -(-batch_size // devices) * devices
    self._progress = progress
    self._sharding = NamedSharding(experiment.mesh, PartitionSpec('data'))
    self._data = _statistics(experiment)
    step = make_encode_step(
      experiment.method, experiment.encoder, experiment.pipeline.preprocess
    )

    def checked(
      state: TrainState, data: PyTree, inputs: jax.Array
    ) -> tuple[jax.Array, Outputs, jax.Array]:
      codes, outputs = step(state, data, inputs)
      return codes, outputs, jnp.isfinite(outputs.logits).all(axis=-1)

    self._step = jax.jit(checked)

  def of(self, experiment: Experiment) -> RowEncoder:
    """The encoder of another seed of the same run; compiles nothing."""
    other = copy.copy(self)
    other._experiment = experiment
    other._data = _statistics(experiment)
    return other

  def __call__(self, state: TrainState, rows: np.ndarray) -> Encoded:
    """Encodes rows.

    Args:
      state: the variables to encode with.
      rows: positions in the data set, int `[n]`.

    Returns:
      Their codes, in the order of `rows`.

    Raises:
      RunError: the logits of a row are not finite.
    """
    keep_outputs = self._experiment.method.distance is not None
    codes, outputs = [], []
    starts = range(0, len(rows), self._batch_size)
    for start in tqdm(
      starts,
      desc='encode',
      unit='batch',
      delay=1,
      leave=False,
      disable=not self._progress,
    ):
      chunk = rows[start : start + self._batch_size]
      padded = np.resize(chunk, self._batch_size)
      inputs = np.asarray(self._experiment.dataset.inputs[padded])
      batch_codes, batch_outputs, finite = self._step(
        state, self._data, jax.device_put(inputs, self._sharding)
      )
      if not np.all(finite):  # a NaN would become a bit like any other
        row = padded[np.argmin(finite)]
        raise RunError(
          f'the logits of row {row} of {self._experiment.dataset.name} are not '
          'finite: its inputs are not, or the parameters'
        )
      codes.append(np.asarray(batch_codes)[: len(chunk)])
      if keep_outputs:
        outputs.append(_head(batch_outputs, len(chunk)))
    return Encoded(
      np.concatenate(codes),
      jax.tree.map(lambda *x: np.concatenate(x), *outputs)
      if keep_outputs
      else None,
    )


def _statistics(experiment: Experiment) -> Any:
  return jax.device_put(
    {'statistics': experiment.pipeline.data['statistics']},
    NamedSharding(experiment.mesh, PartitionSpec()),
  )


def _head(tree: Any, count: int) -> Any:
  return jax.tree.map(lambda x: np.asarray(x)[:count], tree)
