"""Trains a table of methods x bits x seeds, and tabulates it.

  python -m experiments.benchmark --workdir=runs/table \\
      --config=experiments/configs/benchmark.py:digits

A config names the methods with their configs, the bits, the number of seeds,
shallow references on the same splits, and the scores (`--config.seeds=10`,
`--config.bits='(32,)'`; `--methods=orthohash,itq` takes some of the rows). A
seed draws the split, the initial state and the data order. The seeds of a
method are trained together, by one step that is mapped over them.

The same command goes on after an interruption; a finished cell is never run
again, and more seeds, bits or methods join those that are there. `--set`
changes values of all runs, as in `--set=epochs=20`.

The folder gets table.md and table.csv: means, 95% Student-t intervals over
seeds, and paired tests against the best; and cells/METHOD/BITS/seedN.json, all
scores of a cell.
"""

from __future__ import annotations

import functools
import pathlib
from typing import Any

from absl import flags
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments import cells, command_line, tables
from jaxhash import training

flags.adopt_module_key_flags(command_line)
CONFIG = command_line.config_flag('experiments/configs/benchmark.py:digits')
flags.declare_key_flag('config')
METHODS = flags.DEFINE_list(
  'methods', [], 'Rows of the table to run; all of them by default.'
)
TOGETHER = flags.DEFINE_integer(
  'together', 8, 'Seeds that are trained together at most.', lower_bound=1
)
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the table.')
PROGRESS = flags.DEFINE_bool('progress', True, 'Show progress bars.')

__all__ = ['main']

KNOWN = {'methods', 'bits', 'seeds', 'shallow', 'scores'}


def main() -> None:
  """Runs all cells and prints the table."""
  folder = command_line.folder(WORKDIR)
  table = command_line.prepare(lambda: _check(CONFIG.value))
  # All of them before the first, so that a wrong one costs no run.
  wanted = [
    (cell, shallow)
    for cell, shallow in _cells(table, folder)
    if not METHODS.value or cell.method in METHODS.value
  ]
  names = {cell.method for cell, _ in wanted}
  unknown = sorted(set(METHODS.value) - names)
  if unknown:
    command_line.fail(f'the table has no {unknown[0]!r}; it has {_rows(table)}')
  for cell, shallow in wanted:
    command_line.prepare(functools.partial(_check_cell, cell, shallow))
  bar = tqdm(
    wanted, desc='cells', unit='cell', disable=not PROGRESS.value, leave=False
  )
  for cell, shallow in bar:
    if shallow:
      cells.run_shallow_cell(cell, shallow, say=command_line.say)
    else:
      cells.run_cell(
        cell,
        progress=PROGRESS.value,
        together=TOGETHER.value,
        say=command_line.say,
      )
  found = {
    (cell.method, cell.bits): cells.read_cells(cell) for cell, _ in wanted
  }
  rows = tables.rows_of(found, table['scores'])
  text = tables.markdown(rows)
  training.workdir.write_text(folder / 'table.md', text + '\n')
  training.workdir.write_text(folder / 'table.csv', tables.to_csv(rows))
  print(text)


def _check(config: ConfigDict) -> dict[str, Any]:
  """The plain values of a table's config."""
  found = set(config)
  if found != KNOWN:
    raise ValueError(
      f'a table has {", ".join(sorted(KNOWN))}; this config has '
      f'{", ".join(sorted(found))}'
    )
  table = {name: config[name] for name in KNOWN - {'methods'}}
  table['scores'] = config.scores.to_dict()
  table['methods'] = {
    name: command_line.plain(run) for name, run in config.methods.items()
  }
  if not isinstance(table['seeds'], int) or table['seeds'] < 1:
    raise ValueError(f'seeds must be at least 1, got {table["seeds"]!r}')
  if not table['bits'] or not table['methods'] or not table['scores']:
    raise ValueError('a table needs at least one of bits, methods and scores')
  return table


def _rows(table: dict[str, Any]) -> str:
  return ', '.join([*table['methods'], *table['shallow']])


def _cells(
  table: dict[str, Any], folder: pathlib.Path
) -> list[tuple[cells.Cell, str]]:
  """All cells, with the name of the shallow method or an empty one."""
  seeds = tuple(range(table['seeds']))
  found = []
  for bits in table['bits']:
    for name, run in table['methods'].items():
      method = {**run['method'], 'num_bits': bits}
      config = {**run, 'method': method}
      found.append((cells.Cell(folder, name, bits, config, seeds), ''))
    # On the splits of the first of the methods, which are those of all.
    first = next(iter(table['methods'].values()))
    for name in table['shallow']:
      config = {
        **first,
        'shallow': {'name': name, 'num_bits': bits},
        'method': {'name': 'cross_entropy', 'num_bits': bits},
        'stages': {},
        'optimizer': {**first['optimizer'], 'groups': {}},
      }
      found.append((cells.Cell(folder, name, bits, config, seeds), name))
  return found


def _check_cell(cell: cells.Cell, shallow: str) -> None:
  """Raises what would be wrong with the first seed of a cell."""
  cell.missing()
  config = {k: v for k, v in cell.config.items() if k != 'shallow'}
  config['seed'] = cell.seeds[0]
  if shallow:
    training.check_shallow(training.build(config), shallow, cell.bits)
  else:
    training.check_run(config)


if __name__ == '__main__':
  command_line.run(main)
