"""Losses of pairs of rows: loops, known values, limits."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import losses
from tests.losses.problems import (
  ALL,
  APART,
  KINDS,
  U,
  Y,
  assert_reduced,
  close,
  problem,
)
from tests.oracles import pairs as oracle

SIMILAR = (Y[:, None] == Y[None]).astype(jnp.float32)
A = jnp.array([[0.9, 0.2, 0.6], [0.8, 0.1, 0.3], [0.1, 0.7, 0.9]])
hinge = losses.pairwise_hinge_loss


def test_known_values_of_dsh():
  dsh = functools.partial(hinge, distance=losses.squared_distances, margin=8.0)
  pairs = 0.5 * dsh(U, SIMILAR, where=ALL)
  penalty = losses.power_quantization_loss(U, power=1)
  close(pairs, 0.41)
  close(penalty, 0.441667)
  close(pairs + 0.1 * penalty, 0.454167)
  close(
    0.5 * dsh(U, SIMILAR, reduce_fn=None),
    oracle.dsh(*map(np.asarray, (U, U, SIMILAR))),
    1e-5,
  )


def test_known_values_of_idhn():
  codes = U / (1 + jnp.abs(U))
  labels = jnp.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
  pairs = losses.label_pairs(labels, soft=True, self_pairs=True)
  loss = losses.quantified_similarity_loss(
    codes, pairs.similarity, where=pairs.where
  )
  close(loss, 0.477635)
  close(losses.power_quantization_loss(codes, power=1), 0.571456)


def test_known_values_of_dpsh():
  both = losses.label_pairs(Y, self_pairs=True)
  loss = losses.pairwise_likelihood_loss(U, both.similarity, where=both.where)
  error = losses.power_quantization_loss(U)
  close(loss, 0.276686)
  close(error, 0.330833)
  close(loss + 0.1 * error, 0.309769)
  apart = losses.label_pairs(Y)
  close(
    losses.pairwise_likelihood_loss(U, apart.similarity, where=apart.where),
    0.351673,
  )


def test_known_value_of_dhn():
  close(losses.log_cosh_quantization_loss(U), 0.149189)
  close(
    losses.log_cosh_quantization_loss(U, reduce_fn=None),
    oracle.log_cosh_quantization(np.asarray(U)),
  )


def test_known_value_of_hashnet():
  weights = losses.balance_weights(SIMILAR)
  loss = losses.pairwise_likelihood_loss(
    jnp.tanh(U), SIMILAR, scale=0.1, weights=weights
  )
  close(loss, 1.269624)


def test_known_values_of_dch():
  weights = losses.balance_weights(SIMILAR)
  loss = losses.cauchy_cross_entropy_loss(U, SIMILAR, weights=weights)
  error = losses.cauchy_quantization_loss(U)
  close(loss, 2.146406)
  close(error, 0.013237)
  close(loss + 0.1 * error, 2.147729)
  for gamma in (20.0, 1.5):
    close(
      losses.cauchy_quantization_loss(U, gamma=gamma, reduce_fn=None),
      oracle.cauchy_quantization(np.asarray(U), gamma=gamma),
      1e-5,
    )


def test_known_value_of_dhe():
  assert_known = functools.partial(close, expected=0.353333)
  assert_known(hinge(A, SIMILAR, where=APART, margin=1.5))
  pairs = losses.label_pairs(Y)
  assert_known(hinge(A, pairs.similarity, where=pairs.where, margin=1.5))


def test_bit_variance_is_that_of_bernoulli_bits():
  close(
    losses.bit_variance_loss(A, reduce_fn=None),
    oracle.bit_variance(np.asarray(A)),
  )
  own = jnp.diag(losses.soft_hamming_distances(A, A))
  close(losses.bit_variance_loss(A), own.mean() / 2)


HINGES = {
  'soft_hamming': (losses.soft_hamming_distances, oracle.soft_hamming, 2.5),
  'l1': (losses.l1_distances, oracle.l1, 6.0),
  'squared': (losses.squared_distances, oracle.squared, 12.0),
}
LOOPS = {
  'likelihood': (losses.pairwise_likelihood_loss, oracle.likelihood, {}),
  'likelihood_scaled': (
    losses.pairwise_likelihood_loss,
    oracle.likelihood,
    {'scale': 0.2},
  ),
  'cauchy': (losses.cauchy_cross_entropy_loss, oracle.cauchy, {}),
  'cauchy_gamma': (
    losses.cauchy_cross_entropy_loss,
    oracle.cauchy,
    {'gamma': 1.5},
  ),
  'quantified': (losses.quantified_similarity_loss, oracle.quantified, {}),
  'quantified_scaled': (
    losses.quantified_similarity_loss,
    oracle.quantified,
    {'scale': 0.2, 'soft_weight': 0.7},
  ),
  **{
    name: (
      functools.partial(hinge, distance=distance),
      functools.partial(oracle.hinge, distance=loop),
      {'margin': margin},
    )
    for name, (distance, loop, margin) in HINGES.items()
  },
}
every_kind = pytest.mark.parametrize('kind', KINDS)


def arguments(given, name=''):
  """What a loss takes; probabilities for the soft Hamming distance."""
  codes, second = given.codes, given.second
  others = None if given.others is None else given.others
  if name == 'soft_hamming':
    codes, second = (1 / (1 + np.exp(-a)) for a in (codes, second))
    others = None if others is None else second
  others = None if others is None else jnp.asarray(others)
  return (codes, second), (
    jnp.asarray(codes),
    jnp.asarray(given.similarity),
    others,
  )


@every_kind
@pytest.mark.parametrize('name', LOOPS)
def test_values_are_those_of_a_loop(name, kind):
  loss, loop, options = LOOPS[name]
  given = problem(kind)
  rows, inputs = arguments(given, name)
  where = jnp.asarray(given.counts)
  assert_reduced(
    lambda reduce_fn: loss(
      *inputs, **options, where=where, reduce_fn=reduce_fn
    ),
    loop(*rows, given.similarity, **options),
    given.counts,
  )


@every_kind
@pytest.mark.parametrize('name', ['likelihood', 'cauchy_gamma'])
def test_weighted_values_are_those_of_a_loop(name, kind):
  loss, loop, options = LOOPS[name]
  given = problem(kind, seed=1)
  rows, inputs = arguments(given)
  where = jnp.asarray(given.counts)
  weights = losses.balance_weights(inputs[1], where=where)
  expected = loop(*rows, given.similarity, **options)
  assert_reduced(
    lambda reduce_fn: loss(
      *inputs, **options, weights=weights, where=where, reduce_fn=reduce_fn
    ),
    expected * oracle.balance_weights(given.similarity, given.counts),
    given.counts,
  )


def test_any_pairs_may_be_left_out():
  given = problem('int', seed=2)
  rng = np.random.default_rng(0)
  where = rng.random(given.counts.shape) < 0.4
  rows, inputs = arguments(given)
  for loss, loop, options in (LOOPS['likelihood'], LOOPS['l1']):
    assert_reduced(
      lambda reduce_fn, loss=loss, options=options: loss(
        *inputs, **options, where=jnp.asarray(where), reduce_fn=reduce_fn
      ),
      loop(*rows, given.similarity, **options),
      where,
    )
