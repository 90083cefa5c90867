"""Runs configs with several seeds and tabulates mean and interval.

  python -m experiments.benchmark --seeds=5 --workdir=runs/digits-seeds \\
      --configs=experiments/configs/adalabelhash.py:digits --shallow=lsh,itq

A seed draws the split, the initial state and the data order. Each cell is a
run of experiments.train in a folder of its own: one that is finished is not
run again, one that was interrupted goes on. `--set` changes values of all
configs, as in `--set=method.num_bits=16,epochs=20`.
Intervals are Student-t, 95%; differences are paired by seed, against the
first config.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import pathlib
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
SET = flags.DEFINE_list('set', [], 'Values to change, as NAME=VALUE.')
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of all cells.')
PROGRESS = flags.DEFINE_bool('progress', True, 'Show progress bars.')

__all__ = ['interval', 'main', 'table']

SCORES = {
  'query_database': 'mAP',
  'query_database_without_train': 'mAP, database without train',
  'transductive': 'mAP, transductive database',
}


def main() -> None:
  """Runs all cells and prints the table."""
  folder = command_line.folder(WORKDIR)
  columns: dict[str, list[dict[str, Any]]] = {}
  for name in CONFIGS.value:
    for seed in range(SEEDS.value):
      config = command_line.prepare(functools.partial(_config, name, seed))
      for column, results in _cells(config, folder, name):
        columns.setdefault(column, []).append(results)
  text = table(columns)
  folder.joinpath('table.md').write_text(text + '\n')
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


def _config(name: str, seed: int) -> ConfigDict:
  path, _, setting = name.partition(':')
  spec = importlib.util.spec_from_file_location('benchmark_config', path)
  if spec is None or spec.loader is None or not pathlib.Path(path).exists():
    raise ValueError(f'there is no config file {path!r}')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  config = module.get_config(setting) if setting else module.get_config()
  config.seed = seed
  for change in SET.value:
    _set(config, change)
  return config


def _set(config: ConfigDict, change: str) -> None:
  key, _, value = change.partition('=')
  try:
    parsed = json.loads(value)
  except json.JSONDecodeError:
    parsed = value
  *outer, last = key.split('.')
  for name in outer:
    config = config.get(name, ConfigDict())
  if not isinstance(config, ConfigDict) or last not in config:
    known = list(config) if isinstance(config, ConfigDict) else []
    raise ValueError(f'--set={change}: no {key!r} here; there is {known}')
  try:
    config[last] = parsed
  except TypeError as e:
    raise ValueError(f'--set={change}: {e}') from e


def _cells(
  config: ConfigDict, folder: pathlib.Path, name: str
) -> list[tuple[str, dict[str, Any]]]:
  """The results of one config and seed, and of the shallow references."""
  label = name.rpartition('/')[2].replace('.py', '').replace(':', '-')
  wanted = [label, *(f'{label}-{method}' for method in SHALLOW.value)]
  paths = [folder / cell / f'seed{config.seed}' for cell in wanted]
  values = command_line.plain(config)
  missing = []
  for cell, path in zip(wanted, paths):
    training.workdir.claim(path, values)
    if not (path / 'results.json').exists():
      missing.append((cell, path))
  if missing:
    experiment = command_line.prepare(lambda: training.build(values))
  for cell, path in missing:
    command_line.say(f'{cell}, seed {config.seed}')
    if cell == label:
      encode = training.RowEncoder(experiment)
      state = training.train(
        experiment, path, encode=encode, progress=PROGRESS.value
      )
      training.write_report(experiment, state, encode, path, pictures=False)
    else:
      method = cell.removeprefix(f'{label}-')
      results = command_line.prepare(
        functools.partial(
          training.evaluate_shallow,
          experiment,
          method,
          values['method']['num_bits'],
        )
      )
      training.workdir.write_json(path / 'results.json', results)
  return [
    (cell, json.loads((path / 'results.json').read_text()))
    for cell, path in zip(wanted, paths)
  ]


if __name__ == '__main__':
  command_line.run(main)
