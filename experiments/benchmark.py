"""Runs configs with several seeds and tabulates mean and interval.

  python -m experiments.benchmark --seeds=5 --workdir=runs/digits-seeds \\
      --configs=experiments/configs/adalabelhash.py:digits --shallow=lsh,itq

A seed draws the split, the initial state and the data order. Each cell is a
run of experiments.train in a folder of its own: one that is finished is not
run again, one that was interrupted goes on. `--set` changes values of all
configs, as in `--set=method.num_bits=16 --set=epochs=20`.
Intervals are Student-t, 95%; differences are paired by seed, against the
first config.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags
from ml_collections import ConfigDict
from scipy import stats

from experiments import command_line
from jaxhash import training

flags.adopt_module_key_flags(command_line)
CONFIGS = flags.DEFINE_list(
  'configs',
  ['experiments/configs/adalabelhash.py:digits'],
  'Config files, each with a colon and which of its settings.',
)
SHALLOW = flags.DEFINE_list(
  'shallow', [], 'Shallow references on the same splits: lsh, itq.'
)
SEEDS = flags.DEFINE_integer('seeds', 5, 'Number of seeds.', lower_bound=1)
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of all cells.')
PROGRESS = flags.DEFINE_bool('progress', True, 'Show progress bars.')

__all__ = ['interval', 'main', 'table']

SCORES = {
  'query_database': 'mAP',
  'query_database_without_train': 'mAP, database without train',
  'transductive': 'mAP, transductive database',
  'val': 'mAP of val',
}


def main() -> None:
  """Runs all cells and prints the table."""
  folder = command_line.folder(WORKDIR)
  labels = [_label(name) for name in CONFIGS.value]
  if len(set(labels)) < len(labels):
    command_line.fail(f'two configs would share a folder: {labels}')
  # All of them before the first, so that a wrong one costs no run.
  configs = {
    label: command_line.plain(
      command_line.prepare(functools.partial(_config, name))
    )
    for label, name in zip(labels, CONFIGS.value)
  }
  for values in configs.values():
    command_line.prepare(functools.partial(_check, values))
  columns: dict[str, list[dict[str, Any]]] = {}
  for label, values in configs.items():
    for seed in range(SEEDS.value):
      cells = _cells({**values, 'seed': seed}, folder, label)
      for column, results in cells.items():
        columns.setdefault(column, []).append(results)
  text = table(columns)
  training.workdir.write_text(folder / 'table.md', text + '\n')
  print(text)


def interval(values: list[float]) -> float:
  """Half the width of the 95% Student-t interval of a mean; 0 for one value.

  Example:
    >>> round(interval([1.0, 2.0, 3.0]), 3)
    2.484
  """
  if len(values) < 2:
    return 0.0
  spread = np.std(values, ddof=1) / np.sqrt(len(values))
  return float(stats.t.ppf(0.975, len(values) - 1) * spread)


def table(columns: dict[str, list[dict[str, Any]]]) -> str:
  """A Markdown table of the scores of all cells, a row a column's mean."""
  lines = ['| config | score | mean +- 95% | paired difference | seeds |']
  lines.append('| --- | --- | --- | --- | --- |')
  first = next(iter(columns))
  for name, cells in columns.items():
    shown = name
    if cells[0].get('reconstruction'):
      shown += ' (reconstruction)'
    for key, title in SCORES.items():
      values = [c[key]['mAP'] for c in cells if key in c]
      if not values:
        continue
      base = [c[key]['mAP'] for c in columns[first] if key in c]
      difference = '' if name == first else _paired(values, base)
      lines.append(
        f'| {shown} | {title} | {np.mean(values):.4f} +- '
        f'{interval(values):.4f} | {difference} | '
        f'{" ".join(f"{v:.4f}" for v in values)} |'
      )
  return '\n'.join(lines)


def _paired(values: list[float], base: list[float]) -> str:
  differences = [a - b for a, b in zip(values, base)]
  return f'{np.mean(differences):+.4f} +- {interval(differences):.4f}'


def _label(name: str) -> str:
  return name.rpartition('/')[2].replace('.py', '').replace(':', '-')


def _config(name: str) -> ConfigDict:
  path, _, setting = name.partition(':')
  spec = importlib.util.spec_from_file_location('benchmark_config', path)
  if spec is None or spec.loader is None or not pathlib.Path(path).exists():
    raise ValueError(f'there is no config file {path!r}')
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  except SyntaxError as e:
    raise ValueError(f'{path}: {e}') from e
  return module.get_config(setting) if setting else module.get_config()


def _check(values: dict[str, Any]) -> None:
  """Raises what would be wrong with the first cell and its references."""
  experiment = training.build({**values, 'seed': 0})
  for method in SHALLOW.value:
    training.check_shallow(experiment, method, values['method']['num_bits'])


def _cells(
  values: dict[str, Any], folder: pathlib.Path, label: str
) -> dict[str, dict[str, Any]]:
  """The results of one config and seed, and of the shallow references."""
  seed = f'seed{values["seed"]}'
  build = functools.cache(lambda: training.build(values))
  cells = {label: _train(values, folder / label / seed, build)}
  for method in SHALLOW.value:
    name = f'{label}-{method}'
    path = folder / name / seed
    training.workdir.claim(path, {**values, 'shallow': method})
    if not (path / 'results.json').exists():
      command_line.say(f'{name}, {seed}')
      results = training.evaluate_shallow(
        build(), method, values['method']['num_bits']
      )
      training.workdir.write_json(path / 'results.json', results)
    cells[name] = json.loads((path / 'results.json').read_text())
  return cells


def _train(
  values: dict[str, Any],
  path: pathlib.Path,
  build: Callable[[], training.Experiment],
) -> dict[str, Any]:
  training.workdir.claim(path, values)
  if not (path / 'results.json').exists():
    command_line.say(f'{path.parent.name}, {path.name}')
    experiment = build()
    encode = training.RowEncoder(experiment)
    state = training.train(
      experiment,
      path,
      encode=encode,
      progress=PROGRESS.value,
      say=command_line.say,
    )
    training.write_report(experiment, state, encode, path, pictures=False)
  return json.loads((path / 'results.json').read_text())


if __name__ == '__main__':
  command_line.run(main)
