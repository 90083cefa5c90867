"""Losses of pairs of rows: loops, known values, limits."""

import functools

import jax
import jax.numpy as jnp
import jaxtyping
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
    oracle.dsh(np.asarray(U), np.asarray(U), SIMILAR),
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
    oracle.log_cosh_quantization(U),
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
      oracle.cauchy_quantization(U, gamma=gamma),
      1e-5,
    )


def test_known_value_of_dhe():
  assert_known = functools.partial(close, expected=0.353333)
  assert_known(hinge(A, SIMILAR, where=APART, margin=1.5))
  pairs = losses.label_pairs(Y)
  assert_known(hinge(A, pairs.similarity, where=pairs.where, margin=1.5))


def test_bit_variance_is_that_of_bernoulli_bits():
  close(
    losses.bit_variance_loss(A, reduce_fn=None), oracle.bit_variance(A), 1e-6
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


def test_similarities_on_either_side_of_the_bounds_of_idhn():
  codes = U[:1]
  t = 0.5 * jnp.square(codes).sum()
  for s, hard in ((0.009, True), (0.011, False), (0.989, False), (0.991, True)):
    loss = losses.quantified_similarity_loss(codes, jnp.full((1, 1), s))
    square = 0.1 * (t + 4 - 2 * s * 4) ** 2
    close(loss, jnp.log1p(jnp.exp(t)) - s * t if hard else square, 1e-5)


def test_likelihood_does_not_overflow():
  codes = jnp.array([[30.0, 30.0], [-30.0, -30.0]])
  loss = functools.partial(losses.pairwise_likelihood_loss, reduce_fn=None)
  close(loss(codes, jnp.eye(2)), np.zeros((2, 2)))
  close(loss(codes, 1 - jnp.eye(2)), np.full((2, 2), 900))


def test_cauchy_has_no_gradient_beyond_the_bound():
  codes = jnp.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.1], [1.0, 1.0, 2.0]])
  beyond = jnp.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]], bool)
  within = jnp.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]], bool)
  step = jax.jit(jax.value_and_grad(losses.cauchy_cross_entropy_loss))
  for s in (0.0, 1.0):
    same = jnp.full((3, 3), s)
    loss, gradient = step(codes, same, where=beyond)
    d = 1.5 * 0.01
    close(loss, s * np.log(d / 20) + np.log(1 + 20 / d), 1e-5)
    assert not gradient.any()
    _, gradient = step(codes, same, where=within)
    np.testing.assert_array_equal(gradient.any(axis=1), [True, False, True])


@pytest.mark.parametrize('distance', HINGES)
def test_dissimilar_pairs_beyond_the_margin_have_no_gradient(distance):
  distance, _, _ = HINGES[distance]
  codes = jnp.array([[0.9, 0.8, 0.1], [0.2, 0.1, 0.7]])
  apart = jnp.array([[0, 1], [1, 0]], bool)
  far = float(distance(codes, codes)[0, 1])

  def step(margin, similarity):
    loss = functools.partial(
      hinge, margin=margin, distance=distance, where=apart
    )
    return jax.jit(jax.value_and_grad(loss))(codes, similarity)

  loss, gradient = step(far - 0.01, jnp.eye(2))
  assert loss == 0 and not gradient.any()
  loss, gradient = step(far + 0.01, jnp.eye(2))
  close(loss, 0.01, 1e-4)
  # Descending brings the rows apart: the distance grows.
  further = codes - 0.01 * gradient
  assert distance(further, further)[0, 1] > far
  # Similar rows are drawn together at any distance.
  _, gradient = step(0.01, jnp.ones((2, 2)))
  nearer = codes - 0.01 * gradient
  assert distance(nearer, nearer)[0, 1] < far


def test_identical_similar_rows_become_binary():
  logits = jnp.tile(jnp.array([[0.3, -0.1, 0.8, -1.2]]), (2, 1))
  start = jax.nn.sigmoid(logits)
  similarity = jnp.ones((2, 2))

  @jax.jit
  def step(logits):
    return logits - 5 * jax.grad(
      lambda x: hinge(
        jax.nn.sigmoid(x), similarity, where=~jnp.eye(2, dtype=bool), margin=2.0
      )
    )(logits)

  for _ in range(300):
    logits = step(logits)
  codes = jax.nn.sigmoid(logits)
  assert jnp.abs(start - 0.5).min() < 0.03
  np.testing.assert_array_equal(codes > 0.5, start > 0.5)
  assert jnp.abs(codes - 0.5).min() > 0.49
  assert losses.bit_variance_loss(codes) < 0.03


LOSSES = {
  'likelihood': losses.pairwise_likelihood_loss,
  'hinge': functools.partial(hinge, margin=2.0),
  'cauchy': losses.cauchy_cross_entropy_loss,
  'quantified': losses.quantified_similarity_loss,
  'triplet': losses.triplet_likelihood_loss,
}


@pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES)
def test_shapes_that_disagree(loss, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  for arrays, where, message in (
    ((U, SIMILAR[:1]), None, r'\[3, 3\]; similarity is \[1, 3\]'),
    ((U, SIMILAR[:, :1]), None, r'\[3, 3\]; similarity is \[3, 1\]'),
    ((U, SIMILAR, U[:2]), None, r'\[3, 2\]; similarity is \[3, 3\]'),
    ((U, SIMILAR), ALL[:1], r'\[3, 3\]; where is \[1, 3\]'),
    ((U, SIMILAR), ALL[0], r'\[3, 3\]; where is \[3\]'),
    ((U, SIMILAR, U[:, :3]), None, 'codes have 4 bits, others 3'),
  ):
    with pytest.raises(ValueError, match=message):
      loss(*arrays, where=where)
