"""Trains a table of methods x bits x seeds, and tabulates it.

  python -m experiments.benchmark --workdir=runs/table \\
      --config=experiments/configs/benchmark.py:digits
  python -m experiments.benchmark --workdir=runs/short \\
      --config=experiments/configs/benchmark.py:digits \\
      --methods=orthohash,itq --config.bits='(12,)' --config.seeds=2 \\
      --set=epochs=20

A config names the methods with their configs, the bits, the number of seeds,
shallow references on the same splits, and the scores. A seed draws the split,
the initial state and the data order. The seeds of a method are trained
together, by one step that is mapped over them. `--set` changes values of all
runs.

The same command goes on after an interruption; a finished cell is never run
again, and more seeds, bits or methods join those that are there.

The folder gets table.md and table.csv, of the bits and the seeds that are asked
for and all methods of the config that have all of them so far: means, 95%
Student-t intervals over seeds, and paired tests against the best; and
cells/METHOD/BITS/seedN.json, all scores of a cell. The table is printed. Where
a loss is not finite, the other cells are run, and the command fails in the end.
One process works on a table at a time.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags
from tqdm import tqdm

from experiments import cells, command_line, table_config, tables
from jaxhash import lookup, training
from jaxhash.data.splits import data_digest, split_digest

CONFIG = command_line.config_flag(
  'experiments/configs/benchmark.py:digits',
  f'{", ".join(sorted(table_config.PARTS))}; methods has the config of each '
  'method by its name, as in --config.methods.csq.epochs=20.',
)
flags.adopt_module_key_flags(command_line)
METHODS = flags.DEFINE_list(
  'methods',
  [],
  'Names of the rows of the table to run, shallow ones too. Default: all.',
)
TOGETHER = flags.DEFINE_integer(
  'together',
  8,
  'Most seeds of a method that are trained together; fewer take less memory.',
  lower_bound=1,
)
WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Folder of the table, made if it is not there; needed.'
)
PROGRESS = flags.DEFINE_bool('progress', True, 'Show progress bars.')

__all__ = ['main']


def main() -> None:
  """Runs all cells and prints the table."""
  table = command_line.prepare(lambda: table_config.read_table(CONFIG.value))
  if command_line.printed(table):
    return
  folder = command_line.folder(WORKDIR)
  every = table_config.cells_of(table, folder)
  names = list(dict.fromkeys(cell.method for cell in every))
  for name in METHODS.value:
    if name not in names:
      command_line.fail(
        f'--methods: the table has no {name!r}{lookup.suggest(name, names)}; '
        f'it has {", ".join(names)}'
      )
  wanted = [
    cell for cell in every if not METHODS.value or cell.method in METHODS.value
  ]
  # All of them before the first, so that a wrong one costs no run.
  command_line.prepare(lambda: _check_cells(every, wanted))
  with training.locked(folder):
    rows = _write_table(every, table, folder)
    failures = []
    for cell in tqdm(
      wanted, desc='cells', unit='cell', disable=not PROGRESS.value, leave=False
    ):
      if cell.missing():
        try:
          cells.run_cell(
            cell,
            progress=PROGRESS.value,
            together=TOGETHER.value,
            say=command_line.say,
          )
        except training.NonFiniteLossError as e:
          failures.append(f'{cell.method}, {cell.bits} bits: {e}')
          command_line.say(f'error: {failures[-1]}; going on with the next')
        rows = _write_table(every, table, folder)
  print(tables.markdown(rows))
  shown = {row.score for row in rows}
  if any(not cell.missing() for cell in wanted):
    absent = [
      f'no cell has the score {score!r}, {path}'
      for score, path in table['scores'].items()
      if score not in shown
    ]
    if not shown:
      failures += absent
    else:  # no method learns database codes, say, or the split has no val rows
      for line in absent:
        command_line.say(line)
  if failures:
    command_line.fail('; '.join(failures))


def _write_table(
  every: Sequence[cells.Cell], table: dict[str, Any], folder: pathlib.Path
) -> list[tables.Row]:
  """Writes the table of the cells of which all seeds are finished."""
  found = {}
  for cell in every:
    results = cells.read_cells(cell)
    for result in results:
      command_line.prepare(
        functools.partial(tables.check_scores, result, table['scores'])
      )
    if len(results) == len(cell.seeds):
      found[cell.method, cell.bits] = results
  rows = command_line.prepare(lambda: tables.rows_of(found, table['scores']))
  training.write_text(folder / 'table.md', tables.markdown(rows) + '\n')
  training.write_text(folder / 'table.csv', tables.to_csv(rows))
  return rows


def _check_cells(
  every: Sequence[cells.Cell], wanted: Sequence[cells.Cell]
) -> None:
  """Raises what would be wrong with the first seed of any cell.

  Raises:
    ValueError: a config is wrong, or two methods are on other rows.
    WorkdirError: what is there is of another config, or of other data.
  """
  load = training.loading_once()
  rows: dict[str, str] = {}  # the methods by the digests of their rows
  for cell in wanted:
    if cell.missing():
      run = cell.check(TOGETHER.value, load)
      rows[split_digest(run.split, run.scored_labels)] = cell.method
      same_data = data_digest(run.split, run.dataset)
      for other in every:
        if other.config['dataset'] == cell.config['dataset']:
          other.check_data(same_data)
    if len(rows) > 1:
      raise ValueError(
        f'{" and ".join(rows.values())} would be scored on other rows: '
        'all methods of a table have one data set and one protocol'
      )
  for cell in every:
    cell.missing()


if __name__ == '__main__':
  command_line.run(main)
