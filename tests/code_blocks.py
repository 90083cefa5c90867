"""The fenced blocks of Markdown pages, and the shell commands in them."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import io
import os
import pathlib
import re
import shlex
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[1]
OURS = ('benchmarks', 'colabs', 'experiments', 'jaxhash')
FENCE = re.compile(
  r'^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[^\n`]*)\n'
  r'(?P<text>.*?)^(?P=indent)(?P=ticks) *$',
  re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
  """A fenced block.

  Attributes:
    page: where it is, relative to the repository.
    line: of the page on which it begins.
    language: what is written behind the fence.
    text: what is inside.
    prints: the `text` block that follows a line `prints`; None without one.
  """

  page: str
  line: int
  language: str
  text: str
  prints: str | None


def pages() -> list[pathlib.Path]:
  """The pages whose blocks are tested."""
  return [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    *sorted((ROOT / 'docs').rglob('*.md')),
  ]


def blocks(page: pathlib.Path) -> list[Block]:
  """The fenced blocks of a page, in order."""
  return read_blocks(page.read_text(), str(page.relative_to(ROOT)))


def read_blocks(source: str, page: str) -> list[Block]:
  """The fenced blocks of a page's source."""
  found = list(FENCE.finditer(source))
  result = []
  for match, following in zip(found, [*found[1:], None]):
    prints = None
    if following and following['language'].strip() == 'text':
      between = source[match.end() : following.start()].split()
      prints = _text(following) if between == ['prints'] else None
    line = source.count('\n', 0, match.start()) + 1
    language = match['language'].strip()
    result.append(Block(page, line, language, _text(match), prints))
  return result


def _text(match: re.Match[str]) -> str:
  return textwrap.dedent(match['text']) if match['indent'] else match['text']


def commands(text: str) -> Iterator[list[str]]:
  """The words of each command, without variables that are set before it."""
  for line in text.replace('\\\n', ' ').splitlines():
    words = shlex.split(line, comments=True)
    while words:
      end = words.index('&&') if '&&' in words else len(words)
      command, words = words[:end], words[end + 1 :]
      while command and re.fullmatch(r'[A-Z_]+=.*', command[0]):
        command = command[1:]
      if command:
        yield command


def mistake(command: list[str]) -> str | None:
  """What is wrong with a command; None if nothing is.

  No command is run. `python -m` gets as far as its flags: in a process of its
  own, for a process has one set of flags.
  """
  command = [command[0].removeprefix('.venv/bin/'), *command[1:]]
  match command:
    case ['make', *words]:
      targets = re.findall(r'^([\w-]+):', _read('Makefile'), re.MULTILINE)
      wrong = [w for w in words if '=' not in w and w not in targets]
      return f'no target of the Makefile: {wrong}' if wrong else None
    case ['pip', 'install', *words] | [
      'python',
      '-m',
      'pip',
      'install',
      *words,
    ]:
      named = re.findall(r'\[([\w,]+)\]', ' '.join(words))
      extras = tomllib.loads(_read('pyproject.toml'))['project']
      wrong = set(','.join(named).split(',')) - {
        '',
        *extras['optional-dependencies'],
      }
      return f'no extras of jaxhash: {sorted(wrong)}' if wrong else None
    case ['python', '-m', 'pytest', *words]:
      paths = [word for word in words if word.startswith('tests')]
      wrong = [path for path in paths if not (ROOT / path).exists()]
      return f'no such tests: {wrong}' if wrong else None
    case ['ruff', 'format' | 'check', '.']:
      return None
    case ['python', '-m', module, *arguments]:
      return _wrong_flags(module, arguments)
    case ['cd', _] | ['git', 'clone', _]:
      return None
  return f'not a command that can be checked: {command[0]}'


def _read(name: str) -> str:
  return (ROOT / name).read_text()


def _wrong_flags(module: str, arguments: list[str]) -> str | None:
  from absl import flags

  os.chdir(ROOT)
  if module.partition('.')[0] not in OURS or not _exists(module):
    return f'no module of this repository: {module}'
  name = f'{module}.__main__' if _exists(f'{module}.__main__') else module
  # ml_collections looks for overrides of a config there.
  sys.argv = [
    name,
    *(a for a in arguments if a not in ('--help', '--helpshort')),
  ]
  said = io.StringIO()
  try:
    with contextlib.redirect_stderr(said):
      importlib.import_module(name)
      rest = flags.FLAGS(sys.argv)[1:]
      _check_settings(name)
  except SystemExit:
    return said.getvalue().strip()
  except Exception as e:  # whatever a config, too, may raise
    return f'{type(e).__name__}: {e}'
  return f'arguments that are no flags: {rest}' if rest else None


def _exists(module: str) -> bool:
  try:
    return importlib.util.find_spec(module) is not None
  except ModuleNotFoundError:
    return False


def _check_settings(name: str) -> None:
  """Applies `--set` to the configs, and checks what comes of it."""
  from absl import flags

  from experiments import command_line, table_config
  from jaxhash import training

  if name == 'experiments.train':
    values = command_line.plain(flags.FLAGS['config'].value)
    training.check_config(values)
    _check_arguments(values)
  elif name == 'experiments.benchmark':
    table = table_config.read_table(flags.FLAGS['config'].value)
    wrong = set(flags.FLAGS['methods'].value) - {*table['methods'], 'NAME'}
    if wrong:
      raise ValueError(f'the table has no rows {sorted(wrong)}')
    for values in table['methods'].values():
      _check_arguments(values)


def _check_arguments(values: dict) -> None:
  """The names of a run's config are there, and get all that they need."""
  from jaxhash import lookup
  from jaxhash.training.config import NAMED

  for block, (package, kind) in NAMED.items():
    name = values[block]['name']
    if ':' in name:  # the reader's own
      continue
    function = lookup.find(name, package=package, kind=kind)
    given = set(values[block]) | {'num_bits'}  # that of a table's column
    wanted = inspect.signature(function).parameters.values()
    missing = [
      p.name
      for p in wanted
      if p.kind is p.KEYWORD_ONLY and p.default is p.empty
      if p.name not in given
    ]
    if missing:
      raise ValueError(f'{kind} {name!r} needs {", ".join(missing)}')
