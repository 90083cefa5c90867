"""Cells of a table: one method, one number of bits, one seed.

A table's folder holds

  cells/METHOD/BITS/seedN.json          results of a cell, with its config
  runs/METHOD/BITS/seeds-A-B-.../       where these seeds are trained together
  stages/STAGE-DIGEST/                  what several runs have before them

A cell is finished when its JSON is there; it is written whole or not at all.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments import command_line
from jaxhash import training
from jaxhash.core import Encoder, Outputs
from jaxhash.training import workdir as files

__all__ = [
  'Cell',
  'no_encoder',
  'read_cells',
  'read_table',
  'run_cell',
  'run_shallow_cell',
  'shallow_config',
  'shallow_run',
]

# What of a run's config matters to a shallow method.
SHARED = (
  'dataset',
  'protocol',
  'pipeline',
  'taxonomy',
  'evaluation',
  'measures',
  'evaluations',
)
PARTS = {'methods', 'bits', 'seeds', 'shallow', 'scores'}
# What a score may be in.
RESULTS = (
  'query_database',
  'query_database_without_train',
  'transductive',
  'val',
  'evaluations',
)


def read_table(config: ConfigDict) -> dict[str, Any]:
  """The plain values of a table's config.

  Args:
    config: with `methods` by name, `bits`, `seeds`, `shallow` and `scores`.

  Returns:
    The same; each method's config has the changes of `--set`.

  Raises:
    ValueError: there is more or less, or a score is in no result.
  """
  found = set(config)
  if found != PARTS:
    raise ValueError(
      f'a table has {", ".join(sorted(PARTS))}; this config has '
      f'{", ".join(sorted(found))}'
    )
  table = {name: config[name] for name in PARTS - {'methods'}}
  table['scores'] = config.scores.to_dict()
  table['methods'] = {
    name: command_line.plain(run) for name, run in config.methods.items()
  }
  if not isinstance(table['seeds'], int) or table['seeds'] < 1:
    raise ValueError(f'seeds must be at least 1, got {table["seeds"]!r}')
  if not table['bits'] or not table['methods'] or not table['scores']:
    raise ValueError('a table needs at least one of bits, methods and scores')
  further = {
    name for run in table['methods'].values() for name in run['evaluations']
  }
  for score, path in table['scores'].items():
    first, *rest = path.split('.')
    if first not in RESULTS or (
      first == 'evaluations' and (len(rest) < 2 or rest[0] not in further)
    ):
      raise ValueError(
        f'scores.{score} is {path!r}, which no result has; wanted a path such '
        f'as query_database.mAP, after one of {", ".join(RESULTS)}; further '
        f'evaluations: {", ".join(sorted(further)) or "none"}'
      )
  return table


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

  def check_rows(self, digest: str) -> None:
    """Checks that the first seed, if finished, was scored on these rows.

    Args:
      digest: of its split.

    Raises:
      WorkdirError: the data have changed since.
    """
    path = self.path(self.seeds[0])
    if path.exists() and _read(path)['split_digest'] != digest:
      raise training.WorkdirError(
        f'{path} was scored on other data [{_read(path)["split_digest"]}], '
        f'the data now give [{digest}]: rows, their order or their labels have '
        'changed'
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

  Args:
    cell: what is wanted.
    progress: whether to show progress bars.
    together: how many seeds are trained by one step at most.
    say: takes a line for each group of seeds.
  """
  missing = cell.missing()
  for seeds in training.seed_groups(cell.runs, missing, most=together):
    say(f'{cell.method}, {cell.bits} bits, seeds {", ".join(map(str, seeds))}')
    workdir = training.group_folder(cell.runs, seeds)
    experiments = training.prepare_seeds(
      cell.config,
      seeds,
      workdir,
      stages=cell.folder / 'stages',
      progress=progress,
      say=say,
    )
    states = training.train_group(
      experiments, workdir, progress=progress, say=say
    )
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
    say(f'{name}, {cell.bits} bits, seeds {", ".join(map(str, missing))}')
  load = training.loading_once()
  for seed in missing:
    experiment = training.build(shallow_run(cell, seed), load=load)
    _write(cell, seed, training.evaluate_shallow(experiment, name, cell.bits))


def shallow_config(
  config: Mapping[str, Any], name: str, bits: int
) -> dict[str, Any]:
  """The config of a shallow method's cell: data and scores of a run's."""
  shared = {block: config[block] for block in SHARED}
  return {**shared, 'shallow': {'name': name, 'num_bits': bits}}


def shallow_run(cell: Cell, seed: int) -> dict[str, Any]:
  """A run on the data of a shallow cell; it is never trained."""
  return {
    **training.default_config().to_dict(),
    **{block: cell.config[block] for block in SHARED},
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
    _ = saved['config'], saved['split_digest']
  except (OSError, ValueError, KeyError, TypeError) as e:
    raise training.WorkdirError(
      f'{path} cannot be read ({e}): remove it, and its scores are computed '
      'anew'
    ) from e
  return saved
