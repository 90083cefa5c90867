"""The config of a table, and the cells that it asks for."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from experiments import command_line
from experiments.cells import Cell, shallow_config

__all__ = ['cells_of', 'read_table']

PARTS = {'methods', 'bits', 'seeds', 'shallow', 'scores'}
# What a score may be in.
RESULTS = (
  'query_database',
  'query_database_without_train',
  'symmetric',
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
    if (
      first not in RESULTS
      or not rest
      or (first == 'evaluations' and (len(rest) < 2 or rest[0] not in further))
    ):
      raise ValueError(
        f'scores.{score} is {path!r}, which no result has; wanted a path such '
        f'as query_database.mAP, after one of {", ".join(RESULTS)}; further '
        f'evaluations: {", ".join(sorted(further)) or "none"}'
      )
  return table


def cells_of(table: Mapping[str, Any], folder: pathlib.Path) -> list[Cell]:
  """All cells of a table, by bits.

  Args:
    table: of `read_table`.
    folder: of the table.
  """
  seeds = tuple(range(table['seeds']))
  found = []
  for bits in table['bits']:
    for name, run in table['methods'].items():
      method = {**run['method'], 'num_bits': bits}
      config = {**run, 'method': method}
      found.append(Cell(folder, name, bits, config, seeds))
    # On the data of the first of the methods, which are those of all.
    first = next(iter(table['methods'].values()))
    for name in table['shallow']:
      config = shallow_config(first, name, bits)
      found.append(Cell(folder, name, bits, config, seeds, shallow=True))
  return found
