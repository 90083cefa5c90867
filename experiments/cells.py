"""Cells of a table: one method, one number of bits, one seed.

A table's folder holds

  cells/METHOD/BITS/seedN.json          results of a cell, with its config
  runs/METHOD/BITS/seeds-A-B-.../       where these seeds are trained together
  stages/STAGE-DIGEST/                  what several runs have before them

A cell is finished when its JSON is there; it is written whole or not at all.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxhash import training
from jaxhash.core import Encoder, Outputs
from jaxhash.data.types import Dataset
from jaxhash.training import workdir as files

__all__ = [
  'Cell',
  'no_encoder',
  'read_cells',
  'run_cell',
  'shallow_config',
  'shallow_run',
]

# What of a run's config matters to a shallow method.
SHARED = (
  'dataset',
  'protocol',
  'taxonomy',
  'evaluation',
  'measures',
  'ignored_labels',
  'evaluations',
)


@dataclasses.dataclass(frozen=True)
class Cell:
  """One method at one number of bits, for some seeds.

  Attributes:
    folder: of the table.
    method: name in the table.
    bits: bits of a code.
    config: of the run, nested plain values; its seed does not count.
    seeds: wanted.
    shallow: whether the method is one of `jaxhash.shallow`.
  """

  folder: pathlib.Path
  method: str
  bits: int
  config: Mapping[str, Any]
  seeds: tuple[int, ...]
  shallow: bool = False

  def path(self, seed: int) -> pathlib.Path:
    """The results of a seed."""
    return (
      self.folder / 'cells' / self.method / str(self.bits) / f'seed{seed}.json'
    )

  @property
  def runs(self) -> pathlib.Path:
    """Where its seeds are trained."""
    return self.folder / 'runs' / self.method / str(self.bits)

  def missing(self) -> list[int]:
    """The seeds that are not finished.

    Raises:
      WorkdirError: a finished one is of another config, or cannot be read.
    """
    missing = []
    for seed in self.seeds:
      path = self.path(seed)
      if not path.exists():
        missing.append(seed)
        continue
      saved = _read(path)['config']
      files.check_same_config(saved, {**self.config, 'seed': seed}, path)
    return missing

  def check(
    self, together: int, load: Callable[[Mapping[str, Any]], Dataset]
  ) -> training.Experiment:
    """Checks as far as can be that the cell can be run, before it is.

    Args:
      together: as for `run_cell`.
      load: of `training.build`.

    Returns:
      The run of the first seed, as far as it can be built.

    Raises:
      ValueError: its config is wrong.
      WorkdirError: a group of seeds was begun with another config.
    """
    seed = self.seeds[0]
    if self.shallow:
      run = training.build(shallow_run(self, seed), load=load)
      training.check_shallow(run, self.method, self.bits)
      return run
    missing = self.missing()
    for seeds in training.seed_groups(self.runs, missing, most=together):
      path = training.group_folder(self.runs, seeds)
      if (path / 'config.json').exists():
        begun = training.group_config(self.config, seeds)
        files.check_same_config(training.read_config(path), begun, path)
    make = functools.partial(training.build, load=load)
    return training.check_run({**self.config, 'seed': seed}, make=make)

  def check_data(self, digest: str) -> None:
    """Checks that the first seed, if finished, was scored on these data.

    Args:
      digest: `data_digest` of its split and data set.

    Raises:
      WorkdirError: the data have changed since.
    """
    path = self.path(self.seeds[0])
    if path.exists() and _read(path)['data_digest'] != digest:
      raise training.WorkdirError(
        f'{path} was scored on other data [{_read(path)["data_digest"]}], '
        f'the data now give [{digest}]: inputs, labels or rows have changed'
      )


def read_cells(cell: Cell) -> list[dict[str, Any]]:
  """The results of the finished seeds of a cell, in their order."""
  return [
    _read(cell.path(seed)) for seed in cell.seeds if cell.path(seed).exists()
  ]


def run_cell(
  cell: Cell, *, progress: bool, together: int, say: Callable[[str], None]
) -> None:
  """Trains and scores the seeds of a cell that are not finished.

  Where the loss of a seed is not finite, the seeds that were trained with it
  are trained alone.

  Args:
    cell: what is wanted.
    progress: whether to show progress bars.
    together: how many seeds are trained by one step at most.
    say: takes a line for each group of seeds.

  Raises:
    NonFiniteLossError: of some seeds; the others are finished.
    RunError: as for `training.train`.
  """
  missing = cell.missing()
  say_group = f'{cell.method}, {cell.bits} bits, seeds '
  if cell.shallow:
    say(say_group + ', '.join(map(str, missing)))
    return _run_shallow(cell, missing)
  groups = training.seed_groups(cell.runs, missing, most=together)
  failures: list[str] = []
  while groups:
    seeds = groups.pop(0)
    say(say_group + ', '.join(map(str, seeds)))
    try:
      _run_group(cell, seeds, progress, say)
    except training.NonFiniteLossError as e:
      if len(seeds) > 1:
        say(f'{e}; each seed is trained alone')
        groups = [[seed] for seed in seeds if seed in cell.missing()] + groups
      else:
        failures.append(f'seed {seeds[0]}: {e}')
  if failures:
    raise training.NonFiniteLossError('; '.join(failures))


def _run_group(
  cell: Cell,
  seeds: Sequence[int],
  progress: bool,
  say: Callable[[str], None],
) -> None:
  workdir = training.group_folder(cell.runs, seeds)
  experiments = training.prepare_seeds(
    cell.config,
    seeds,
    workdir,
    stages=cell.folder / 'stages',
    progress=progress,
    say=say,
  )
  states = training.train_seeds(
    experiments, workdir, progress=progress, say=say
  )
  encode = training.RowEncoder(experiments[0])
  for seed, experiment, state in zip(seeds, experiments, states):
    if not cell.path(seed).exists():
      results = training.results_of(experiment, state, encode.of(experiment))
      _write(cell, seed, results)


def _run_shallow(cell: Cell, seeds: Sequence[int]) -> None:
  load = training.loading_once()
  for seed in seeds:
    run = training.build(shallow_run(cell, seed), load=load)
    _write(cell, seed, training.evaluate_shallow(run, cell.method, cell.bits))


def shallow_config(
  config: Mapping[str, Any], name: str, bits: int
) -> dict[str, Any]:
  """The config of a shallow method's cell: data and scores of a run's.

  Of its pipeline only how inputs are normalised: nothing comes in batches.
  """
  shared = {block: config[block] for block in SHARED}
  pipeline = {'normalize': config['pipeline']['normalize']}
  method = {'name': name, 'num_bits': bits}
  return {**shared, 'pipeline': pipeline, 'shallow': method}


def shallow_run(cell: Cell, seed: int) -> dict[str, Any]:
  """A run on the data of a shallow cell; it is never trained."""
  return {
    **training.default_config().to_dict(),
    **{block: cell.config[block] for block in (*SHARED, 'pipeline')},
    'encoder': {'name': f'{__name__}:no_encoder'},
    'batch_size': jax.device_count(),  # the least there is
    'seed': seed,
  }


def no_encoder(width: int) -> Encoder:
  """Stands where nothing is encoded: zeros, of inputs of any shape."""

  def apply(
    params: Any, state: Any, inputs: Any, *, train: bool, key: Any = None
  ) -> tuple[Outputs, Any]:
    del params, train, key
    zeros = jnp.zeros((len(inputs), width))
    return Outputs(zeros, zeros), state

  return Encoder(lambda key, inputs: ({}, {}), apply)


def _write(cell: Cell, seed: int, results: Mapping[str, Any]) -> None:
  files.write_json(
    cell.path(seed), {'config': {**cell.config, 'seed': seed}, **results}
  )


def _read(path: pathlib.Path) -> dict[str, Any]:
  """The results of a cell."""
  try:
    saved = json.loads(path.read_text())
    _ = saved['config'], saved['data_digest']
  except (OSError, ValueError, KeyError, TypeError) as e:
    raise training.WorkdirError(
      f'{path} cannot be read ({e}): remove it, and its scores are computed '
      'anew'
    ) from e
  return saved
