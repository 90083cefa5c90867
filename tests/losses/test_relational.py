"""Losses of a whole batch: loops, known values, statistics, limits."""

import functools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash import losses
from tests.losses.problems import APART, KINDS, assert_reduced, close, problem
from tests.oracles import pairs as oracle

Z = jnp.array([[0.1, 0.2], [0.9, 0.8], [0.5, 0.4]])
D = jnp.array([[0, 1, 0.5], [1, 0, 1], [0.5, 1, 0]])
CORNERS = jnp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
similarity_loss = losses.relative_distance_loss
kl_loss = losses.nearest_neighbor_kl_loss
alike = functools.partial(similarity_loss, weight_power=0.0)


def random_rows(rows, bits=3, seed=0):
  rng = np.random.default_rng(seed)
  distances = rng.random((rows, rows)).astype(np.float32)
  codes = rng.random((rows, bits)).astype(np.float32)
  return jnp.asarray(codes), jnp.asarray(distances + distances.T)


def test_known_values_of_the_similarity_loss():
  close(similarity_loss(Z, D, where=APART), 0.00216778, 1e-5, 1e-8)
  close(alike(Z, D, where=APART), 0.228571)


@pytest.mark.parametrize('kind', [k for k in KINDS if k != 'others'])
@pytest.mark.parametrize(('gamma', 'rho'), [(0.1, 2.0), (0.5, 1.0), (0.3, 0.0)])
def test_similarity_loss_is_that_of_a_loop(kind, gamma, rho):
  given = problem(kind)
  rng = np.random.default_rng(0)
  distances = rng.random(given.counts.shape, np.float32)
  assert_reduced(
    lambda reduce_fn: similarity_loss(
      jnp.asarray(given.codes),
      jnp.asarray(distances),
      weight_scale=gamma,
      weight_power=rho,
      where=jnp.asarray(given.counts),
      reduce_fn=reduce_fn,
    ),
    oracle.relative_distances(
      given.codes, distances, given.counts, gamma=gamma, rho=rho
    ),
    given.counts,
  )


def test_similarity_loss_without_where_has_all_pairs():
  every = np.ones((3, 3), bool)
  assert_reduced(
    lambda reduce_fn: similarity_loss(Z, D, reduce_fn=reduce_fn),
    oracle.relative_distances(*map(np.asarray, (Z, D, every))),
    every,
  )


@pytest.mark.parametrize('loss', [similarity_loss, alike])
def test_scale_offset_and_order_of_codes_are_free(loss):
  codes, distances = random_rows(6)
  where = ~jnp.eye(6, dtype=bool)
  step = jax.jit(jax.value_and_grad(loss))
  value, gradient = step(codes, distances, where=where)
  assert value > 1e-4
  scaled, scaled_gradient = step(7 * codes + 0.25, distances, where=where)
  close(scaled, value, 1e-5)
  close(7 * scaled_gradient, gradient, 1e-4, 1e-5 * jnp.abs(gradient).max())
  # By Euler's theorem a gradient through the mean is orthogonal to the codes.
  assert jnp.abs(gradient).max() > 1e-3
  assert jnp.abs((gradient * codes).sum()) < 1e-5
  close(gradient.sum(axis=0), np.zeros(3), atol=1e-5)
  order = jnp.array([3, 1, 0, 5, 4, 2])
  shuffled, _ = step(codes[order], distances[order][:, order], where=where)
  close(shuffled, value, 1e-5)


def test_scale_of_the_distances_is_free_without_weights():
  codes, distances = random_rows(6)
  where = ~jnp.eye(6, dtype=bool)
  value = alike(codes, distances, where=where)
  close(alike(codes, 5 * distances, where=where), value, 1e-5)
  weighted = similarity_loss(codes, distances, where=where)
  other = similarity_loss(codes, 5 * distances, where=where)
  assert jnp.abs(other - weighted) > 0.1 * weighted


