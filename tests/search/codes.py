"""Random codes, and the answers by plain NumPy."""

import numpy as np


def random_codes(seed, n, bits):
  rng = np.random.default_rng(seed)
  return rng.choice(np.array([-1, 1], np.int8), (n, bits))


def distances(query, database):
  return (query[:, None] != database[None]).sum(-1)


def nearest(query, database, k):
  """Distances and indices by a stable sort."""
  every = distances(query, database)
  order = np.argsort(every, axis=1, kind='stable')[:, :k]
  return np.take_along_axis(every, order, axis=1), order


def near(query, database, radius):
  """Offsets, distances and indices of all within a radius."""
  every = distances(query, database)
  found = [
    [(d, j) for d, j in sorted(zip(row, range(len(row)))) if d <= radius]
    for row in every.tolist()
  ]
  offsets = np.cumsum([0] + [len(x) for x in found])
  pairs = np.array([x for row in found for x in row], int).reshape(-1, 2)
  return offsets, pairs[:, 0], pairs[:, 1]
