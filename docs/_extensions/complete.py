"""The build fails where a public name, a command or a paper is left out.

Public are the modules of the package of which no part begins with an
underscore, and the names in their `__all__`. Each has to be on a page, under
this path or any other, and to have a docstring. Every paper of the bib files
has to be cited.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

logger = logging.getLogger(__name__)


def public_modules(package: str) -> Iterator[ModuleType]:
  """The package and its modules without an underscore in their path."""
  root = importlib.import_module(package)
  yield root
  for info in pkgutil.walk_packages(root.__path__, f'{package}.'):
    if not any(part.startswith('_') for part in info.name.split('.')):
      yield importlib.import_module(info.name)


def missing_names(env: BuildEnvironment, package: str) -> list[str]:
  """What is wrong with the public names, a line each."""
  objects = env.domains.python_domain.objects
  documented, named = set(), set()
  for path in objects:
    module, _, name = path.rpartition('.')
    try:
      value = getattr(importlib.import_module(module), name)
      documented.add(id(value))
      named.add((name, id(value)))
    except (ImportError, AttributeError, ValueError):
      continue  # a module, or a member of a class
  lines = []
  for module in public_modules(package):
    if module.__name__ not in objects:
      lines.append(f'{module.__name__}: the module is on no page')
    if not inspect.getdoc(module):
      lines.append(f'{module.__name__}: the module has no docstring')
    for name in getattr(module, '__all__', ()):
      path, value = f'{module.__name__}.{name}', getattr(module, name)
      if _is_code(value):
        if id(value) not in documented:
          lines.append(f'{path}: on no page')
        if not inspect.getdoc(value):
          lines.append(f'{path}: no docstring')
      else:
        if (name, id(value)) not in named:  # equal numbers are one object
          lines.append(f'{path}: on no page')
        if not _comment(module, name, value):
          lines.append(f'{path}: no comment of the form `#: ...` above it')
  return lines


def _is_code(value: Any) -> bool:
  """Whether it is a class or function, compiled ones too, and no constant."""
  return inspect.isclass(value) or inspect.isroutine(inspect.unwrap(value))


def _comment(module: ModuleType, name: str, value: Any) -> bool:
  """Whether a constant has a comment where it is defined."""
  package = module.__name__.partition('.')[0]
  homes = [
    other
    for path, other in list(sys.modules.items())
    if path.partition('.')[0] == package and getattr(other, name, None) is value
  ]
  return any(
    ('', name) in ModuleAnalyzer.for_module(home.__name__).find_attr_docs()
    for home in homes
  )


def missing_commands(env: BuildEnvironment, packages: list[str]) -> list[str]:
  """The entry points of the packages whose help is on no page."""
  shown = getattr(env, 'jaxhash_commands', {})
  lines = []
  for package in packages:
    root = importlib.import_module(package)
    for info in pkgutil.walk_packages(root.__path__, f'{package}.'):
      if info.ispkg or info.name.startswith('jaxhash._'):
        continue
      spec = importlib.util.find_spec(info.name)
      runs = "if __name__ == '__main__'" in spec.loader.get_source(info.name)
      command = info.name.removesuffix('.__main__')
      if runs and command not in shown:
        lines.append(f'python -m {command}: its help is on no page')
  return lines


def missing_papers(app: Sphinx) -> list[str]:
  """The entries of the bib files that no page cites."""
  if 'sphinxcontrib.bibtex' not in app.extensions:
    return []
  domain = app.env.get_domain('cite')
  cited = {name.key for ref in domain.citation_refs for name in ref.targets}
  return [
    f'{key}: no page cites this paper'
    for key in domain.bibdata.data.entries
    if key not in cited
  ]


def check(app: Sphinx, exception: Exception | None) -> None:
  """Fails the build once the pages are there, naming all that is missing."""
  if exception is not None or app.builder.format != 'html':
    return
  lines = [
    *missing_names(app.env, app.config.complete_package),
    *missing_commands(app.env, app.config.complete_commands),
    *missing_papers(app),
  ]
  if lines:
    logger.error('the documentation is incomplete:\n  %s', '\n  '.join(lines))
    app.statuscode = 1


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the check and what it is about."""
  app.add_config_value('complete_package', '', 'env')
  app.add_config_value('complete_commands', [], 'env')
  app.connect('build-finished', check)
  return {'parallel_read_safe': True, 'parallel_write_safe': True}
