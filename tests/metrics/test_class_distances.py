"""Mean distances between classes against a loop over all pairs of items."""

import numpy as np
import pytest

from jaxhash.metrics import class_distances


def by_pairs(codes, labels, classes):
  found = np.full((classes, classes), np.nan)
  for a, b in np.ndindex(classes, classes):
    distances = [
      (codes[i] != codes[j]).sum()
      for i in np.flatnonzero(labels == a)
      for j in np.flatnonzero(labels == b)
      if i != j
    ]
    if distances:
      found[a, b] = np.mean(distances)
  return found


@pytest.mark.parametrize('seed', [0, 1])
def test_it_is_the_mean_over_pairs(seed):
  rng = np.random.default_rng(seed)
  codes = rng.choice(np.array([-1, 1], np.int8), (30, 11))
  labels = rng.integers(-1, 4, 30)
  labels[labels == 3] = -1
  labels[7] = 3  # one item alone
  got = class_distances(codes, labels, 5)
  np.testing.assert_allclose(got, by_pairs(codes, labels, 5), rtol=1e-12)
  assert np.isnan(got[4]).all() and np.isnan(got[3, 3])
  np.testing.assert_array_equal(got, got.T)
  packed = class_distances(
    np.packbits(codes > 0, axis=1), labels, 5, num_bits=11
  )
  np.testing.assert_array_equal(packed, got)
  np.testing.assert_array_equal(class_distances(codes, labels), got[:4, :4])


def test_refuses():
  codes = np.ones((3, 2), np.int8)
  with pytest.raises(ValueError, match=r'need int labels \[3\], got float64'):
    class_distances(codes, np.zeros(3))
  with pytest.raises(ValueError, match=r'need int labels \[3\], got int64 \[2'):
    class_distances(codes, np.zeros(2, int))
  with pytest.raises(ValueError, match='labels must be below 2, got 4'):
    class_distances(codes, np.array([0, 1, 4]), 2)
