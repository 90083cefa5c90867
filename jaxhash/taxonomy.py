"""Class hierarchies: how far two classes are apart in a tree or DAG.

The hypernyms of a node are the nodes above it, up to the one root. The height
of a node is the longest path, in edges, down to a leaf; its depth the longest
path, in nodes, down from the root, which has depth 1. A subsumer of a class is
the class itself or a hypernym; the lowest common subsumer of two classes is
the one of least height. Nodes that are above no class count for heights too.

Source: Barz and Denzler, "Hierarchy-based Image Embeddings for Semantic Image
Retrieval", WACV 2019 :cite:p:`barz2019hierarchy`; Wu and Palmer, "Verb
Semantics and Lexical Selection", ACL 1994 :cite:p:`wu1994verb`.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from jaxhash import _cifar100, _taxonomy
from jaxhash.lookup import check_known

__all__ = [
  'Taxonomy',
  'cifar100',
  'distances',
  'from_chains',
  'from_edges',
  'from_nested',
  'read_taxonomy',
  'similarities',
]


@dataclasses.dataclass(frozen=True)
class Taxonomy:
  """Classes and what is above them, checked when made.

  Classes are leaves, as where Barz and Denzler evaluate: a class with nodes
  below it would be at a distance from itself. There may be other leaves.

  Attributes:
    classes: names in label order: class i has label i.
    parents: of every node, classes and root included; `()` of the root. Kept
      sorted and without duplicates, so that equal taxonomies compare equal.
    names: what people call the nodes, where that is not the node itself, as
      with WordNet's numbers; for pictures only.

  Raises:
    ValueError: no class, a class twice, one that is no node or no leaf, a
      parent that is no node, a cycle, several roots (a class that does not
      reach the root is one, or is below one), or a name that is not text.

  Example:
    >>> parents = {'cat': ('pet',), 'dog': ('pet',), 'pet': ()}
    >>> Taxonomy(('cat', 'dog'), parents).root
    'pet'
    >>> Taxonomy(('cat', 'cow'), parents)
    Traceback (most recent call last):
    ValueError: class 'cow' is not a node of the taxonomy
  """

  classes: tuple[str, ...]
  parents: Mapping[str, tuple[str, ...]] = dataclasses.field(hash=False)
  names: Mapping[str, str] = dataclasses.field(
    default_factory=dict, compare=False
  )

  def __post_init__(self) -> None:
    classes, parents = _taxonomy.checked(self.classes, self.parents)
    object.__setattr__(self, 'classes', classes)
    object.__setattr__(self, 'parents', parents)

  @property
  def root(self) -> str:
    """The one node without parents."""
    return next(node for node, above in self.parents.items() if not above)


def from_edges(
  edges: Iterable[Sequence[str]], *, classes: Sequence[str] | None = None
) -> Taxonomy:
  """A taxonomy from pairs of parent and child, in any order.

  Args:
    edges: (parent, child) pairs of names; a node may have several parents.
    classes: leaves in label order; all leaves, in the order in which the
      edges first name them, if None. That need not be the order of labels.

  Returns:
    The taxonomy.

  Raises:
    ValueError: an edge is not a pair; or as for `Taxonomy`.

  Example:
    >>> from_edges([('pet', 'dog'), ('pet', 'cat')]).classes
    ('dog', 'cat')
  """
  return _made(_taxonomy.edge_parents(edges), classes)


def from_nested(
  nested: Mapping[str, Any] | Sequence[Any],
  *,
  classes: Sequence[str] | None = None,
  root: str = 'root',
) -> Taxonomy:
  """A tree from nested dicts and lists of names.

  Args:
    nested: a dict has nodes by name, each with what is below: a dict, a list,
      or for a leaf None or an empty one. A list has leaves (names), named
      nodes (dicts), and nodes without a name (lists), which are called after
      their parent and their place in its list, such as `root/2`. A dict of
      one node is the tree below that node; all else is below `root`.
    classes: leaves in label order; all leaves as they are read if None.
    root: name of the root of a list or of a dict of several nodes.

  Returns:
    The taxonomy.

  Raises:
    ValueError: a name is there twice, a list in a list is empty, something is
      neither name nor dict nor list; or as for `Taxonomy`.

  Example:
    >>> from_nested({'pet': ['cat', 'dog'], 'boat': None}).parents['cat']
    ('pet',)
    >>> from_nested(['boat', ['cat', 'dog']]).parents['cat']
    ('root/1',)
  """
  return _made(_taxonomy.nested_parents(nested, root), classes)


def from_chains(
  chains: Mapping[str, Sequence[Any]], *, classes: Sequence[str] | None = None
) -> Taxonomy:
  """A taxonomy from hypernym chains, as WordNet gives them.

  Args:
    chains: of each class its chain up to the root, both included, or a list
      of several such chains. A node has its parents of all chains.
    classes: leaves in label order; the keys of `chains` if None.

  Returns:
    The taxonomy.

  Raises:
    ValueError: a chain does not begin with its class; or as for `Taxonomy`.

  Example:
    >>> from_chains({'cat': ['cat', 'pet'], 'dog': ['dog', 'pet']}).root
    'pet'
  """
  classes = tuple(chains) if classes is None else classes
  return _made(_taxonomy.chain_parents(chains), classes)


def read_taxonomy(
  path: str | os.PathLike[str], *, classes: Sequence[str] | None = None
) -> Taxonomy:
  """A taxonomy from a file.

  Args:
    path: JSON of an object with "chains" as for `from_chains` and, if their
      keys are not in label order, "classes", and what people call the nodes,
      "names"; other JSON as for `from_nested`; or lines of parent and child,
      with a blank between them, as in the `*.parent-child.txt` of
      github.com/cvjena/semantic-embeddings.
    classes: leaves in label order; those of the file if None, which for lines
      are as in `from_edges`.

  Returns:
    The taxonomy.

  Raises:
    ValueError: the file cannot be read as one.

  Example:
    >>> read_taxonomy('/nowhere')
    Traceback (most recent call last):
    ValueError: /nowhere cannot be read as a taxonomy, which is JSON with ...
  """
  try:
    parents, own, names = _taxonomy.read(pathlib.Path(path))
    tree = _made(parents, own if classes is None else classes)
    return dataclasses.replace(tree, names=names)
  except (OSError, ValueError) as e:
    raise ValueError(
      f'{os.fspath(path)} cannot be read as a taxonomy, which is JSON with '
      '"classes" and "chains" from each class to the root, or JSON of nested '
      f'names, or lines of "parent child": {e}'
    ) from e


def cifar100() -> Taxonomy:
  """CIFAR-100: 100 classes below 20 superclasses below one root.

  Departure: Barz and Denzler use a deeper tree of their own; scores by one
  are not comparable to scores by the other.

  Returns:
    The taxonomy; classes in the order of the data set's labels, alphabetical.

  Example:
    >>> tree = cifar100()
    >>> tree.classes[4], tree.parents['beaver']
    ('beaver', ('aquatic_mammals',))
  """
  nested = {k: v.split() for k, v in _cifar100.SUPERCLASSES.items()}
  classes = sorted(name for below in nested.values() for name in below)
  return from_nested({'cifar100': nested}, classes=classes)


def distances(taxonomy: Taxonomy) -> Float64[np.ndarray, 'classes classes']:
  """height(lowest common subsumer) / height(root) of each pair of classes.

  Source: Barz and Denzler 2019. Departure: in a DAG their code takes the
  common subsumer of greatest depth, which need not be that of least height.

  Args:
    taxonomy: a tree or DAG of classes.

  Returns:
    float64 `[classes, classes]` in [0, 1], symmetric, 0 on the diagonal; an
    ultrametric if the taxonomy is a tree.

  Example:
    >>> distances(from_nested(['boat', ['cat', 'dog']])).tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 0.5], [1.0, 0.5, 0.0]]
  """
  order = _taxonomy.top_down(taxonomy.parents)
  heights = dict.fromkeys(order, 0)
  for node in reversed(order):
    for parent in taxonomy.parents[node]:
      heights[parent] = max(heights[parent], heights[node] + 1)
  steps = _taxonomy.steps_up(taxonomy.classes, taxonomy.parents)
  result = np.zeros((len(taxonomy.classes), len(taxonomy.classes)))
  for node in sorted(order, key=heights.__getitem__, reverse=True):
    rows = list(steps[node])
    result[np.ix_(rows, rows)] = heights[node]  # lower ones overwrite
  return result / max(heights[taxonomy.root], 1)


def similarities(
  taxonomy: Taxonomy, *, kind: str = 'height'
) -> Float64[np.ndarray, 'classes classes']:
  """How alike each pair of classes is.

  Source: Barz and Denzler 2019 for `height`, Wu and Palmer 1994 for
  `wu_palmer`. Departure: in a DAG, NLTK and the code of Barz and Denzler take
  a common subsumer of greatest depth, here it is that of greatest similarity.

  Args:
    taxonomy: a tree or DAG of classes.
    kind: `height` is 1 - `distances`. `wu_palmer` is 2 depth(s) / (depth(a) +
      depth(b)) of the common subsumer s that makes it greatest, where the
      depth of a class is depth(s) and the fewest edges from the class up to
      s, as in NLTK; in a tree that is its depth.

  Returns:
    float64 `[classes, classes]`, symmetric, 1 on the diagonal; `height` in
    [0, 1], `wu_palmer` in (0, 1].

  Raises:
    ValueError: there is no such kind.

  Example:
    >>> similarities(from_nested(['boat', ['cat', 'dog']]), kind='wu_palmer')
    array([[1.        , 0.4       , 0.4       ],
           [0.4       , 1.        , 0.66666667],
           [0.4       , 0.66666667, 1.        ]])
  """
  if kind == 'height':
    return 1 - distances(taxonomy)
  check_known('kind', kind, ('height', 'wu_palmer'))
  order = _taxonomy.top_down(taxonomy.parents)
  depths: dict[str, int] = {}
  for node in order:
    above = (depths[parent] for parent in taxonomy.parents[node])
    depths[node] = 1 + max(above, default=0)
  steps = _taxonomy.steps_up(taxonomy.classes, taxonomy.parents)
  result = np.zeros((len(taxonomy.classes), len(taxonomy.classes)))
  for node, below in steps.items():
    pairs = np.ix_(list(below), list(below))
    up = np.array(list(below.values()), np.float64)
    twice = 2 * depths[node]
    value = twice / (twice + up[:, None] + up[None, :])
    result[pairs] = np.maximum(result[pairs], value)
  return result


def _made(parents: Mapping[str, Sequence[str]], classes: Any) -> Taxonomy:
  if classes is None:
    inner = {parent for above in parents.values() for parent in above}
    classes = [node for node in parents if node not in inner]
  names = _taxonomy.names(classes, 'classes')
  return Taxonomy(names, {n: tuple(above) for n, above in parents.items()})
