"""Discrete coordinate descent against all codes that there are."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.discrete import coordinate_descent, ridge_regression


def value(codes, gram, linear):
  return np.trace(codes @ gram @ codes.T) - 2 * np.trace(codes @ linear.T)


def problem(seed, items=4, bits=3):
  rng = np.random.default_rng(seed)
  root = rng.normal(size=(bits, bits))
  gram = (root @ root.T).astype(np.float32)
  linear = rng.normal(size=(items, bits)).astype(np.float32)
  codes = rng.choice([-1.0, 1.0], (items, bits)).astype(np.float32)
  return codes, gram, linear


def test_golden_values():  # of SCHN, with U = F
  u = np.array([[0.5, -0.5, 0.2], [0.1, 0.9, -0.4]], np.float32)
  similarity = np.array([[1, -0.7], [-0.7, 1]], np.float32)
  semantic = np.array([[0.3, -0.2, 0.1], [0.2, 0.4, -0.6]], np.float32)
  latent = np.array([[0.6, 0.4, 0.5], [0.5, 0.6, 0.4]], np.float32)
  q = (3 * similarity).T @ u + 10 * u
  np.testing.assert_allclose(
    q, [[6.29, -8.39, 3.44], [0.25, 12.75, -5.62]], rtol=1e-5
  )
  codes = coordinate_descent(
    jnp.zeros((2, 3)),
    jnp.asarray(u.T @ u),
    jnp.asarray(q + 2 * semantic + 0.1 * latent),
  )
  np.testing.assert_array_equal(codes, [[1, -1, 1], [1, 1, -1]])


@pytest.mark.parametrize('seed', range(20))
def test_each_bit_is_the_best_given_the_others(seed):
  codes, gram, linear = problem(seed)
  for k in range(3):
    shuffled = np.roll(np.arange(3), -k)  # bit k first
    expected = codes.copy()
    expected[:, k] = 1
    other = codes.copy()
    other[:, k] = -1
    for i in range(4):
      if value(other[i : i + 1], gram, linear[i : i + 1]) < value(
        expected[i : i + 1], gram, linear[i : i + 1]
      ):
        expected[i, k] = -1
    got = coordinate_descent(
      jnp.asarray(codes[:, shuffled]),
      jnp.asarray(gram[np.ix_(shuffled, shuffled)]),
      jnp.asarray(linear[:, shuffled]),
    )
    np.testing.assert_array_equal(got[:, 0], expected[:, k])


def test_never_grows_and_ends_where_no_bit_helps():
  problems = [problem(seed) for seed in range(300)]
  arguments = [jnp.stack(x) for x in zip(*problems)]
  sweeps = [
    jax.vmap(functools.partial(coordinate_descent, num_sweeps=n))(*arguments)
    for n in (1, 2, 6)
  ]
  every = np.array(list(itertools.product((-1, 1), repeat=3)), np.float32)
  for i, (codes, gram, linear) in enumerate(problems):
    steps = [codes, *(np.asarray(s[i]) for s in sweeps)]
    values = [value(c, gram, linear) for c in steps]
    assert (np.diff(values) <= 1e-4).all()
    last = steps[-1]
    for k in range(3):  # a coordinate-wise minimum
      flipped = last.copy()
      flipped[:, k] *= -1
      assert value(flipped, gram, linear) >= values[-1] - 1e-4
    least = sum(
      min(value(b[None], gram, row[None]) for b in every) for row in linear
    )
    assert least - 1e-4 <= values[-1] <= values[0] + 1e-4


def test_solves_the_problem_of_the_docstring():
  """With W a rotation the bits do not hang together: one sweep is exact."""
  rng = np.random.default_rng(0)
  a, w = rng.normal(size=(5, 3)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
  got = np.asarray(
    coordinate_descent(
      jnp.ones((5, 3)),
      jnp.asarray(w @ w.T, jnp.float32),
      jnp.asarray(a @ w.T, jnp.float32),
    )
  )
  for row, target in zip(got, a):
    best = min(
      itertools.product((-1, 1), repeat=3),
      key=lambda b: np.square(target - np.array(b) @ w).sum(),
    )
    np.testing.assert_array_equal(row, best)


def test_diagonal_does_not_matter_and_rows_are_apart():
  codes, gram, linear = (jnp.asarray(x) for x in problem(0))
  got = coordinate_descent(codes, gram, linear, num_sweeps=3)
  other = coordinate_descent(codes, gram + 9 * jnp.eye(3), linear, num_sweeps=3)
  np.testing.assert_array_equal(got, other)
  row = coordinate_descent(codes[2:3], gram, linear[2:3], num_sweeps=3)
  np.testing.assert_array_equal(got[2:3], row)


def test_transformations_and_low_precision():
  codes, gram, linear = (jnp.asarray(x) for x in problem(0))
  expected = coordinate_descent(codes, gram, linear)
  np.testing.assert_array_equal(
    jax.jit(coordinate_descent)(codes, gram, linear), expected
  )
  stacked = jax.vmap(coordinate_descent)(
    *(jnp.stack([x, x]) for x in (codes, gram, linear))
  )
  np.testing.assert_array_equal(stacked[1], expected)
  half = coordinate_descent(
    codes.astype(jnp.bfloat16),
    gram.astype(jnp.bfloat16),
    linear.astype(jnp.bfloat16),
  )
  assert half.dtype == jnp.float32
  assert set(np.unique(half)) <= {-1, 1}


def test_wrong_shapes_are_refused():
  with pytest.raises(ValueError, match=r'want gram \[3, 3\] and linear \[4, 3'):
    coordinate_descent(jnp.ones((4, 3)), jnp.eye(4), jnp.ones((4, 3)))
  with pytest.raises(ValueError, match='num_sweeps'):
    coordinate_descent(
      jnp.ones((4, 3)), jnp.eye(3), jnp.ones((4, 3)), num_sweeps=0
    )


def test_golden_classifier():  # of DSDH
  codes = jnp.array([[1.0, -1, 1], [1, 1, -1], [-1, -1, 1]])
  targets = jnp.array([[1.0, 0], [1, 0], [0, 1]])
  np.testing.assert_allclose(
    ridge_regression(codes, targets, 1.0),
    np.array([[7, -2.5], [-1, -1.5], [1, 1.5]]) / 13,
    rtol=1e-5,
  )


def test_no_other_classifier_is_better():
  rng = np.random.default_rng(0)
  b, y = rng.choice([-1.0, 1.0], (20, 4)), rng.normal(size=(20, 3))
  w = np.asarray(
    ridge_regression(
      jnp.asarray(b, jnp.float32), jnp.asarray(y, jnp.float32), 0.7
    )
  )

  def value(w):
    return np.square(y - b @ w).sum() + 0.7 * np.square(w).sum()

  for _ in range(50):
    assert value(w + 1e-2 * rng.normal(size=w.shape)) > value(w)
