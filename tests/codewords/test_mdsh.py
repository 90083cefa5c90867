import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.codewords.mdsh import mdsh
from jaxhash.codewords.separated import separated

# The module: its function may hide it as an attribute of the package.
module = importlib.import_module('jaxhash.codewords.mdsh')


def mean_inner_product(codewords):
  """Over all pairs, one by one."""
  codewords = np.asarray(codewords, int)
  product = codewords @ codewords.T
  return product[np.triu_indices(len(product), k=1)].mean()


@pytest.mark.parametrize(
  ('num_classes', 'num_bits', 'distance'),
  [(10, 16, None), (25, 20, None), (3, 16, 8), (100, 16, 6)],
)
def test_keeps_the_distance_and_is_never_worse(num_classes, num_bits, distance):
  key = jax.random.key(0)
  first = separated(key, num_classes, num_bits, distance=distance)
  codewords, report = mdsh(key, num_classes, num_bits, distance=distance)
  assert codewords.dtype == jnp.int8
  assert set(np.unique(codewords)) == {-1, 1}
  asked = first.report['asked_distance']
  assert report['asked_distance'] == asked
  product = np.asarray(codewords, int) @ np.asarray(codewords, int).T
  pairs = (num_bits - product[np.triu_indices(num_classes, k=1)]) / 2
  assert report['least_distance'] == pairs.min() >= asked
  before = mean_inner_product(first.codewords)
  after = mean_inner_product(codewords)
  np.testing.assert_allclose(report['first_inner_product'], before)
  np.testing.assert_allclose(report['mean_inner_product'], after)
  assert after <= before
  assert report['source'].startswith('MDSH from ')


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(('num_classes', 'num_bits'), [(10, 16), (25, 20)])
def test_reaches_the_least_mean_inner_product(num_classes, num_bits, seed):
  key = jax.random.key(seed)
  codewords, report = mdsh(key, num_classes, num_bits)
  # Column sums are as near to 0 as the number of classes allows.
  squares = num_bits * (num_classes % 2)
  least = (squares / num_classes - num_bits) / (num_classes - 1)
  np.testing.assert_allclose(report['mean_inner_product'], least)
  assert np.abs(np.asarray(codewords).sum(axis=0)).max() == num_classes % 2
  assert report['first_inner_product'] > least


def test_admm_finds_the_best_center():
  # All 2^8 words against three others: the cheapest that is far from them.
  others = np.asarray(separated(jax.random.key(0), 4, 8).codewords, np.float32)
  words = 1 - 2.0 * (np.arange(256)[:, None] >> np.arange(8) & 1)
  admm = jax.jit(module._lp_box_admm)
  for row in range(4):
    cost = np.delete(others, row, axis=0).mean(axis=0)
    rest = others.copy()
    rest[row] = 0
    allowed = (rest @ words.T <= 8 - 2 * 3).all(axis=0)
    best = (words[allowed] @ cost).min()
    found = admm(
      jnp.asarray(rest), jnp.asarray(cost), jnp.float32(2), jnp.int32(320)
    )
    assert (rest @ np.asarray(found) <= 2).all()
    np.testing.assert_allclose(np.asarray(found) @ cost, best, atol=1e-6)


def test_without_sweeps_nothing_changes():
  key = jax.random.key(0)
  codewords, report = mdsh(key, 10, 16, num_sweeps=0)
  np.testing.assert_array_equal(codewords, separated(key, 10, 16).codewords)
  assert report['sweeps'] == 0
  assert report['mean_inner_product'] == report['first_inner_product']


def test_ends_where_nothing_can_change():
  # A word and its opposite are the best: no sweep. Hadamard codewords at their
  # own distance have no other neighbours: one sweep that changes nothing.
  assert mdsh(jax.random.key(0), 2, 16).report['sweeps'] == 0
  report = mdsh(None, 32, 16, distance=8).report
  assert report['sweeps'] <= 1


def test_keys():
  words = [mdsh(jax.random.key(i), 10, 16).codewords for i in (0, 0, 1)]
  np.testing.assert_array_equal(words[0], words[1])
  assert not jnp.array_equal(words[0], words[2])
  none = [mdsh(None, 10, 16).codewords for _ in range(2)]
  np.testing.assert_array_equal(none[0], none[1])


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'num_sweeps': -1}, 'num_sweeps must be an int of at least 0'),
    ({'num_steps': 0}, 'num_steps must be an int of at least 1'),
    ({'distance': 0}, 'distance must be an int of at least 1'),
    ({'distance': 12}, 'the Plotkin bound leaves'),
  ],
)
def test_bad_arguments(options, message):
  with pytest.raises(ValueError, match=message):
    mdsh(jax.random.key(0), 10, 16, **options)


def test_outside_of_jit():
  with pytest.raises(ValueError, match='searches on the host'):
    jax.jit(lambda key: mdsh(key, 4, 8))(jax.random.key(0))


def test_known_under_jit():
  eager = mdsh(None, 10, 16).codewords
  traced = jax.jit(lambda: mdsh(None, 10, 16).codewords)()
  np.testing.assert_array_equal(traced, eager)
