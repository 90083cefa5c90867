"""The losses against codewords and targets: oracles and known values."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from jaxhash import losses
from tests.oracles import targets as oracle

V = jnp.array([[0.5, -1, 2, 0.25], [1, 1, -0.5, -2]])
O = jnp.array([[1, -1, 1, 1], [1, 1, -1, -1], [-1, 1, 1, -1]], jnp.int8)
Y = jnp.array([0, 1])
MULTI = jnp.array([[1, 0, 1], [0, 1, 0]])
U = jnp.array([[1, -0.5, 0.2, -2], [0.5, 0.5, -1, -1], [-1, 2, 0.3, 0.7]])


def close(actual, expected, atol=1e-6):
  np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=atol)


def ortho(labels=Y, **options):
  return losses.cosine_margin_loss(V, O, labels, **options)


def test_known_values_of_orthohash():
  close(
    losses.codeword_cosines(V, O),
    [[0.813489, -0.596559, 0.054233], [-0.5, 0.9, 0.3]],
  )
  close(
    ortho(scale=2.0, margin=0.2, reduce_fn=None), [0.347609, 0.431813], 1e-6
  )
  close(ortho(scale=2.0, margin=0.2), 0.389711)
  close(ortho(scale=8.0, margin=0.2), 0.025708)
  close(ortho(scale=2.0, margin=0.0), 0.277376)
  close(ortho(scale=2.0, margin=0.2, angular=True), 0.339178)
  close(
    ortho(MULTI, scale=2.0, margin=0.2, reduce_fn=None), [1.027718, 0.431813]
  )
  close(ortho(MULTI, scale=2.0, margin=0.2), 0.729765)


@pytest.mark.parametrize(
  ('margin', 'known'), [(0.2, 0.099554), (0.0, 0.020914)]
)
def test_value_at_the_own_codeword_of_a_hadamard_matrix(margin, known):
  words = jnp.asarray(linalg.hadamard(64), jnp.int8)
  loss = losses.cosine_margin_loss(
    words.astype(jnp.float32), words, jnp.arange(64), scale=8.0, margin=margin
  )
  top = np.exp(8 * (1 - margin))
  close(loss, -np.log(top / (top + 63)))
  close(loss, known)
  # Not the least value: with as many classes as bits there is a better code.
  step = jax.grad(
    lambda v: losses.cosine_margin_loss(
      v, words, jnp.arange(64), scale=8.0, margin=margin
    )
  )
  logits = words.astype(jnp.float32)
  better = jax.jit(
    lambda v: jax.lax.fori_loop(0, 200, lambda _, v: v - 100 * step(v), v)
  )(logits)
  less = losses.cosine_margin_loss(
    better, words, jnp.arange(64), scale=8.0, margin=margin
  )
  assert less < 0.97 * loss


def problem(seed, rows=7, classes=5, bits=12):
  rng = np.random.default_rng(seed)
  logits = rng.normal(size=(rows, bits)).astype(np.float32)
  words = rng.choice(np.array([-1, 1], np.int8), (classes, bits))
  labels = rng.integers(-1, classes, rows).astype(np.int32)
  multi = (rng.random((rows, classes)) < 0.4).astype(np.int32)
  return jnp.asarray(logits), jnp.asarray(words), labels, multi


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('multi', [False, True])
@pytest.mark.parametrize('angular', [False, True])
def test_orthohash_is_the_equation(seed, multi, angular):
  logits, words, labels, hot = problem(seed)
  labels = hot if multi else labels
  options = {'scale': 4.0, 'margin': 0.3, 'angular': angular}
  values = losses.cosine_margin_loss(
    logits, words, jnp.asarray(labels), **options, reduce_fn=None
  )
  expected = oracle.orthohash(logits, words, labels, **options)
  for n, value in enumerate(values):
    close(value, expected.get(n, 0.0), 1e-5)


@pytest.mark.parametrize('multi', [False, True])
def test_one_vs_rest_is_the_equation(multi):
  logits, words, labels, hot = problem(0)
  labels = hot if multi else labels
  values = losses.cosine_one_vs_rest_loss(
    logits, words, jnp.asarray(labels), scale=3.5, reduce_fn=None
  )
  expected = oracle.one_vs_rest(logits, words, labels, scale=3.5)
  for n, value in enumerate(values):
    close(value, expected.get(n, 0.0), 1e-5)


def test_the_length_of_a_row_does_not_matter():
  logits, words, labels, _ = problem(1)
  labels = jnp.asarray(labels)
  for angular in (False, True):

    def loss(v, angular=angular):
      return losses.cosine_margin_loss(v, words, labels, angular=angular)

    step = jax.jit(jax.value_and_grad(loss))
    value, gradient = step(logits)
    close(step(7 * logits)[0], value, 1e-5)
    close((gradient * logits).sum(axis=1), np.zeros(len(logits)), 1e-6)
    assert gradient.any()


def test_quantisation_error_is_the_cosine():
  logits, *_ = problem(2)
  scaled = logits * jnp.sqrt(12 / jnp.square(logits).sum(1, keepdims=True))
  error = jnp.square(scaled - jnp.where(scaled >= 0, 1.0, -1.0)).sum(axis=1)
  away = losses.cosine_quantization_loss(logits, reduce_fn=None)
  close(error, 2 * 12 * away, 1e-4)
  close(away, oracle.cosine_quantization(np.asarray(logits)), 1e-6)


def test_one_label_of_each_row_is_the_single_label_loss():
  logits, words, labels, _ = problem(3)
  labels = jnp.abs(jnp.asarray(labels))
  hot = jax.nn.one_hot(labels, 5)
  for options in ({}, {'angular': True}):
    close(
      losses.cosine_margin_loss(logits, words, hot, **options),
      losses.cosine_margin_loss(logits, words, labels, **options),
    )
  close(
    losses.cosine_margin_loss(logits, words, labels, margin=0.0, angular=True),
    losses.cosine_margin_loss(logits, words, labels, margin=0.0),
    1e-4,
  )


def test_known_values_of_csq():
  logits = jnp.array([[0.2, -1.5, 0.7, 2]])
  target = jnp.array([[1, -1, -1, 1]], jnp.int8)
  center = losses.central_similarity_loss(logits, target)
  error = losses.power_quantization_loss(jnp.tanh(logits))
  close(center, 0.550042)
  close(error, 0.202756)
  close(center + 1e-4 * error, 0.550063)


def test_csq_is_the_equation_and_does_not_saturate():
  logits, words, labels, _ = problem(4)
  targets = words[jnp.abs(jnp.asarray(labels))]
  close(
    losses.central_similarity_loss(logits, targets, reduce_fn=None),
    oracle.central_similarity(np.asarray(logits), np.asarray(targets)),
    1e-5,
  )
  far = losses.central_similarity_loss(1000 * logits, targets)
  assert jnp.isfinite(far) and far > 100  # tanh is exactly 1 there
  close(losses.central_similarity_loss(50 * targets.astype(float), targets), 0)


def test_known_values_of_dpn():
  target = jnp.array([[1, -1, -1, 1]], jnp.int8)
  loss = losses.polarization_loss(U[:1], target)
  close(4 * loss, 4.7)
  close(loss, 1.175)
  targets = jnp.tile(target, (3, 1))
  close(
    losses.polarization_loss(U, targets, margin=0.7, reduce_fn=None),
    oracle.polarization(np.asarray(U), np.asarray(targets), margin=0.7),
  )


def test_known_values_of_the_penalties():
  close(losses.power_quantization_loss(U, power=3), 0.271417)
  close(losses.power_quantization_loss(U, power=1), 0.441667)
  for power in (1, 2, 3):
    close(
      losses.power_quantization_loss(U, power=power, reduce_fn=None),
      oracle.power_quantization(np.asarray(U), power),
      1e-5,
    )


@pytest.mark.parametrize('multi', [False, True])
def test_classification_is_the_equation(multi):
  logits, _, labels, hot = problem(5)
  labels = hot if multi else labels
  scores = logits[:, :5]
  values = losses.classification_loss(
    scores, jnp.asarray(labels), reduce_fn=None
  )
  expected = oracle.classification(np.asarray(scores), labels)
  for n, value in enumerate(values):
    close(value, expected.get(n, 0.0), 1e-5)


@pytest.mark.parametrize('scale', [8.0, 16.0, 1000.0])
def test_a_certain_wrong_class(scale):
  # The softmax is 1 of the wrong class, where log(1 - p) would be infinite.
  words = jnp.array([[1] * 64, [-1] * 64], jnp.int8)
  logits = jnp.ones((1, 64)).at[0, 0].set(0.5)
  cosine = float(losses.codeword_cosines(logits, words)[0, 0])
  one_vs_rest = functools.partial(losses.cosine_one_vs_rest_loss, scale=scale)
  step = jax.jit(jax.value_and_grad(one_vs_rest))
  loss, gradient = step(logits, words, jnp.array([1]))
  close(loss, 2 * scale * cosine, 1e-3)
  assert jnp.isfinite(gradient).all() and gradient.any()


@pytest.mark.parametrize('sign', [1, -1])
def test_the_angular_margin_at_the_codeword_itself(sign):
  # The angle's derivative is infinite there: the cosine is clipped.
  logits = sign * O[:1].astype(jnp.float32)
  options = {'scale': 4.0, 'margin': 0.3, 'angular': True}
  loss, gradient = jax.jit(
    jax.value_and_grad(functools.partial(losses.cosine_margin_loss, **options))
  )(logits, O, Y[:1])
  assert jnp.isfinite(gradient).all()
  expected = oracle.orthohash(np.asarray(logits), O, [0], **options)
  close(loss, expected[0], 1e-5)


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (
      lambda: losses.central_similarity_loss(U, U[:, :3]),
      'codes have 4 bits, targets 3',
    ),
    (lambda: losses.polarization_loss(U, U[:2]), '3 codes, but 2 labels'),
    (
      lambda: losses.cosine_margin_loss(U, O, Y[:1]),
      '3 codes, but 1 labels',
    ),
    (
      lambda: losses.codeword_cosines(U, O[:, :3]),
      'codes have 4 bits, codewords 3',
    ),
    (lambda: losses.power_quantization_loss(U, power=0), 'power .* 0'),
    (
      lambda: losses.cosine_quantization_loss(U, where=jnp.ones(1, bool)),
      r'where must be \[3\], got \[1\]',
    ),
  ],
)
def test_bad_input(call, message, monkeypatch):
  import jaxtyping

  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()
