"""Docstrings as jaxhash writes them: prose results, short types, mAP@R.

Napoleon takes what stands before a colon in `Returns:` for a type. Here it is
prose, and the types are in the signature.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

BEFORE_NAPOLEON = 400
# Defaults that are no literals: their names, else dots.
DEFAULTS = (
  (re.compile(r'<function [\w.]*<lambda>>'), '...'),
  (re.compile(r"<(?:function |class ')([\w.]+)'?>"), r'\1'),
  (re.compile(r'<[^<>]*>'), '...'),
)
SHORT = {
  'jaxlib._jax.Array': 'Array',
  'jaxlib._jax.Device': 'Device',
  'numpy.ndarray': 'np.ndarray',
  '[[...], ': '[..., ',
  'mappingproxy({})': '{}',
}


def prose_returns(
  app: Sphinx,
  what: str,
  name: str,
  obj: Any,
  options: Any,
  lines: list[str],
) -> None:
  """Breaks the first line of `Returns:` before the word with a colon."""
  for i in reversed(range(len(lines) - 1)):
    if lines[i].strip() == 'Returns:' and ':' in lines[i + 1]:
      prose = lines[i + 1].strip()
      indent = ' ' * lines[i + 1].index(prose)
      before, _, _ = prose.partition(':')
      before = before.rpartition(' ')[0] or '\\'
      after = prose.removeprefix(before).strip()
      lines[i + 1 : i + 2] = [indent + before, indent + after]


def short_types(
  app: Sphinx,
  what: str,
  name: str,
  obj: Any,
  options: Any,
  signature: str | None,
  returns: str | None,
) -> tuple[str | None, str | None]:
  """Types in signatures as the source writes them."""
  return _shorten(signature), _shorten(returns)


def _shorten(text: str | None) -> str | None:
  if text is None:
    return None
  for long, short in SHORT.items():
    text = text.replace(long, short)
  for pattern, short in DEFAULTS:
    text = pattern.sub(short, text)
  return text


def unlink_addresses(app: Sphinx, doctree: nodes.document) -> None:
  """`mAP@5000` is text: docutils takes it for an address of e-mail."""
  for link in list(doctree.findall(nodes.reference)):
    if link.get('refuri', '').startswith('mailto:'):
      link.replace_self(link.children)


def skip_fields(
  app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
  """Fields of named tuples, which `Attributes:` of the class describes."""
  return True if type(obj).__name__ == '_tuplegetter' else None


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers all."""
  app.connect('autodoc-process-docstring', prose_returns, BEFORE_NAPOLEON)
  app.connect('autodoc-process-signature', short_types)
  app.connect('autodoc-skip-member', skip_fields)
  app.connect('doctree-read', unlink_addresses)
  return {'parallel_read_safe': True, 'parallel_write_safe': True}
