"""Orders of classes in which neighbours are alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxhash._checks import check_int
from jaxhash.taxonomy import Taxonomy

__all__ = ['alike_order', 'leaf_groups']


def alike_order(distances: Any) -> np.ndarray:
  """An order of classes in which those that are alike are neighbours.

  Args:
    distances: of classes, `[classes, classes]`, symmetric, at least two; the
      diagonal does not count.

  Returns: A permutation, int `[classes]`: the leaves of the average-linkage
    tree of the classes, so ordered that neighbours are near (Bar-Joseph et al.
    2001 :cite:p:`barjoseph2001leaf`; SciPy's `optimal_leaf_ordering`).

  Raises:
    ValueError: the matrix is not square, symmetric and finite.

  Example:
    >>> alike_order([[0, 9, 1], [9, 0, 8], [1, 8, 0]]).tolist() in (
    ...   [0, 2, 1],
    ...   [1, 2, 0],
    ... )
    True
  """
  from scipy.cluster import hierarchy
  from scipy.spatial import distance

  matrix = np.array(distances, float)
  wanted = (
    'distances must be a symmetric, finite matrix of at least two classes'
  )
  if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
    raise ValueError(f'{wanted}, got {matrix.shape}')
  np.fill_diagonal(matrix, 0)
  if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T):
    raise ValueError(f'{wanted}; these are not')
  condensed = distance.squareform(matrix, checks=False)
  return hierarchy.leaves_list(
    hierarchy.linkage(condensed, 'average', optimal_ordering=True)
  )


def leaf_groups(
  taxonomy: Taxonomy, most: int = 12
) -> list[tuple[str, list[int]]]:
  """Groups of classes to draw a tree by: neighbours are alike.

  From the root on the largest group is split into what is below its node, of
  those that can be without there being too many groups.

  Args:
    taxonomy: a tree or DAG of classes; of several parents of a node the one
      that is reached first counts.
    most: groups, at least 1.

  Returns:
    The name of the node above each group and its classes, both in depth-first
    order, siblings sorted: all groups together are an order of the classes.

  Raises:
    ValueError: `most` is no int of at least 1.

  Example:
    >>> from jaxhash.taxonomy import from_nested
    >>> leaf_groups(from_nested({'pet': ['dog', 'cat'], 'boat': ['ferry']}))
    [('ferry', [2]), ('cat', [1]), ('dog', [0])]
    >>> tree = from_nested({'pet': ['dog', 'cat'], 'boat': ['ferry']})
    >>> leaf_groups(tree, most=2)
    [('ferry', [2]), ('pet', [1, 0])]
  """
  check_int('most', most, 1)
  below: dict[str, list[str]] = {node: [] for node in taxonomy.parents}
  for node, parents in taxonomy.parents.items():
    for parent in parents:
      below[parent].append(node)
  number = {name: i for i, name in enumerate(taxonomy.classes)}
  placed: set[str] = set()
  leaves: dict[str, list[int]] = {}
  children: dict[str, list[str]] = {}

  def visit(node: str) -> list[int]:
    placed.add(node)
    found = [number[node]] if node in number else []
    children[node] = []
    for child in sorted(below[node]):
      if child not in placed:
        leaves[child] = visit(child)
        if leaves[child]:
          children[node].append(child)
        found += leaves[child]
    return found

  leaves[taxonomy.root] = visit(taxonomy.root)
  groups = [taxonomy.root]
  while True:
    room = most - len(groups) + 1
    inner = [node for node in groups if 1 <= len(children[node]) <= room]
    if not inner:
      break
    largest = max(inner, key=lambda node: len(leaves[node]))
    at = groups.index(largest)
    groups[at : at + 1] = children[largest]
  names = taxonomy.names
  return [(names.get(node, node), leaves[node]) for node in groups]
