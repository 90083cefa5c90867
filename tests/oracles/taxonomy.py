"""Distances and similarities of classes, by every path of the taxonomy."""


def paths_up(parents, node):
  """Every path from a node up to the root, both included."""
  if not parents[node]:
    return [[node]]
  return [
    [node, *rest]
    for parent in parents[node]
    for rest in paths_up(parents, parent)
  ]


def all_paths(parents):
  """The paths of every node."""
  return {node: paths_up(parents, node) for node in parents}


def common(paths, a, b):
  """The nodes that are on a path of both."""
  above_a, above_b = ({n for path in paths[x] for n in path} for x in (a, b))
  return above_a & above_b


def height(paths, node):
  """Edges of the longest path from anywhere up to the node."""
  return max(p.index(node) for up in paths.values() for p in up if node in p)


def distance(paths, a, b):
  """Height of the lowest common subsumer, divided by that of the root."""
  root = paths[a][0][-1]
  lowest = min(height(paths, node) for node in common(paths, a, b))
  return lowest / max(height(paths, root), 1)


def wu_palmer(paths, a, b):
  """The greatest 2 depth(s) / (depth(a) + depth(b)) of a common subsumer s."""

  def by(s):
    depth = max(map(len, paths[s]))
    to_a, to_b = (
      depth + min(p.index(s) for p in paths[x] if s in p) for x in (a, b)
    )
    return 2 * depth / (to_a + to_b)

  return max(map(by, common(paths, a, b)))


def table(measure, classes, parents):
  """A measure of all pairs of classes."""
  paths = all_paths(parents)
  return [[measure(paths, a, b) for b in classes] for a in classes]
