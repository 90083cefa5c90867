import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.shallow import cosine

KEY = jax.random.key(0)
ROWS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


def distances(queries, items):
  codes = cosine.encode(None, jnp.asarray(items))
  return np.asarray(cosine.distance(None, jnp.asarray(queries), codes))


def test_distances_are_one_less_the_cosine():
  assert cosine.fit(jnp.asarray(ROWS), KEY, num_bits=8) is None
  unit = ROWS.astype(float) / np.linalg.norm(ROWS, axis=1, keepdims=True)
  expected = 1 - unit[:2] @ unit.T
  np.testing.assert_allclose(distances(ROWS[:2], ROWS), expected, atol=1e-6)
  np.testing.assert_allclose(
    distances(3 * ROWS[:2], 0.1 * ROWS), expected, atol=1e-6
  )
  assert distances(-ROWS[:1], ROWS[:1]) == pytest.approx(2)


def test_rows_of_zeros_are_at_one():
  np.testing.assert_array_equal(distances(0 * ROWS[:1], ROWS), np.ones((1, 6)))
  np.testing.assert_array_equal(distances(ROWS[:2], 0 * ROWS), np.ones((2, 6)))


@pytest.mark.parametrize('dtype', [jnp.float16, jnp.bfloat16])
def test_half_precision(dtype):
  half = jnp.asarray(ROWS, dtype)
  got = distances(half[:2], half)
  assert got.dtype == np.float32
  exact = half.astype(jnp.float32)
  np.testing.assert_array_equal(got, distances(exact[:2], exact))


def test_lengths_must_agree():
  with pytest.raises(ValueError, match='length 5, got 4'):
    distances(ROWS[:, :4], ROWS)
  with pytest.raises(ValueError, match='num_bits'):
    cosine.fit(jnp.asarray(ROWS), KEY, num_bits=0)
