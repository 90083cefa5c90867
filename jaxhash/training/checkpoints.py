"""Checkpoints: atomic, checked when read, with a way back from a bad one.

The only file that knows Orbax.
"""

from __future__ import annotations

import hashlib
import pathlib
import shutil
from typing import Any

import jax
import numpy as np
from absl import logging
from orbax.checkpoint.experimental import v1 as ocp

from jaxhash.training.errors import CheckpointError
from jaxhash.training.state import TrainState

__all__ = ['Checkpoints', 'state_digest']

ASIDE = 'unreadable'


def state_digest(state: TrainState) -> np.ndarray:
  """SHA-256 of all leaves of a state, uint8 `[32]`.

  Orbax notices a truncated file, but not a changed byte in the data.
  """
  digest = hashlib.sha256()
  for leaf in jax.tree.leaves(state):
    is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    array = np.ascontiguousarray(jax.random.key_data(leaf) if is_key else leaf)
    digest.update(f'{array.dtype}{array.shape}'.encode())
    digest.update(array.tobytes())
  return np.frombuffer(digest.digest(), np.uint8)


class Checkpoints:
  """The checkpoints of one run, a context manager.

  Args:
    directory: where they are; made when the first is saved.
    keep: how many of the latest are kept. At least two, so that a damaged
      one has one before it.
    read_only: leave what another process may be saving alone.
  """

  def __init__(
    self,
    directory: pathlib.Path | str,
    *,
    keep: int = 2,
    read_only: bool = False,
  ):
    if keep < 2:
      raise ValueError(f'keep must be at least 2, got {keep}')
    self.directory = pathlib.Path(directory).absolute()
    self._keep = keep
    self._read_only = read_only
    self._checkpointer: Any = None

  def __enter__(self) -> Checkpoints:
    return self

  def __exit__(self, *unused: object) -> None:
    self.close()

  def close(self) -> None:
    """Releases Orbax's threads; a failed save has been reported before."""
    if self._checkpointer is not None:
      checkpointer, self._checkpointer = self._checkpointer, None
      try:
        checkpointer.close()
      except Exception as e:
        logging.debug('closing the checkpoints: %s', e)

  def steps(self) -> list[int]:
    """The steps of the complete checkpoints, ascending."""
    if not self.directory.is_dir():
      return []
    return sorted(
      int(path.name) for path in self.directory.iterdir() if path.name.isdigit()
    )

  def save(self, state: TrainState) -> None:
    """Saves a state under its step; a checkpoint is there whole or not at all.

    Raises:
      CheckpointError: it cannot be written; those before it are untouched.
    """
    step = int(state.step)
    if step in self.steps():
      return
    try:
      self._open().save(
        step, {'state': state, 'digest': state_digest(state)}, force=True
      )
    except Exception as e:
      self.close()
      kept = self.steps()
      raise CheckpointError(
        f'cannot save the checkpoint of step {step} in {self.directory}: '
        f'{_first_line(e)}; '
        + (f'the one of step {kept[-1]} is kept' if kept else 'there is none')
      ) from e

  def restore(
    self, like: TrainState, step: int | None = None
  ) -> tuple[TrainState | None, list[str]]:
    """Restores the latest state that can be read, or that of one step.

    Args:
      like: the shapes, dtypes and shardings wanted.
      step: None for the latest; a step has no way back to another.

    Returns:
      The state, or None if there is no checkpoint at all, and a message for
      each checkpoint that had to be passed over.

    Raises:
      CheckpointError: there are checkpoints and none can be read, or not the
        one that was asked for.
    """
    steps = self.steps()
    if step is not None and step not in steps:
      raise CheckpointError(
        f'no checkpoint of step {step} in {self.directory}; there are: {steps}'
      )
    notes: list[str] = []
    for candidate in reversed(steps) if step is None else [step]:
      try:
        return self._load(candidate, like), notes
      except Exception as e:
        self.close()
        notes.append(
          f'the checkpoint of step {candidate} in {self.directory} cannot be '
          f'read: {_first_line(e)}'
        )
    if notes:
      raise CheckpointError('; '.join(notes))
    return None, notes

  def set_aside(self, after: int) -> None:
    """Moves the checkpoints of later steps aside, to `unreadable/`.

    Args:
      after: the step of the checkpoint that was restored, 0 for none.
    """
    for step in self.steps():
      if step > after:
        self.close()
        aside = self.directory.parent / ASIDE
        aside.mkdir(exist_ok=True)
        shutil.move(
          self.directory / str(step),
          aside / f'{step}.{len(list(aside.iterdir()))}',
        )

  def _load(self, step: int, like: TrainState) -> TrainState:
    abstract = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
      like,
    )
    digest = jax.ShapeDtypeStruct(
      (32,), np.uint8, sharding=abstract.step.sharding
    )
    tree = self._open().load(step, {'state': abstract, 'digest': digest})
    if not np.array_equal(tree['digest'], state_digest(tree['state'])):
      raise ValueError('its contents do not have the digest they were saved by')
    return tree['state']

  def _open(self) -> Any:
    if self._checkpointer is None:
      self._checkpointer = ocp.training.Checkpointer(
        self.directory,
        preservation_policy=ocp.training.preservation_policies.LatestN(
          self._keep
        ),
        cleanup_tmp_directories=not self._read_only,
      )
    return self._checkpointer


def _first_line(error: BaseException) -> str:
  while error.__cause__ is not None:
    error = error.__cause__
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
