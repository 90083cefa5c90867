"""Finds methods, encoders, data sources and protocols by name.

There is no registry to fill: a name is a public function (one listed in
`__all__`) of any module in the package, or `some.module:function` for code
that lives elsewhere.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

__all__ = [
  'build',
  'call',
  'check_known',
  'find',
  'find_module',
  'known',
  'suggest',
]


@functools.cache
def known(package: str) -> dict[str, Callable[..., Any]]:
  """Public functions of the public modules of a package, by name.

  Example:
    >>> 'adalabelhash' in known('jaxhash.methods')
    True
  """
  path = importlib.import_module(package).__path__
  functions: dict[str, Callable[..., Any]] = {}
  for info in pkgutil.iter_modules(path):
    if info.name.startswith('_'):
      continue
    module = importlib.import_module(f'{package}.{info.name}')
    for name in getattr(module, '__all__', ()):
      value = getattr(module, name)
      if inspect.isfunction(value):
        functions[name] = value
  return functions


def find(name: str, *, package: str, kind: str) -> Callable[..., Any]:
  """Finds a function of a package, or of the caller's own module.

  Args:
    name: a public function of `package`, or `module.path:function`.
    package: where to look, such as `jaxhash.methods`.
    kind: what it is called in the error, such as `method`.

  Returns:
    The function.

  Raises:
    ValueError: there is no such name; the message lists the known ones.

  Example:
    >>> find('adalabel', package='jaxhash.methods', kind='method')
    Traceback (most recent call last):
    ValueError: unknown method 'adalabel' (did you mean 'adalabelhash'?); ...
  """
  if ':' in name:
    module, _, attribute = name.partition(':')
    try:
      function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as e:
      raise ValueError(f'{kind} {name!r} cannot be imported: {e}') from e
    if not callable(function):
      raise ValueError(f'{kind} {name!r} is {function!r}, not a function')
    return function
  functions = known(package)
  other = ', or your own as "module.path:function"'
  check_known(kind, name, sorted(functions), other=other)
  return functions[name]


def find_module(
  name: str, *, package: str, has: Sequence[str], kind: str
) -> ModuleType:
  """Finds a module of a package by the functions that it gives.

  Args:
    name: of a module of `package`.
    package: where to look, such as `jaxhash.shallow`.
    has: what the module must list in `__all__`, such as `fit`, `encode`.
    kind: what it is called in the error, such as `shallow method`.

  Returns:
    The module.

  Raises:
    ValueError: there is no such module; the message lists the known ones.

  Example:
    >>> has = ('fit', 'encode')
    >>> kind = 'shallow method'
    >>> find_module('itq', package='jaxhash.shallow', has=has, kind=kind)
    <module 'jaxhash.shallow.itq' ...>
  """
  path = importlib.import_module(package).__path__
  modules = {}
  for info in pkgutil.iter_modules(path):
    module = importlib.import_module(f'{package}.{info.name}')
    if set(has) <= set(getattr(module, '__all__', ())):
      modules[info.name] = module
  check_known(kind, name, sorted(modules))
  return modules[name]


def build(
  config: Mapping[str, Any], *args: Any, package: str, kind: str, **extra: Any
) -> Any:
  """Calls the function that `config['name']` names with the rest of `config`.

  Args:
    config: `name` and the keyword arguments of that function.
    *args: positional arguments that come from the program, not the user.
    package: as for `find`.
    kind: as for `find`.
    **extra: keyword arguments that come from the program, not the user.

  Returns:
    What the function returns.

  Raises:
    ValueError: the name or an argument is unknown or missing.

  Example:
    >>> config = {'name': 'adalabelhash', 'num_bits': 16}
    >>> build(config, package='jaxhash.methods', kind='method').width
    16
  """
  arguments = dict(config)
  name = arguments.pop('name', None)
  if name is None:
    raise ValueError(f'the config of the {kind} has no "name": {arguments}')
  if not isinstance(name, str):
    raise ValueError(f'the name of the {kind} must be text, got {name!r}')
  function = find(name, package=package, kind=kind)
  return _call(
    function, arguments, args, extra, kind=f'{kind} {name!r}', beside=['name']
  )


def call(
  function: Callable[..., Any],
  arguments: Mapping[str, Any],
  *args: Any,
  kind: str,
  **extra: Any,
) -> Any:
  """Calls a function with arguments that a user wrote.

  Args:
    function: or a class.
    arguments: keyword arguments from the user.
    *args: positional arguments that come from the program.
    kind: what it is called in the error, such as `pipeline`.
    **extra: keyword arguments that come from the program, not the user.

  Returns:
    What the function returns.

  Raises:
    ValueError: an argument is unknown, missing or of a wrong type.

  Example:
    >>> call(round, {'digits': 1}, 0.25, kind='rounding')
    Traceback (most recent call last):
    ValueError: rounding has no argument 'digits' (did you mean 'ndigits'?); ...
  """
  return _call(function, arguments, args, extra, kind=kind)


def _call(
  function: Callable[..., Any],
  arguments: Mapping[str, Any],
  args: Sequence[Any],
  extra: Mapping[str, Any],
  *,
  kind: str,
  beside: Sequence[str] = (),
) -> Any:
  """`call`; `beside` is what a user may write beside the arguments."""
  parameters = inspect.signature(function).parameters
  allowed = [a for a in list(parameters)[len(args) :] if a not in extra]
  for argument in arguments:
    if argument not in allowed:
      known = [*beside, *allowed]
      raise ValueError(
        f'{kind} has no argument {argument!r}{suggest(argument, known)}; it '
        f'takes {", ".join(known)}'
      )
  missing = [
    a
    for a in allowed
    if parameters[a].default is inspect.Parameter.empty and a not in arguments
  ]
  if missing:
    raise ValueError(f'{kind} needs {", ".join(missing)}')
  try:
    return function(*args, **arguments, **extra)
  except TypeError as e:
    raise ValueError(f'{kind} cannot be made of {dict(arguments)}: {e}') from e


def check_known(
  kind: str, name: Any, known: Collection[str], *, other: str = ''
) -> None:
  """Checks that a name is one of those that there are.

  Args:
    kind: what it is called in the error.
    name: what was given.
    known: the names that there are.
    other: words for what else there could be.

  Raises:
    ValueError: it is none of them; the message lists them, and says which of
      them is near.

  Example:
    >>> check_known('head', 'bnn', ('linear', 'bn'))
    Traceback (most recent call last):
      ...
    ValueError: unknown head 'bnn' (did you mean 'bn'?); known: linear, bn
  """
  if name not in known:
    raise ValueError(
      f'unknown {kind} {name!r}{suggest(str(name), known)}; known: '
      f'{", ".join(known)}{other}'
    )


def suggest(name: str, names: Iterable[str]) -> str:
  """Words for an error: the known name that a wrong one is nearest to.

  Args:
    name: what was given.
    names: what is known.

  Returns:
    Text to put behind the wrong name; empty where no name is near.

  Example:
    >>> suggest('maxh', ['maxhd', 'hadamard'])
    " (did you mean 'maxhd'?)"
  """
  close = difflib.get_close_matches(name, list(names), n=1)
  return f' (did you mean {close[0]!r}?)' if close else ''
