import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.shallow import sh
from tests.oracles import shallow as oracle


def test_modes_of_a_box():
  axes, omega = sh.modes(jnp.array([2.0, 1.0]), 5)
  np.testing.assert_array_equal(axes, [0, 0, 1, 0, 0])
  np.testing.assert_allclose(
    jnp.square(omega), [2.4674, 9.8696, 9.8696, 22.2066, 39.4784], rtol=1e-5
  )


@pytest.mark.parametrize('lengths', [[1.0], [3.0, 2.9, 0.1], [1.0, 1.0, 1.0]])
def test_modes_match_a_sorted_list(lengths):
  expected = oracle.smoothest(lengths, 9)
  axes, omega = sh.modes(jnp.array(lengths), 9)
  np.testing.assert_array_equal(axes, [axis for _, axis, _ in expected])
  np.testing.assert_allclose(
    jnp.square(omega), [square for square, _, _ in expected], rtol=1e-5
  )


def test_golden_box():
  corners = jnp.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
  model = sh.fit(corners, jax.random.key(0), num_bits=3)
  rows = jnp.array([[0.1, 0.1], [0.9, 0.6], [1.6, 0.4]])
  # cos(pi x / 2), cos(pi x) and cos(pi y) of the box.
  np.testing.assert_array_equal(
    sh.encode(model, rows), [[1, 1, 1], [1, -1, -1], [-1, 1, 1]]
  )


@pytest.mark.parametrize('num_bits', [3, 6, 20])
def test_codes_match_loops(num_bits):
  scale = jnp.linspace(2.0, 0.5, 6)[None]
  rows = 3 + scale * jax.random.normal(jax.random.key(0), (400, 6))
  train, other = rows[:300], rows[300:]
  model = sh.fit(train, jax.random.key(0), num_bits=num_bits)
  expected = oracle.spectral_codes(
    np.asarray(train, float), np.asarray(other, float), num_bits
  )
  # A sine within the rounding of float32 of 0 may differ.
  assert np.mean(np.asarray(sh.encode(model, other)) == expected) > 0.998


def test_features_without_variance():
  model = sh.fit(jnp.ones((5, 3)), jax.random.key(0), num_bits=4)
  assert all(np.isfinite(x).all() for x in model)
  np.testing.assert_array_equal(
    sh.encode(model, jnp.ones((2, 3))), np.ones((2, 4))
  )
