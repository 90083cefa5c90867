"""Distances of classes in a tree, and their confusion by a classifier."""

import numpy as np
import pytest

from experiments import codeword_semantics
from experiments.codeword_semantics import confusion, taxonomy_distances
from tests.method_suite import experiment_of

# A tree of unequal depth; height(root) is 3.
CHAINS = {
  'cat': ['cat', 'feline', 'animal', 'entity'],
  'lion': ['lion', 'feline', 'animal', 'entity'],
  'bird': ['bird', 'animal', 'entity'],
  'boat': ['boat', 'entity'],
}


def test_height_of_the_lowest_common_subsumer():
  d = taxonomy_distances(list(CHAINS), CHAINS)
  expected = np.array([[0, 1, 2, 3], [1, 0, 2, 3], [2, 2, 0, 3], [3, 3, 3, 0]])
  np.testing.assert_allclose(d, expected / 3)


def test_the_nearest_classes_are_confused_most():
  experiment = experiment_of(
    {'name': 'adalabelhash', 'num_bits': 8},
    dataset={'num_classes': 4, 'num_per_class': 60, 'spread': 1.5},
    protocol={'num_query': 6, 'num_train': 30, 'num_val': 20},
  )
  c = confusion(experiment)
  np.testing.assert_allclose(c, c.T)
  siblings = c[0, 1] + c[2, 3]
  others = c[0, 2] + c[0, 3] + c[1, 2] + c[1, 3]
  assert siblings / 2 > others / 4


def test_codewords_of_alike_classes_correlate_and_random_ones_do_not():
  rng = np.random.default_rng(0)
  target = 1.0 - np.kron(np.eye(10), np.ones((4, 4)))  # ten groups of four
  words = np.repeat(rng.choice(np.array([-1, 1], np.int8), (10, 64)), 4, 0)
  spearman = codeword_semantics._spearman
  assert spearman(words, target) > 0.4
  random = rng.choice(np.array([-1, 1], np.int8), (40, 64))
  assert spearman(random, target) == pytest.approx(0, abs=0.15)
