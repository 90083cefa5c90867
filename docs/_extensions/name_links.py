"""Single backticks: a link where they hold a documented name, else literal.

The docstrings of jaxhash put code and names in single backticks, as Markdown
does. The role `name`, Sphinx's `default_role` here, looks for the text as a
name of the class or module that is being documented, of the packages around
it, and of jaxhash itself. A name that starts with a module of jaxhash and is
not documented is a broken link, and warned of.

It also finds the public path of an object, `jaxhash.losses.Pairs`, where the
annotations have the module that defines it, `jaxhash.losses.pairs.Pairs`.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import NoUri
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

DOTTED = re.compile(r'[A-Za-z]\w*(\.[A-Za-z_]\w*)*')
FILES = ('bib', 'csv', 'json', 'jsonl', 'md', 'npy', 'npz', 'png', 'py', 'txt')
logger = logging.getLogger(__name__)


class NameRole(SphinxRole):
  """A name to be looked up once all documents are read."""

  def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """The literal text, and around it the reference."""
    literal = nodes.literal(self.rawtext, self.text, classes=['code'])
    if not DOTTED.fullmatch(self.text.removesuffix('()')):
      return [literal], []
    reference = addnodes.pending_xref(
      self.rawtext,
      literal,
      refdomain='',
      reftype='name',
      reftarget=self.text.removesuffix('()'),
      refdoc=self.env.docname,
      **{
        key: self.env.ref_context.get(key) for key in ('py:module', 'py:class')
      },
    )
    self.set_source_info(reference)
    return [reference], []


def resolve(
  app: Sphinx,
  env: BuildEnvironment,
  node: addnodes.pending_xref,
  contnode: nodes.Element,
) -> nodes.reference | None:
  """The link to a documented object, for `missing-reference`."""
  is_name = node.get('reftype') == 'name'
  if not is_name and node.get('refdomain') != 'py':
    return None
  target = node['reftarget']
  candidates = list(_candidates(node)) if is_name else [target]
  for candidate in candidates:
    name = find_documented(env, candidate)
    if name is None or name in (node.get('py:module'), node.get('py:class')):
      continue
    kind = env.domains.python_domain.objects[name].objtype
    if kind == 'module' and '.' not in target:
      continue  # `search` and `codewords` are words of their own
    return env.domains.python_domain.resolve_xref(
      env,
      node['refdoc'],
      app.builder,
      'mod' if kind == 'module' else 'obj',
      name,
      node,
      contnode,
    )
  if not is_name:
    if _is_private(target):
      raise NoUri  # of an annotation: it has no page
    return None
  first, _, rest = target.partition('.')
  if rest and rest not in FILES and _names_jaxhash(first):
    logger.warning('no documented name: %s', target, location=node)
  raise NoUri


def find_documented(env: BuildEnvironment, path: str) -> str | None:
  """The documented name of what a dotted path leads to, if it has one."""
  objects = env.domains.python_domain.objects
  if path in objects:
    return path
  if not path.startswith('jaxhash.'):
    return None
  found = _import(path)
  if found is None:
    return None
  return _documented_objects(env).get(id(found))


def _candidates(node: addnodes.pending_xref) -> Iterator[str]:
  target, module = node['reftarget'], node.get('py:module') or 'jaxhash'
  if node.get('py:class'):
    yield f'{module}.{node["py:class"]}.{target}'
  while module:
    yield f'{module}.{target}'
    module = module.rpartition('.')[0]
  yield target
  yield f'jaxhash.core.{target}'  # the types that all parts agree on


def _documented_objects(env: BuildEnvironment) -> dict[int, str]:
  """Names of the documented functions, classes and modules by identity."""
  known = getattr(env, '_jaxhash_documented', None)
  if known is None:
    known = {}
    for name, entry in env.domains.python_domain.objects.items():
      found = _import(name)
      if entry.objtype != 'attribute' and found is not None:
        known.setdefault(id(found), name)
    env._jaxhash_documented = known  # type: ignore[attr-defined]
  return known


@functools.cache
def _import(path: str) -> Any:
  """What a dotted path leads to; None where that is nothing."""
  module, names = path, []
  while module:
    try:
      found = importlib.import_module(module)
    except ImportError:
      module, _, name = module.rpartition('.')
      names.insert(0, name)
      continue
    for name in names:
      found = getattr(found, name, None)
    return found
  return None


def _is_private(path: str) -> bool:
  """Whether an object of jaxhash is in no `__all__`, so that it has no page."""
  module, _, name = path.rpartition('.')
  public = getattr(_import(module), '__all__', ())
  return '._' in path or (_import(path) is not None and name not in public)


@functools.cache
def _names_jaxhash(first: str) -> bool:
  return first == 'jaxhash' or _import(f'jaxhash.{first}') is not None


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers the role and the resolver."""
  app.add_role('name', NameRole())
  app.connect('missing-reference', resolve)
  return {'parallel_read_safe': True, 'parallel_write_safe': True}
