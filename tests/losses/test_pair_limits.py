"""Losses of pairs and triplets at their limits, and what they do not take."""

import functools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash import losses
from tests.losses.problems import ALL, APART, U, Y, close

SIMILAR = (Y[:, None] == Y[None]).astype(jnp.float32)
hinge = losses.pairwise_hinge_loss


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


DISTANCES = {
  'soft_hamming': losses.soft_hamming_distances,
  'l1': losses.l1_distances,
  'squared': losses.squared_distances,
}


@pytest.mark.parametrize('distance', DISTANCES.values(), ids=DISTANCES)
def test_dissimilar_pairs_beyond_the_margin_have_no_gradient(distance):
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
  'hinge': functools.partial(hinge, margin=8.0, distance=losses.l1_distances),
  'cauchy': losses.cauchy_cross_entropy_loss,
  'quantified': losses.quantified_similarity_loss,
  'triplet': losses.triplet_likelihood_loss,
}
WEIGHTED = {name: LOSSES[name] for name in ('likelihood', 'cauchy')}
EVERY = {**LOSSES, 'relative': losses.relative_distance_loss}
some_losses = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES)
weighted_losses = pytest.mark.parametrize(
  'loss', WEIGHTED.values(), ids=WEIGHTED
)
every_loss = pytest.mark.parametrize('loss', EVERY.values(), ids=EVERY)


@every_loss
@pytest.mark.parametrize('dtype', ['bfloat16', 'float32', 'float64'])
def test_dtype_of_losses(loss, dtype):
  with jax.enable_x64(True):
    codes = jax.ShapeDtypeStruct((3, 4), dtype)
    value = jax.eval_shape(loss, codes, SIMILAR)
  assert value.dtype == ('float64' if dtype == 'float64' else 'float32')
  assert value.shape == ()


@every_loss
def test_values_of_pairs_that_do_not_count_are_not_looked_at(loss):
  step = jax.jit(jax.value_and_grad(loss))
  expected = step(U, SIMILAR, where=APART)
  assert expected[0] > 0
  for value in (jnp.nan, jnp.inf):
    poisoned = jnp.where(APART, SIMILAR, value)
    jax.tree.map(
      np.testing.assert_array_equal, step(U, poisoned, where=APART), expected
    )


@weighted_losses
def test_weights_of_pairs_that_do_not_count_are_not_looked_at(loss):
  step = jax.jit(jax.value_and_grad(loss))
  twos = jnp.full((3, 3), 2.0)
  value, gradient = step(U, SIMILAR, where=APART)
  poisoned = jnp.where(APART, twos, jnp.nan)
  doubled = step(U, SIMILAR, where=APART, weights=poisoned)
  close(doubled[0], 2 * value)
  close(doubled[1], 2 * gradient)


@some_losses
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


@weighted_losses
def test_weights_of_another_shape(loss, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=r'\[3, 3\]; weights is \[3, 1\]'):
    loss(U, SIMILAR, weights=jnp.ones((3, 1)))


@pytest.mark.parametrize('gamma', [0.0, -1.0, float('nan')])
def test_gamma_is_above_zero(gamma):
  with pytest.raises(ValueError, match='gamma must be above 0'):
    losses.cauchy_cross_entropy_loss(U, SIMILAR, gamma=gamma)
  with pytest.raises(ValueError, match='gamma must be above 0'):
    losses.cauchy_quantization_loss(U, gamma=gamma)
