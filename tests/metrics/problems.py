"""Random retrieval problems, and their counts by plain loops."""

import numpy as np


def codes(seed, n, bits):
  rng = np.random.default_rng(seed)
  return rng.choice(np.array([-1, 1], np.int8), (n, bits))


def labels(seed, n, kind):
  """Labels of which some rows have none."""
  rng = np.random.default_rng(seed)
  if kind == 'multi_hot':
    return (rng.random((n, 5)) < 0.3).astype(np.uint8)
  if kind == 'many labels':
    return (rng.random((n, 150)) < 0.03).astype(np.uint8)
  return rng.integers(-1, 4, n, np.int32)


def problem(queries=11, items=37, bits=12, kind='single'):
  return (
    codes(0, queries, bits),
    codes(1, items, bits),
    labels(2, queries, kind),
    labels(3, items, kind),
  )


def shared(a, b):
  """Labels in common; of single labels 1 if they are the same."""
  if np.ndim(a):
    return int(((a > 0) & (b > 0)).sum())
  return int(a == b and a >= 0)


def counts(query, database, query_labels, database_labels, worth, skip=()):
  """How many items of each worth lie at each distance, as a dictionary."""
  found = {}
  for i, (q, a) in enumerate(zip(query, query_labels)):
    for j, (x, b) in enumerate(zip(database, database_labels)):
      if (i, j) not in skip:
        key = i, int((q != x).sum()), worth(a, b)
        found[key] = found.get(key, 0) + 1
  return found


def histograms(query, database, query_labels, database_labels, skip=()):
  shape = (len(query), query.shape[1] + 1)
  every, relevant = np.zeros(shape, int), np.zeros(shape, int)
  args = (query, database, query_labels, database_labels)
  for (i, d, n), count in counts(*args, shared, skip).items():
    every[i, d] += count
    relevant[i, d] += count * (n > 0)
  return every, relevant


def assert_counts(found, expected):
  for a, b in zip((found.all, found.relevant), expected):
    np.testing.assert_array_equal(a, b)
    assert np.asarray(a).dtype == np.int32
