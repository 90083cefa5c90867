"""Finished runs, to be looked at."""

from __future__ import annotations

import functools
import glob
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from jaxhash import training

__all__ = [
  'check_classes',
  'chosen_seed',
  'finished_run',
  'folders_of',
  'runs_flag',
  'seed_flag',
  'taxonomy_flag',
  'titled_folders',
  'unseen_rows',
]


# Several commands have these flags; a command that asks for none has none.
@functools.cache
def runs_flag() -> flags.FlagHolder:
  """Defines `--runs`, once in a process."""
  return flags.DEFINE_multi_string(
    'runs',
    [],
    'TITLE=WORKDIR, what a finished run is called and its folder; needed',
  )


@functools.cache
def seed_flag() -> flags.FlagHolder:
  """Defines `--seed`, once in a process."""
  return flags.DEFINE_integer(
    'seed',
    None,
    'One of several seeds that were trained together, as in '
    'runs/METHOD/BITS/seeds-A-B of a table. Default: that of a run of one.',
  )


@functools.cache
def taxonomy_flag() -> flags.FlagHolder:
  """Defines `--taxonomy`, once in a process."""
  return flags.DEFINE_string(
    'taxonomy',
    None,
    'File of a class hierarchy: parent-child lines, nested names, or JSON as '
    'jaxhash.taxonomy.read_taxonomy wants it; needed.',
  )


def folders_of(pattern: str) -> list[pathlib.Path]:
  """The folders that a glob names, sorted; none is an error."""
  folders = [pathlib.Path(path) for path in sorted(glob.glob(pattern))]
  if not folders:
    command_line.fail(f'no folder is called {pattern}')
  return folders


def titled_folders(given: Sequence[str]) -> dict[str, pathlib.Path]:
  """The folders of a flag `--runs=TITLE=WORKDIR`, by title."""
  folders = {}
  for text in given:
    title, equals, folder = text.partition('=')
    if not (title and equals and folder):
      command_line.fail(f'--runs must be TITLE=WORKDIR, got {text!r}')
    if title in folders:
      command_line.fail(f'--runs has the title {title!r} twice')
    folders[title] = pathlib.Path(folder)
  return folders


def chosen_seed(folder: pathlib.Path, seed: int | None) -> int:
  """The seed of a run; of several that were trained together the given one."""
  seeds = training.seeds_of(folder)
  if seed is None and len(seeds) == 1:
    return seeds[0]
  if seed not in seeds:
    command_line.fail(
      f'{folder} has the seeds {", ".join(map(str, seeds))}: choose one by '
      '--seed'
    )
  return seed


def check_classes(
  experiment: training.Experiment, classes: Sequence[str], folder: pathlib.Path
) -> None:
  """The classes of a taxonomy must be those of a run."""
  if experiment.dataset.class_names != classes:
    command_line.fail(
      f'the classes of the taxonomy are not those of {folder}, or not in the '
      'same order'
    )


def unseen_rows(experiment: training.Experiment) -> np.ndarray:
  """The database rows that trained nothing; none is an error."""
  split = experiment.split
  rows = np.setdiff1d(split.database, split.train)
  if not len(rows):
    command_line.fail(f'all database rows of {split.protocol} are train rows')
  return rows


def finished_run(
  folder: pathlib.Path, seed: int
) -> tuple[training.Experiment, training.TrainState]:
  """A run as it was trained, and its last state; a run that is not finished
  is an error.

  Args:
    folder: workdir of a run, or of several seeds that were trained together.
    seed: one of `training.seeds_of(folder)`.
  """
  config = command_line.plain(ConfigDict(training.read_config(folder)))
  config['seed'] = seed
  experiment = command_line.prepare(
    functools.partial(training.prepare, config, folder, run_stages=False)
  )
  state = training.restore(experiment, folder, say=command_line.say)
  if state is None or int(state.step) < experiment.num_steps:
    command_line.fail(f'{folder} is not a finished run')
  return experiment, state