@pytest.mark.parametrize('loss', [similarity_loss, alike])
def test_similarity_loss_is_zero_if_and_only_if_in_proportion(loss):
  codes, _ = random_rows(5)
  loss = jax.jit(loss)
  between = losses.l1_distances(codes, codes)
  where = ~jnp.eye(5, dtype=bool)
  assert loss(codes, 0.3 * between, where=where) < 1e-6
  assert loss(codes, 0.3 * between) < 1e-6
  for i, j in ((0, 1), (3, 2)):
    changed = (0.3 * between).at[i, j].multiply(1.2)
    assert loss(codes, changed, where=where) > 1e-4
  euclidean = jnp.sqrt(losses.squared_distances(codes, codes))
  assert loss(codes, 0.3 * euclidean, where=where) > 1e-4


def test_near_rows_weigh_most():
  codes = jnp.array([[0.0], [1.0], [3.0]])
  weights = similarity_loss(codes, D, reduce_fn=None) / alike(
    codes, D, reduce_fn=None
  )
  close(weights[0, 1], (0.1 / 1.1) ** 2, 1e-5)
  close(weights[0, 2], (0.1 / 0.6) ** 2, 1e-5)


def test_known_values_of_the_divergence():
  loss = functools.partial(kl_loss, Z, CORNERS, epsilon=0.0)
  close(loss(), -0.148437)
  share = np.log(4 / 2)
  close((loss() - share) / 2, -0.420792)
  nu, rho = [0.223607, 0.223607, 0.640312], [0.447214, 0.565685, 0.447214]
  close(loss(reduce_fn=None), 2 * np.log(np.divide(nu, rho)) + share, 1e-5)


@pytest.mark.parametrize('epsilon', [0.0, 1e-4, 0.3])
@pytest.mark.parametrize('masked', [False, True])
def test_divergence_is_that_of_a_loop(epsilon, masked):
  codes, _ = random_rows(7, seed=1)
  reference, _ = random_rows(5, seed=2)
  where = np.arange(7) % 3 != 1 if masked else np.ones(7, bool)
  kept = oracle.nearest_neighbor_kl(
    np.asarray(codes)[where], np.asarray(reference), epsilon=epsilon
  )
  expected = np.zeros(7)
  expected[where] = kept
  assert_reduced(
    lambda reduce_fn: kl_loss(
      codes,
      reference,
      epsilon=epsilon,
      where=jnp.asarray(where) if masked else None,
      reduce_fn=reduce_fn,
    ),
    expected,
    where,
  )


def test_divergence_of_repeated_rows():
  codes = jnp.array([[0.2, 0.3], [0.2, 0.3]])
  value, gradient = jax.jit(jax.value_and_grad(kl_loss))(codes, CORNERS)
  known = oracle.nearest_neighbor_kl(
    np.asarray(codes), np.asarray(CORNERS), epsilon=1e-4
  )
  close(value, np.mean(known), 1e-5)
  # Rows that agree push each other nowhere, but both go to their corner.
  close(gradient[0], gradient[1])
  close(gradient[0], codes[0] / jnp.square(codes[0]).sum(), 1e-5)
  # Nothing hides them without an epsilon.
  value, gradient = jax.jit(
    jax.value_and_grad(functools.partial(kl_loss, epsilon=0.0))
  )(codes, CORNERS)
  assert value == jnp.inf


def test_divergence_of_fewer_than_two_rows_is_zero():
  for rows in (1, 3):
    for epsilon in (0.0, 1e-4):
      step = jax.jit(
        jax.value_and_grad(functools.partial(kl_loss, epsilon=epsilon))
      )
      value, gradient = step(Z[:rows], CORNERS, where=jnp.arange(rows) < 1)
      assert value == 0 and not gradient.any()


def test_gradient_without_epsilon_of_a_row_that_does_not_count():
  # It becomes a row of zeros, and so is one of the reference.
  where = jnp.array([True, False, True])
  step = jax.jit(jax.value_and_grad(functools.partial(kl_loss, epsilon=0.0)))
  value, gradient = step(Z.at[1].set(jnp.nan), CORNERS, where=where)
  rest, expected = step(Z[::2], CORNERS)
  close(value, rest)
  close(gradient, jnp.insert(expected, 1, jnp.zeros(2), axis=0))


