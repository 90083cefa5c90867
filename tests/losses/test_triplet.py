"""Losses on triplets: loops, known values, limits."""

import functools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash import losses
from tests.losses.problems import (
  APART,
  KINDS,
  U,
  Y,
  assert_reduced,
  close,
  problem,
)
from tests.oracles import pairs as oracle
from tests.oracles import unsupervised

triplet_loss = losses.triplet_likelihood_loss
hinge_loss = losses.weighted_triplet_hinge_loss


def test_known_value_of_dtsh():
  pairs = losses.label_pairs(Y, self_pairs=True)
  loss = triplet_loss(U, pairs.similarity, where=pairs.where)
  close(loss, 0.919154)
  known = oracle.triplets(*map(np.asarray, (U, U, *pairs)))
  assert len(known) == 3
  close(np.mean(list(known.values())), 0.919154)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
  'options', [{}, {'margin': 1.0, 'scale': 0.5}], ids=['code', 'paper']
)
def test_values_are_those_of_a_loop(kind, options):
  given = problem(kind)
  expected = oracle.triplets(
    given.codes, given.second, given.similarity, given.counts, **options
  )
  assert 2 <= len(expected) < len(given.codes)
  loss = functools.partial(
    triplet_loss,
    jnp.asarray(given.codes),
    jnp.asarray(given.similarity),
    None if given.others is None else jnp.asarray(given.others),
    where=jnp.asarray(given.counts),
    **options,
  )
  anchors = [expected.get(i, 0.0) for i in range(len(given.codes))]
  close(loss(reduce_fn=None), anchors, 1e-5, 1e-5)
  close(loss(reduce_fn=jnp.sum), sum(anchors), 1e-5)
  close(loss(), sum(anchors) / len(expected), 1e-5)


def test_only_anchors_with_a_triplet_count():
  # Rows 0 and 1 have a positive and a negative, row 2 has no positive.
  pairs = losses.label_pairs(Y)
  loss = functools.partial(triplet_loss, U, pairs.similarity, where=pairs.where)
  values = loss(reduce_fn=None)
  assert values[:2].all() and values[2] == 0
  close(loss(), values[:2].mean())
  step = jax.jit(jax.value_and_grad(triplet_loss))
  for similarity in (jnp.ones((3, 3)), jnp.zeros((3, 3))):
    value, gradient = step(U, similarity, where=APART)
    assert value == 0 and not gradient.any()


def test_a_triplet_far_from_the_margin():
  # The released code clips to [-100, 50], where it has no gradient.
  codes = jnp.array([[20.0, 0.0], [20.0, 0.0], [-20.0, 0.0]])
  pairs = losses.label_pairs(Y)
  step = jax.jit(jax.value_and_grad(triplet_loss))
  value, gradient = step(codes, pairs.similarity, where=pairs.where)
  close(value, 0)
  close(gradient, np.zeros((3, 2)))
  wrong = codes * jnp.array([[1.0], [-1.0], [-1.0]])
  value, gradient = step(wrong, pairs.similarity, where=pairs.where)
  close(value, (800 + 5 + np.log(1 + np.exp(5))) / 2)
  assert gradient.any(axis=1).all() and jnp.isfinite(gradient).all()


def test_similar_is_any_similarity_above_zero():
  similarity = jnp.array([[0.0, 0.3, 0.0], [0.3, 0.0, 0.0], [0.0, 0.0, 0.0]])
  close(
    triplet_loss(U, similarity, where=APART),
    triplet_loss(U, jnp.ceil(similarity), where=APART),
  )


def random_triplets(rows=6, dims=3):
  rng = np.random.default_rng(0)
  a, p, n = rng.normal(size=(3, rows, dims)).astype(np.float32)
  return a, p, n, rng.uniform(0.5, 2, rows).astype(np.float32)


def test_known_values_of_the_hinge():
  a, p, n = jnp.array([[[0.0, 0.0]], [[1.0, 0.0]], [[3.0, 0.0]]])
  assert hinge_loss(a, p, n, margin=1.0) == 0
  close(hinge_loss(a, n, p, margin=1.0), 9)
  close(hinge_loss(a, n, p, jnp.array([0.5]), margin=1.0), 4.5)


