"""The parents of every node: read, checked and walked for `taxonomy`."""

from __future__ import annotations

import graphlib
import itertools
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
  'chain_parents',
  'checked',
  'edge_parents',
  'names',
  'nested_parents',
  'read',
  'steps_up',
  'top_down',
]

Parents = dict[str, list[str]]


def checked(
  classes: Any, parents: Mapping[Any, Any]
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
  """What `Taxonomy` keeps; raises what it says."""
  classes = names(classes, 'classes')
  names(tuple(parents), 'nodes')
  for node, above in parents.items():
    for parent in names(above, f'parents of {node!r}'):
      if parent not in parents:
        raise ValueError(f'parent {parent!r} of {node!r} is not a node')
  top_down(parents)  # before the roots, since a cycle may leave none
  roots = [node for node, above in parents.items() if not above]
  if len(roots) > 1:
    raise ValueError(
      f'a taxonomy has one root, but {len(roots)} nodes have no parent: '
      + ', '.join(map(repr, roots[:5]))
      + ', ...' * (len(roots) > 5)
    )
  if not classes:
    raise ValueError('a taxonomy needs at least one class')
  inner = {parent for above in parents.values() for parent in above}
  labels: dict[str, int] = {}
  for i, name in enumerate(classes):
    if name not in parents:
      raise ValueError(f'class {name!r} is not a node of the taxonomy')
    if name in inner:
      raise ValueError(
        f'class {name!r} is not a leaf, as classes must be; give it a leaf of '
        'its own'
      )
    if labels.setdefault(name, i) < i:
      raise ValueError(f'classes {labels[name]} and {i} are both {name!r}')
  return classes, {n: tuple(sorted(set(p))) for n, p in parents.items()}


def names(given: Any, what: str) -> tuple[str, ...]:
  """Checks that something is a sequence of names; of a str it is not."""
  if not _is_list(given):
    raise ValueError(f'{what} must be a list of names, got {given!r}')
  for name in given:
    if not isinstance(name, str) or not name:
      raise ValueError(f'{what}: a name must be text, got {name!r}')
  return tuple(given)


def top_down(parents: Mapping[str, Sequence[str]]) -> list[str]:
  """All nodes, each after its parents."""
  try:
    return list(graphlib.TopologicalSorter(parents).static_order())
  except graphlib.CycleError as e:
    cycle = ' > '.join(map(repr, e.args[1]))
    raise ValueError(f'parents and children form a cycle: {cycle}') from e


def steps_up(
  classes: Sequence[str], parents: Mapping[str, Sequence[str]]
) -> dict[str, dict[int, int]]:
  """Of each node, the classes below it, and the fewest edges up from each."""
  steps: dict[str, dict[int, int]] = {node: {} for node in parents}
  for i, name in enumerate(classes):
    steps[name][i] = 0
  for node in reversed(top_down(parents)):
    for parent in parents[node]:
      for i, up in steps[node].items():
        steps[parent][i] = min(up + 1, steps[parent].get(i, up + 1))
  return steps


def edge_parents(edges: Iterable[Any]) -> Parents:
  """From (parent, child) pairs."""
  parents: Parents = {}
  for edge in edges:
    if not _is_list(edge) or len(edge) != 2:
      raise ValueError(f'an edge must be (parent, child), got {edge!r}')
    parent, child = names(edge, f'edge {edge!r}')
    parents.setdefault(parent, [])
    parents.setdefault(child, []).append(parent)
  return parents


def nested_parents(nested: Any, root: str) -> Parents:
  """From nested dicts and lists; nodes in the order in which they are read."""
  parents: Parents = {}

  def add(name: Any, parent: str | None, below: Any) -> None:
    names([name], 'nested names')
    if name in parents:
      raise ValueError(f'{name!r} is there twice in the nested names')
    parents[name] = [] if parent is None else [parent]
    if isinstance(below, Mapping):
      add_named(name, below)
    elif _is_list(below):
      for i, item in enumerate(below):
        if isinstance(item, Mapping):
          add_named(name, item)
        elif _is_list(item):
          if not item:
            raise ValueError(f'list {i} below {name!r} is empty')
          add(f'{name}/{i}', name, item)
        else:
          add(item, name, None)
    elif below is not None:
      raise ValueError(
        f'below {name!r} must be a dict, a list or None, got {below!r}'
      )

  def add_named(parent: str, nodes: Mapping[str, Any]) -> None:
    for name, below in nodes.items():
      add(name, parent, below)

  if not nested or not (isinstance(nested, Mapping) or _is_list(nested)):
    raise ValueError(f'wanted nested dicts and lists of names, got {nested!r}')
  if isinstance(nested, Mapping) and len(nested) == 1:
    ((root, nested),) = nested.items()
  add(root, None, nested)
  return parents


def chain_parents(chains: Any) -> Parents:
  """From one or several chains of each class, up to the root."""
  if not isinstance(chains, Mapping):
    raise ValueError(f'chains must be a dict of lists, got {chains!r}')
  parents: Parents = {}
  for name, given in chains.items():
    several = _is_list(given) and given and all(map(_is_list, given))
    for chain in given if several else [given]:
      nodes = names(chain, f'the chain of {name!r}')
      if not nodes or nodes[0] != name:
        raise ValueError(
          f'the chain of {name!r} must lead from it to the root, got {chain!r}'
        )
      for child, parent in itertools.pairwise(nodes):
        parents.setdefault(child, []).append(parent)
      parents.setdefault(nodes[-1], [])
  return parents


def read(path: pathlib.Path) -> tuple[Parents, Any, dict[str, str]]:
  """From a file: the parents, and what it says of classes and names."""
  text = path.read_text(encoding='utf-8')
  if text.lstrip()[:1] not in ('{', '['):
    rows = [(i, line.split()) for i, line in enumerate(text.splitlines(), 1)]
    for i, row in rows:
      if len(row) not in (0, 2):
        raise ValueError(
          f'line {i} has {len(row)} names, not a parent and a child'
        )
    return edge_parents(row for _, row in rows if row), None, {}
  tree = json.loads(text, object_pairs_hook=_unique)
  if isinstance(tree, Mapping) and ('chains' in tree or 'classes' in tree):
    if 'chains' not in tree:
      raise ValueError('there are "classes", but no "chains"')
    chains = tree['chains']
    classes = tree.get('classes', tuple(chains))
    return chain_parents(chains), classes, _node_names(tree.get('names', {}))
  return nested_parents(tree, 'root'), None, {}


def _node_names(given: Any) -> dict[str, str]:
  """What people call some of the nodes."""
  if not isinstance(given, Mapping):
    raise ValueError(f'names must be a dict of names by node, got {given!r}')
  names(tuple(given.values()), 'names of nodes')
  return dict(given)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  result = {}
  for name, value in pairs:
    if name in result:
      raise ValueError(f'{name!r} is there twice in one JSON object')
    result[name] = value
  return result


def _is_list(value: Any) -> bool:
  return isinstance(value, Sequence) and not isinstance(value, str | bytes)
