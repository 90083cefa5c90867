"""Docstrings as jaxhash writes them: results in prose, fields described once.

Napoleon takes what stands before a colon in `Returns:` for a type. Here it is
prose, and the types are in the signature.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

BEFORE_NAPOLEON = 400


def prose_returns(
  app: Sphinx,
  what: str,
  name: str,
  obj: Any,
  options: Any,
  lines: list[str],
) -> None:
  """Puts an empty first line, a lone backslash, before the prose."""
  for i in reversed(range(len(lines) - 1)):
    if lines[i].strip() == 'Returns:':
      following = lines[i + 1]
      indent = following[: len(following) - len(following.lstrip())]
      lines.insert(i + 1, f'{indent}\\')


def skip_fields(
  app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
  """Fields of named tuples, which `Attributes:` of the class describes."""
  return True if type(obj).__name__ == '_tuplegetter' else None


def setup(app: Sphinx) -> dict[str, bool]:
  """Registers both."""
  app.connect('autodoc-process-docstring', prose_returns, BEFORE_NAPOLEON)
  app.connect('autodoc-skip-member', skip_fields)
  return {'parallel_read_safe': True, 'parallel_write_safe': True}
