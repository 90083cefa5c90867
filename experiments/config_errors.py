"""What is wrong with the flags `--config` and `--config.NAME`, in one line."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxhash.lookup import suggest

__all__ = ['explain', 'missing_file', 'no_entry']

OVERRIDE = re.compile(r'--?(?:no)?config\.([^=]+)(?:=.*)?', re.S)


def explain(argv: Sequence[str], default: str) -> str | None:
  """What is wrong with the config that a command was given.

  Args:
    argv: what the command was given.
    default: the config where it was given none.

  Returns:
    One line; None where file, setting and names are all there.

  Raises:
    flags.Error: what `get_config` raises, as of a setting that is not there.
  """
  given = _given(argv, default)
  missing = missing_file(given, default)
  if missing:
    return missing
  alone = flags.FlagValues()  # without the overrides
  config_flags.DEFINE_config_file(
    'config', given, flag_values=alone, sys_argv=[]
  )
  config = alone['config'].value
  for argument in argv:
    override = OVERRIDE.fullmatch(argument)
    if override:
      wrong = no_entry(config, override[1])
      if wrong:
        return f'--config.{override[1]}: {wrong}'
  return None


def missing_file(given: str, default: str) -> str | None:
  """What to say where the file of a config is not there.

  Args:
    given: a file, and perhaps a colon and a setting.
    default: another, whose folder has the configs that there are.

  Returns:
    One line with the configs of the folder; None if the file is there.

  Example:
    >>> missing_file('csq.py', 'no_folder/csq.py')
    'there is no config file csq.py'
  """
  file = pathlib.Path(given.partition(':')[0])
  if file.is_file():
    return None
  folder = (
    file.parent if _configs(file.parent) else pathlib.Path(default).parent
  )
  names = _configs(folder)
  wrong = f'there is no config file {file}'
  if not names:
    return wrong
  # The end that all have in common makes none of them nearer.
  stems = [name.removesuffix('.py') for name in names]
  near = suggest(file.stem, stems).replace("'?", ".py'?")
  return f'{wrong}{near}; {folder} has {", ".join(names)}'


def no_entry(config: Any, path: str, *, addable: bool = False) -> str | None:
  """What to say where a config has no value of a name.

  Args:
    config: blocks in blocks.
    path: names with dots, such as `method.num_bits`.
    addable: whether the last block may get a name that it has not.

  Returns:
    One line with the names of the block; None if the value is there.

  Example:
    >>> no_entry({'method': {'margin': 1.0}}, 'method.marge')
    "block 'method' has no 'marge' (did you mean 'margin'?); it has margin"
    >>> no_entry({'seed': 0}, 'sed')
    "the config has no 'sed' (did you mean 'seed'?); it has seed"
  """
  names = [name.partition('[')[0] for name in path.split('.')]
  for i, name in enumerate(names):
    what = f'block {".".join(names[:i])!r}' if i else 'the config'
    if not isinstance(config, Mapping | ConfigDict):
      return f'{".".join(names[:i])!r} is a value, not a block of values'
    if name not in config:
      if addable and 0 < i == len(names) - 1:
        return None
      return (
        f'{what} has no {name!r}{suggest(name, config)}; it has '
        f'{", ".join(config) or "nothing"}'
      )
    config = config[name]
  return None


def _given(argv: Sequence[str], default: str) -> str:
  """The last value of `--config`."""
  for i in range(len(argv) - 1, -1, -1):
    match = re.fullmatch(r'--?config(?:=(.*))?', argv[i], re.S)
    if match and match[1] is not None:
      return match[1]
    if match and i + 1 < len(argv):
      return argv[i + 1]
  return default


def _configs(folder: pathlib.Path) -> list[str]:
  """The names of the files of a folder that have a `get_config`."""
  files = sorted(folder.glob('[!_]*.py'))
  return [file.name for file in files if 'def get_config(' in file.read_text()]
