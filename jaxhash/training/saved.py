"""What a run has saved: its state, and the rows that it was trained on."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from absl import logging

from jaxhash.data.splits import data_digest, load_split, save_split
from jaxhash.training import workdir as files
from jaxhash.training.checkpoints import Checkpoints
from jaxhash.training.errors import WorkdirError
from jaxhash.training.experiment import Experiment, initial_state
from jaxhash.training.state import TrainState
from jaxhash.training.tasks import SHARED, seed_state

__all__ = ['check_splits', 'restore', 'save_splits']


def restore(
  experiment: Experiment,
  workdir: pathlib.Path,
  *,
  step: int | None = None,
  say: Callable[[str], None] = logging.info,
) -> TrainState | None:
  """The saved state of a run, to look at; None if none was saved.

  Args:
    experiment: built from the config of the workdir; one of its seeds, where
      several were trained together.
    workdir: of the run.
    step: of the checkpoint; the latest by default.
    say: takes a message for each checkpoint that was passed over.

  Raises:
    CheckpointError: no checkpoint can be read.
    WorkdirError: the run was trained on other data, or has not the seed of the
      experiment.
  """
  seeds = files.seeds_of(workdir)
  seed, several = experiment.config['seed'], len(seeds) > 1
  if seed not in seeds:
    raise WorkdirError(f'{workdir} has no seed {seed}; it has {seeds}')
  state = initial_state(experiment)
  if several:
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(seeds)), state)
    shared = {name: getattr(state, name) for name in SHARED}
    state = stacked._replace(**shared)
  with Checkpoints(workdir / 'checkpoints', read_only=True) as checkpoints:
    restored, notes = checkpoints.restore(state, step)
  for note in notes:
    say(note)
  if restored is None:
    return None
  _check_split(experiment, split_path(workdir, seed, several))
  if notes:
    say(f'the checkpoint of step {int(restored.step)} is used')
  return seed_state(restored, seeds.index(seed)) if several else restored


def split_path(workdir: pathlib.Path, seed: int, several: bool) -> pathlib.Path:
  """The file of the rows that a seed was trained on."""
  return workdir / (f'split-seed{seed}.npz' if several else 'split.npz')


def save_splits(
  experiments: Sequence[Experiment], workdir: pathlib.Path
) -> None:
  """Saves which rows each seed is trained on.

  Raises:
    RunError: a file cannot be written.
  """
  for experiment, path in _paths(experiments, workdir):
    with files.replacing(path) as part:
      save_split(experiment.split, part, experiment.dataset)


def check_splits(
  experiments: Sequence[Experiment], workdir: pathlib.Path
) -> None:
  """Checks that rows, labels and inputs of all seeds are what they were.

  Raises:
    WorkdirError: they are not, or a file cannot be read.
  """
  for experiment, path in _paths(experiments, workdir):
    _check_split(experiment, path)


def _paths(
  experiments: Sequence[Experiment], workdir: pathlib.Path
) -> list[tuple[Experiment, pathlib.Path]]:
  several = len(experiments) > 1
  return [
    (e, split_path(workdir, e.config['seed'], several)) for e in experiments
  ]


def _check_split(experiment: Experiment, path: pathlib.Path) -> None:
  """Raises where the run was trained on other rows, labels or inputs."""
  try:
    saved, digest = load_split(path)
  except ValueError as e:
    raise WorkdirError(str(e)) from e
  now = data_digest(experiment.split, experiment.dataset)
  if now != digest:
    raise WorkdirError(
      f'{path.parent} was trained on other data: its {path.name} is '
      f'{saved.protocol} [{digest}], the data now give '
      f'{experiment.split.protocol} [{now}]: inputs, labels or '
      'rows have changed'
    )
