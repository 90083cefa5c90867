"""Cells of a table: one method, one number of bits, one seed.

A table's folder holds

  cells/METHOD/BITS/seedN.json          results of a cell, with its config
  runs/METHOD/BITS/seeds-A-B-.../       where these seeds are trained together
  stages/                               what several runs have before them

A cell is finished when its JSON is there; it is written whole or not at all.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxhash import training
from jaxhash.training import workdir as files

__all__ = ['Cell', 'read_cells', 'run_cell', 'run_shallow_cell']


@dataclasses.dataclass(frozen=True)
class Cell:
  """One method at one number of bits, for some seeds.

  Attributes:
    folder: of the table.
    method: name in the table.
    bits: bits of a code.
    config: of the run, nested plain values; its seed does not count.
    seeds: wanted.
  """

  folder: pathlib.Path
  method: str
  bits: int
  config: Mapping[str, Any]
  seeds: tuple[int, ...]

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
      WorkdirError: a finished one is of another config.
    """
    missing = []
    for seed in self.seeds:
      path = self.path(seed)
      if not path.exists():
        missing.append(seed)
        continue
      saved = json.loads(path.read_text())['config']
      files.check_same_config(saved, {**self.config, 'seed': seed}, path)
    return missing


def read_cells(cell: Cell) -> list[dict[str, Any]]:
  """The results of all seeds of a cell, in their order."""
  return [json.loads(cell.path(seed).read_text()) for seed in cell.seeds]


def run_cell(
  cell: Cell, *, progress: bool, together: int, say: Callable[[str], None]
) -> None:
  """Trains and scores the seeds of a cell that are not finished.

  Args:
    cell: what is wanted.
    progress: whether to show progress bars.
    together: how many seeds are trained by one step at most.
    say: takes a line for each group of seeds.
  """
  missing = cell.missing()
  for seeds in _groups(cell, missing, together):
    say(f'{cell.method}, {cell.bits} bits, seeds {_joined(seeds, ", ")}')
    experiments = training.prepare_seeds(
      cell.config,
      seeds,
      cell.folder / 'stages',
      shared=True,
      progress=progress,
      say=say,
    )
    workdir = cell.runs / f'seeds-{_joined(seeds, "-")}'
    if len(seeds) == 1:
      states = [
        training.train(experiments[0], workdir, progress=progress, say=say)
      ]
    else:
      state = training.train_seeds(
        experiments, workdir, progress=progress, say=say
      )
      states = [training.seed_state(state, i) for i in range(len(seeds))]
    encode = training.RowEncoder(experiments[0])
    for seed, experiment, state in zip(seeds, experiments, states):
      if seed in missing:
        results = training.results_of(experiment, state, encode.of(experiment))
        _write(cell, seed, results)


def run_shallow_cell(
  cell: Cell, name: str, *, say: Callable[[str], None]
) -> None:
  """Fits and scores a shallow method for the seeds that are not finished.

  Args:
    cell: what is wanted; its config names the data and the split.
    name: of a module in `jaxhash.shallow`.
    say: takes a line for each group of seeds.
  """
  missing = cell.missing()
  if missing:
    say(f'{name}, {cell.bits} bits, seeds {_joined(missing, ", ")}')
  for seed in missing:
    config = {k: v for k, v in cell.config.items() if k != 'shallow'}
    experiment = training.build({**config, 'seed': seed})
    _write(cell, seed, training.evaluate_shallow(experiment, name, cell.bits))


def _write(cell: Cell, seed: int, results: Mapping[str, Any]) -> None:
  files.write_json(
    cell.path(seed), {'config': {**cell.config, 'seed': seed}, **results}
  )


def _groups(
  cell: Cell, missing: Sequence[int], together: int
) -> list[list[int]]:
  """Seeds to train together: first those that were begun, as they were."""
  groups, left = [], list(missing)
  for path in sorted(cell.runs.glob('seeds-*')):
    seeds = [int(seed) for seed in path.name.split('-')[1:]]
    if set(seeds) & set(left):
      groups.append(seeds)
      left = [seed for seed in left if seed not in seeds]
  groups += [left[i : i + together] for i in range(0, len(left), together)]
  return groups


def _joined(seeds: Sequence[int], between: str) -> str:
  return between.join(str(seed) for seed in seeds)
