"""The directive `command`: what `python -m MODULE --help` prints.

The help is asked for while the pages are read, so that it cannot be outdated.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

ROOT = pathlib.Path(__file__).parents[2]


class Command(SphinxDirective):
  """`.. command:: experiments.train`: its help as literal text."""

  required_arguments = 1

  def run(self) -> list[nodes.Node]:
    """Runs the module in a process of its own."""
    module = self.arguments[0]
    finished = subprocess.run(
      [sys.executable, '-m', module, '--help'],
      capture_output=True,
      text=True,
      cwd=ROOT,
      env={**os.environ, 'JAX_PLATFORMS': 'cpu', 'COLUMNS': '80'},
      check=False,
    )
    if '\nflags:\n' not in finished.stdout:
      last = finished.stderr.strip().rpartition('\n')[2]
      raise self.error(f'python -m {module} --help gave no flags: {last}')
    self.env.note_dependency(importlib.util.find_spec(module).origin)
    commands = getattr(self.env, 'jaxhash_commands', {})
    commands.setdefault(module, set()).add(self.env.docname)
    self.env.jaxhash_commands = commands  # type: ignore[attr-defined]
    return [nodes.literal_block(text=tidy(finished.stdout), language='none')]


def tidy(text: str) -> str:
  """Help without the place of this checkout and the pointer to all flags."""
  text = text.replace(f'{ROOT}{os.sep}', '')
  return text.replace('Try --helpfull to get a list of all flags.', '').strip()


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
  """Forgets the commands of a page that is read anew."""
  for module, pages in list(getattr(env, 'jaxhash_commands', {}).items()):
    pages.discard(docname)
    if not pages:
      del env.jaxhash_commands[module]  # type: ignore[attr-defined]


def merge(
  app: Sphinx, env: BuildEnvironment, docnames: list[str], other: object
) -> None:
  """Takes over what another reading process has seen."""
  commands = getattr(env, 'jaxhash_commands', {})
  for module, pages in getattr(other, 'jaxhash_commands', {}).items():
    commands.setdefault(module, set()).update(pages & set(docnames))
  env.jaxhash_commands = commands  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the directive."""
  app.add_directive('command', Command)
  app.connect('env-purge-doc', purge)
  app.connect('env-merge-info', merge)
  return {'parallel_read_safe': True, 'parallel_write_safe': True}