@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('margin', [0.5, 4.0])
def test_hinge_is_that_of_a_loop(masked, margin):
  triplets = random_triplets()
  expected = unsupervised.triplet_hinge(*triplets, margin=margin)
  where = np.arange(6) % 3 != 1 if masked else np.ones(6, bool)
  assert np.any(expected) and (margin > 1 or not np.all(expected))
  assert_reduced(
    lambda reduce_fn: hinge_loss(
      *map(jnp.asarray, triplets),
      margin=margin,
      where=jnp.asarray(where) if masked else None,
      reduce_fn=reduce_fn,
    ),
    expected,
    where,
  )


def test_mean_of_the_hinge_is_over_triplets_not_weights():
  a, p, n, weights = map(jnp.asarray, random_triplets())
  values = hinge_loss(a, p, n, margin=1.0, reduce_fn=None)
  close(hinge_loss(a, p, n, weights, margin=1.0), (weights * values).mean())
  close(
    hinge_loss(a, p, n, 2 * weights / weights, margin=1.0), 2 * values.mean()
  )


def test_rotation_and_translation_leave_the_hinge():
  a, p, n, weights = map(jnp.asarray, random_triplets())
  rng = np.random.default_rng(1)
  rotation, _ = jnp.linalg.qr(jnp.asarray(rng.normal(size=(3, 3)), jnp.float32))
  loss = functools.partial(hinge_loss, margin=1.0)
  expected = loss(a, p, n, weights)
  moved = (x @ rotation + jnp.array([[1.0, -2.0, 0.5]]) for x in (a, p, n))
  close(loss(*moved, weights), expected, 1e-5)
  # A scale or the motion of one of them alone does not.
  assert jnp.abs(loss(2 * a, 2 * p, 2 * n, weights) - expected) > 0.1
  assert jnp.abs(loss(a + 1, p, n, weights) - expected) > 0.1


def test_gradient_of_the_hinge():
  a, p, n = jnp.array([[[0.0, 0.0]], [[3.0, 0.0]], [[0.0, 1.0]]])
  weight = jnp.array([2.0])
  step = jax.jit(jax.grad(functools.partial(hinge_loss, margin=1.0), (0, 1, 2)))
  expected = [2 * 2 * x for x in (n - p, p - a, a - n)]
  for gradient, known in zip(step(a, p, n, weight), expected):
    close(gradient, known)
  # Beyond the margin there is none: 9 + 1 is less than 4 squared.
  assert not any(g.any() for g in step(a, p, 4 * n, weight))
  assert all(g.any() for g in step(a, p, 3 * n, weight))


@pytest.mark.parametrize('dtype', ['bfloat16', 'float32', 'float64'])
def test_dtype_of_the_hinge(dtype):
  with jax.enable_x64(True):
    rows = jax.ShapeDtypeStruct((3, 4), dtype)
    for weights in (None, jax.ShapeDtypeStruct((3,), 'float32')):
      value = jax.eval_shape(
        functools.partial(hinge_loss, margin=1.0), rows, rows, rows, weights
      )
      assert value.dtype == ('float64' if dtype == 'float64' else 'float32')
      assert value.shape == ()


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (
      lambda: hinge_loss(U, U[:1], U, margin=1.0),
      r'anchors are \[3, 4\].*got \[1, 4\] and \[3, 4\]',
    ),
    (
      lambda: hinge_loss(U, U, U[:, :1], margin=1.0),
      r'anchors are \[3, 4\].*got \[3, 4\] and \[3, 1\]',
    ),
    (
      lambda: hinge_loss(U, U, U, jnp.ones(1), margin=1.0),
      r'3 triplets need as many weights, got \[1\]',
    ),
    (
      lambda: hinge_loss(U, U, U, margin=1.0, where=jnp.ones(1, bool)),
      r'where must be \[3\], got \[1\]',
    ),
    (lambda: hinge_loss(U, U, U, margin=0.0), 'margin must be above 0'),
  ],
)
def test_bad_input_of_the_hinge(call, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()
