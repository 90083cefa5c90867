import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.shallow import lsh


def test_bits_differ_with_probability_angle_over_pi():
  angle, num_bits = np.pi / 3, 100_000
  pair = jnp.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]], jnp.float32)
  # The mirror image makes the mean zero and leaves the angle as it is.
  model = lsh.fit(
    jnp.concatenate([pair, -pair]), jax.random.key(0), num_bits=num_bits
  )
  codes = lsh.encode(model, pair)
  differ = np.mean(np.asarray(codes[0] != codes[1]))
  p = angle / np.pi
  assert abs(differ - p) < 4 * np.sqrt(p * (1 - p) / num_bits)


def test_codes_ignore_a_constant_added_to_the_features():
  features = jnp.round(8 * jax.random.normal(jax.random.key(0), (64, 5)))
  moved = features + 256.0
  codes, moved_codes = (
    lsh.encode(lsh.fit(x, jax.random.key(1), num_bits=32), x)
    for x in (features, moved)
  )
  np.testing.assert_array_equal(codes, moved_codes)
  assert codes.dtype == jnp.int8
  assert set(np.unique(codes)) == {-1, 1}
  # Without centring nearly every item would share one code.
  assert abs(np.asarray(moved_codes, float).mean(0)).max() < 0.7


def test_key_alone_decides():
  features = jax.random.normal(jax.random.key(0), (16, 4))
  a, b, c = (
    lsh.fit(features, jax.random.key(k), num_bits=8).projection
    for k in (1, 1, 2)
  )
  assert jnp.array_equal(a, b)
  assert not jnp.array_equal(a, c)


@pytest.mark.parametrize(
  ('shape', 'num_bits', 'message'),
  [((4, 3), 0, 'num_bits.*0'), ((0, 3), 8, r'\(0, 3\)')],
)
def test_refuses(shape, num_bits, message):
  with pytest.raises(ValueError, match=message):
    lsh.fit(jnp.zeros(shape), jax.random.key(0), num_bits=num_bits)


def test_refuses_nan_and_another_length():
  with pytest.raises(ValueError, match='not finite'):
    lsh.fit(jnp.array([[jnp.nan, 1.0]]), jax.random.key(0), num_bits=4)
  model = lsh.fit(jnp.ones((2, 3)), jax.random.key(0), num_bits=4)
  with pytest.raises(ValueError, match='length 3, got 2'):
    lsh.encode(model, jnp.ones((2, 2)))
