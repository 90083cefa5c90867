"""Losses on the structure of features: loops, known values, limits."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash import losses
from tests.losses.problems import KINDS, assert_reduced, close, problem
from tests.oracles import unsupervised as oracle

structure_loss = losses.structure_loss
paired_loss = losses.paired_cosine_loss
H = jnp.array([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [-1.0, -1.0, -0.5]])


def random_rows(*shape, seed=0):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.normal(size=shape), jnp.float32)


def test_cosine_distances_are_those_of_a_loop():
  x, y = random_rows(5, 3), random_rows(4, 3, seed=1).at[2].set(0)
  known = [[1 - oracle.cosine(a, b) for b in y] for a in x]
  close(losses.cosine_distances(x, y), known, atol=1e-6)
  close(losses.cosine_distances(1e-20 * x, 1e20 * y), known, atol=1e-6)
  close(losses.cosine_distances(x, y)[:, 2], np.ones(5))


def test_cosine_distances_stay_in_their_range():
  # Rounding takes the cosines of such rows beyond 1.
  x = random_rows(200, 7)
  for others, limit in ((x, 0), (-x, 2)):
    distances = losses.cosine_distances(x, others)
    assert distances.min() >= 0 and distances.max() <= 2
    close(jnp.diag(distances), np.full(200, limit), atol=1e-6)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float32'])
def test_structure_of_distances(dtype):
  # At the bounds themselves, which both dtypes hold, a pair is neither.
  distances = jnp.array([[0.0, 0.25, 0.5, 0.75], [0.24, 0.26, 0.74, 0.76]])
  signs = losses.distance_structure(distances.astype(dtype), 0.25, 0.75)
  assert signs.dtype == jnp.float32
  np.testing.assert_array_equal(signs, [[1, 0, 0, 0], [1, 0, 0, -1]])
  np.testing.assert_array_equal(
    signs, oracle.distance_structure(distances, 0.25, 0.75)
  )


def test_bounds_may_be_traced():
  distances = jnp.array([[0.0, 0.5, 1.0]])
  bounds = jnp.array([0.2, 0.1]), jnp.array([0.9, 0.4])
  signs = jax.vmap(losses.distance_structure, (None, 0, 0))(distances, *bounds)
  np.testing.assert_array_equal(signs[:, 0], [[1, 0, -1], [1, -1, -1]])


def structure_of(given, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(-1, 2, given.counts.shape).astype(np.float32)


@pytest.mark.parametrize('kind', KINDS)
def test_structure_loss_is_that_of_a_loop(kind):
  given = problem(kind)
  signs = structure_of(given)
  assert set(signs[given.counts]) == {-1, 0, 1}
  assert_reduced(
    lambda reduce_fn: structure_loss(
      jnp.asarray(given.codes),
      jnp.asarray(signs),
      None if given.others is None else jnp.asarray(given.others),
      where=jnp.asarray(given.counts),
      reduce_fn=reduce_fn,
    ),
    oracle.structure(given.codes, given.second, signs),
    given.counts,
  )


def test_pairs_of_no_sign_count_in_the_mean():
  signs = jnp.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
  known = signs != 0
  values = structure_loss(H, signs, reduce_fn=None)
  expected = [0, 0, (-2.5 / 3 + 1) ** 2, (2.25 / 3 - 1) ** 2]
  close([values[0, 0], values[1, 1], values[0, 2], values[2, 2]], expected)
  close(structure_loss(H, signs), values.sum() / 9)
  close(structure_loss(H, signs, where=known), values.sum() / 5)


def test_only_pairs_of_a_sign_have_a_gradient():
  codes = 0.5 * H
  signs = jnp.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
  step = jax.jit(jax.value_and_grad(structure_loss))
  _, gradient = step(codes, signs)
  np.testing.assert_array_equal(gradient.any(axis=1), [True, True, False])
  for sign in (1.0, -1.0):
    _, gradient = step(codes, sign * signs)
    moved = codes - 0.1 * gradient
    agreements = [(c[0] * c[1]).sum() for c in (moved, codes)]
    assert sign * (agreements[0] - agreements[1]) > 0


def test_structure_loss_is_zero_for_codes_that_agree():
  codes = jnp.array([[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
  signs = codes @ codes.T / 2
  assert set(np.unique(signs)) == {-1, 0, 1}
  assert structure_loss(codes, signs) == 0
  assert structure_loss(codes, -signs) > 0


def test_a_row_and_itself_become_binary():
  signs = jnp.eye(4)
  logits = 0.3 * random_rows(4, 6)

  def loss(logits):
    return structure_loss(jnp.tanh(logits), signs)

  step = jax.jit(lambda x: x - 20 * jax.grad(loss)(x))
  start = logits
  for _ in range(200):
    logits = step(logits)
  assert jnp.abs(jnp.tanh(start)).mean() < 0.3
  assert jnp.abs(jnp.tanh(logits)).min() > 0.9


@pytest.mark.parametrize('masked', [False, True])
def test_paired_loss_is_that_of_a_loop(masked):
  codes, features = random_rows(8, 5), random_rows(8, 3, seed=1)
  where = np.ones(8, bool)
  if masked:
    where[[1, 4, 6]] = False  # of the pairs 1, 0 and 2
  assert_reduced(
    lambda reduce_fn: paired_loss(
      codes,
      features,
      where=jnp.asarray(where) if masked else None,
      reduce_fn=reduce_fn,
    ),
    oracle.paired_cosine(codes, features),
    where[:4] & where[4:],
  )


def test_paired_loss_is_zero_if_and_only_if_the_cosines_agree():
  features = random_rows(6, 4)
  rotation, _ = jnp.linalg.qr(random_rows(4, 4, seed=1))
  lengths = jnp.linspace(0.1, 5, 6)[:, None]
  assert paired_loss(lengths * features @ rotation, features) < 1e-12
  other = features.at[0].set(-features[0])
  cosine = oracle.cosine(features[0], features[3])
  close(paired_loss(other, features), (2 * cosine) ** 2 / 3, 1e-5)


def test_a_row_meets_its_own_pair_alone():
  codes, features = random_rows(6, 4), random_rows(6, 3, seed=1)
  gradient = jax.jit(jax.grad(lambda c: paired_loss(c, features)))
  changed = codes.at[1].multiply(-1)
  differs = jnp.abs(gradient(changed) - gradient(codes)).max(axis=1) > 1e-6
  np.testing.assert_array_equal(differs, np.arange(6) % 3 == 1)


def test_a_pair_of_which_one_row_does_not_count():
  codes, features = random_rows(6, 4), random_rows(6, 3, seed=1)
  where = jnp.array([True, True, False, True, True, True])
  step = jax.jit(jax.value_and_grad(paired_loss, (0, 1)))
  expected = step(codes, features, where=where)
  # Neither its own values nor those of its partner are looked at.
  for row in (2, 5):
    poisoned = (a.at[row].set(jnp.nan) for a in (codes, features))
    jax.tree.map(
      np.testing.assert_array_equal, step(*poisoned, where=where), expected
    )
  pairs = jnp.array([0, 1, 3, 4])
  value, gradients = step(codes[pairs], features[pairs])
  close(expected[0], value)
  for gradient, rest in zip(expected[1], gradients):
    close(gradient[pairs], rest, 1e-5)
    assert not gradient[2].any() and not gradient[5].any()


def test_rows_of_zeros_have_cosine_zero():
  codes, features = jnp.zeros((2, 4)), jnp.array([[1.0], [2.0]])
  step = jax.jit(jax.value_and_grad(paired_loss, (0, 1)))
  value, gradients = step(codes, features)
  close(value, 1)
  assert all(jnp.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float32', 'float64'])
def test_dtype_of_losses(dtype):
  wide = 'float64' if dtype == 'float64' else 'float32'
  with jax.enable_x64(True):
    rows = jax.ShapeDtypeStruct((4, 3), dtype)
    features = jax.ShapeDtypeStruct((4, 3), 'float32')
    square = jax.ShapeDtypeStruct((4, 4), 'float32')
    for value, shape in (
      (jax.eval_shape(structure_loss, rows, square), ()),
      (jax.eval_shape(paired_loss, rows, features), ()),
      (jax.eval_shape(losses.cosine_distances, rows, features), (4, 4)),
    ):
      assert (value.dtype, value.shape) == (wide, shape)


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: paired_loss(H, H), 'their number must be even, got 3'),
    (lambda: paired_loss(H[:2], H), '2 codes, but 3 features'),
    (
      lambda: paired_loss(H[:2], H[:2], where=jnp.ones(1, bool)),
      r'where must be \[2\], got \[1\]',
    ),
    (
      lambda: structure_loss(H, jnp.ones((3, 1))),
      r'\[3, 3\]; structure is \[3, 1\]',
    ),
    (
      lambda: structure_loss(H, jnp.ones((3, 3)), where=jnp.ones((1, 3), bool)),
      r'\[3, 3\]; where is \[1, 3\]',
    ),
    (
      lambda: losses.cosine_distances(H, H[:, :2]),
      'codes have 3 bits, others 2',
    ),
  ],
)
def test_bad_input(call, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()
