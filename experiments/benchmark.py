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

The folder gets table.md and table.csv, of all that is finished so far: means,
95% Student-t intervals over seeds, and paired tests against the best; and
cells/METHOD/BITS/seedN.json, all scores of a cell. Where a loss is not finite,
the other cells are run, and the command fails in the end. One process works on
a table at a time.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags
from tqdm import tqdm

from experiments import cells, command_line, tables
from jaxhash import training
from jaxhash.data.splits import split_digest

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


def main() -> None:
  """Runs all cells and prints the table."""
  folder = command_line.folder(WORKDIR)
  table = command_line.prepare(lambda: cells.read_table(CONFIG.value))
  every = _cells(table, folder)
  names = [cell.method for cell, _ in every]
  for name in METHODS.value:
    if name not in names:
      command_line.fail(
        f'the table has no {name!r}; it has {", ".join(dict.fromkeys(names))}'
      )
  wanted = [
    (cell, shallow)
    for cell, shallow in every
    if not METHODS.value or cell.method in METHODS.value
  ]
  # All of them before the first, so that a wrong one costs no run.
  command_line.prepare(lambda: _check_cells(every, wanted))
  with training.locked(folder):
    failures = _run(wanted, lambda: _write_table(every, table, folder))
    rows = _write_table(every, table, folder)
  print(tables.markdown(rows))
  shown = {row.score for row in rows}
  failures += [
    f'no cell has a number {path!r} for {score!r}'
    for score, path in table['scores'].items()
    if rows and score not in shown
  ]
  if failures:
    command_line.fail('; '.join(failures))


def _run(
  wanted: Sequence[tuple[cells.Cell, str]], finished: Callable[[], Any]
) -> list[str]:
  """Runs cells; what went wrong with those whose loss is not finite."""
  failures = []
  bar = tqdm(
    wanted, desc='cells', unit='cell', disable=not PROGRESS.value, leave=False
  )
  for cell, shallow in bar:
    if not cell.missing():
      continue
    try:
      if shallow:
        cells.run_shallow_cell(cell, shallow, say=command_line.say)
      else:
        cells.run_cell(
          cell,
          progress=PROGRESS.value,
          together=TOGETHER.value,
          say=command_line.say,
        )
      finished()
    except training.NonFiniteLossError as e:
      failures.append(f'{cell.method}, {cell.bits} bits: {e}')
      command_line.say(f'error: {failures[-1]}; going on with the next')
  return failures


def _write_table(
  every: Sequence[tuple[cells.Cell, str]],
  table: dict[str, Any],
  folder: pathlib.Path,
) -> list[tables.Row]:
  """Writes the table of the cells of which all seeds are finished."""
  found = {}
  for cell, _ in every:
    results = cells.read_cells(cell)
    if len(results) == len(cell.seeds):
      found[cell.method, cell.bits] = results
  rows = command_line.prepare(lambda: tables.rows_of(found, table['scores']))
  training.write_text(folder / 'table.md', tables.markdown(rows) + '\n')
  training.write_text(folder / 'table.csv', tables.to_csv(rows))
  return rows


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
    # On the data of the first of the methods, which are those of all.
    first = next(iter(table['methods'].values()))
    for name in table['shallow']:
      config = cells.shallow_config(first, name, bits)
      found.append((cells.Cell(folder, name, bits, config, seeds), name))
  return found


def _check_cells(
  every: Sequence[tuple[cells.Cell, str]],
  wanted: Sequence[tuple[cells.Cell, str]],
) -> None:
  """Raises what would be wrong with the first seed of any cell."""
  make = functools.partial(training.build, load=training.loading_once())
  digest = None
  for cell, shallow in wanted:
    if not cell.missing():
      continue
    seed = cell.seeds[0]
    if shallow:
      run = make(cells.shallow_run(cell, seed))
      training.check_shallow(run, shallow, cell.bits)
    else:
      run = training.check_run({**cell.config, 'seed': seed}, make=make)
    digest = split_digest(run.split, run.dataset.labels)
  for cell, _ in every:
    cell.missing()
    if digest is not None:
      cell.check_rows(digest)


if __name__ == '__main__':
  command_line.run(main)