def test_gradient_of_the_divergence_reaches_both_neighbours():
  # The nearest of row 1 is row 0, that of rows 0 and 2 each other.
  codes = jnp.array([[0.0], [1.5], [-1.0]])
  reference = jnp.array([[-2.0], [9.0]])
  only = jnp.array([0.0, 1.0, 0.0])
  to_codes, to_reference = jax.jit(
    jax.grad(lambda z, r: (only * kl_loss(z, r, reduce_fn=None)).sum(), (0, 1))
  )(codes, reference)
  close(to_codes, [[1 / 1.5], [1 / 3.5 - 1 / 1.5], [0]], 1e-5)
  close(to_reference, [[-1 / 3.5], [0]], 1e-5)


def test_divergence_of_normal_samples():
  rng = np.random.default_rng(0)
  first, second, third = (
    jnp.asarray(rng.normal(size=(4000, 2)), jnp.float32) for _ in range(3)
  )
  divergence = jax.jit(kl_loss)
  assert jnp.abs(divergence(first, second)) < 0.1
  # That of N(1, 1) from N(0, 1) in two dimensions is 2 / 2.
  assert jnp.abs(divergence(third + 1, first) - 1) < 0.1


def test_divergence_orders_samples_of_the_cube():
  rng = np.random.default_rng(0)
  near, reference = nearly_binary(rng, 1000, 8), nearly_binary(rng, 1000, 8)
  uniform = jnp.asarray(rng.random((1000, 8)), jnp.float32)
  corners = jnp.eye(2)[jnp.arange(1000) % 2].repeat(4, axis=1)
  divergence = jax.jit(kl_loss)
  values = [divergence(z, reference) for z in (near, uniform, corners)]
  assert values[0] < values[1] < values[2]
  assert jnp.abs(values[0]) < 1 < values[1]


def nearly_binary(rng, *shape):
  return jnp.asarray(rng.beta(0.1, 0.1, shape), jnp.float32)


def test_the_divergence_alone_makes_codes_binary_and_balanced():
  bits, rows = 4, 128
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.normal(size=(rows, 16)), jnp.float32)
  weights = jnp.asarray(0.1 * rng.normal(size=(16, bits)), jnp.float32)
  params = weights, jnp.array([2.0, -2.0, 1.0, 0.0])

  def codes(params):
    return jax.nn.sigmoid(x @ params[0] + params[1][None])

  def step(params, reference):
    gradient = jax.grad(lambda p: kl_loss(codes(p), reference))(params)
    return jax.tree.map(lambda p, g: p - 0.3 * g, params, gradient), None

  start = codes(params)
  params, _ = jax.jit(functools.partial(jax.lax.scan, step))(
    params, nearly_binary(rng, 300, rows, bits)
  )
  end = codes(params)
  assert jnp.abs(start - 0.5).mean() < 0.3
  assert jnp.abs(start.mean(axis=0) - 0.5).max() > 0.3
  assert jnp.abs(end - 0.5).mean() > 0.42
  assert jnp.abs(end.mean(axis=0) - 0.5).max() < 0.15


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: similarity_loss(Z, D[:1]), r'\[3, 3\]; distances is \[1, 3\]'),
    (
      lambda: similarity_loss(Z, D, where=APART[:1]),
      r'\[3, 3\]; where is \[1, 3\]',
    ),
    (lambda: kl_loss(Z, CORNERS[:, :1]), 'codes have 2 bits, the reference 1'),
    (lambda: kl_loss(Z, CORNERS[:0]), 'at least one row, got none'),
    (
      lambda: kl_loss(Z, CORNERS, where=jnp.ones(1, bool)),
      r'where must be \[3\], got \[1\]',
    ),
    (
      lambda: kl_loss(Z, CORNERS, epsilon=-0.1),
      'epsilon must be at least 0',
    ),
    (
      lambda: similarity_loss(Z, D, weight_scale=0.0),
      'weight_scale must be above 0',
    ),
  ],
)
def test_bad_input(call, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()
