"""The two halves of the distances: a plain loop, known shapes, limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.losses import cosine_distances, distance_structure
from jaxhash.pair_statistics import half_gaussians
from tests.oracles import unsupervised as oracle


@pytest.fixture(autouse=True)
def strict():
  with jax.numpy_dtype_promotion('strict'):
    yield


def features_of(rows, dims=6, shift=0.5, seed=0):
  rng = np.random.default_rng(seed)
  return (rng.normal(size=(rows, dims)) + shift).astype(np.float32)


def assert_same(statistics, fits, lower, upper, histogram):
  (m1, s1), (m2, s2) = fits
  expected = (m1, s1, s2, lower, upper)
  np.testing.assert_allclose(m1, m2, atol=1e-12)
  np.testing.assert_allclose(statistics[:5], expected, rtol=1e-4, atol=1e-6)
  np.testing.assert_array_equal(statistics.histogram, histogram)


# Some leave a part of the last block empty; one has one block only.
@pytest.mark.parametrize('block_size', [1, 7, 20, 41, 1000])
def test_any_blocks_give_what_a_list_of_pairs_gives(block_size):
  features = features_of(41)
  options = {'factor': 2.0, 'num_bins': 20, 'mode_in_bin': 0.5}
  statistics = half_gaussians(
    jnp.asarray(features), block_size=block_size, **options
  )
  assert_same(statistics, *oracle.half_gaussians(features, **options))
  assert statistics.histogram.sum() == 41 * 40 // 2


@pytest.mark.parametrize('factor', [0.0, 1.5])
@pytest.mark.parametrize('num_bins', [1, 10, 33])
@pytest.mark.parametrize('mode_in_bin', [0.0, 0.5, 1.0])
def test_options(factor, num_bins, mode_in_bin):
  features = features_of(30, seed=1)
  options = {
    'factor': factor,
    'num_bins': num_bins,
    'mode_in_bin': mode_in_bin,
  }
  statistics = half_gaussians(jnp.asarray(features), block_size=8, **options)
  assert_same(statistics, *oracle.half_gaussians(features, **options))


def test_the_mode_may_be_beyond_a_right_angle():
  # Rows around the corners of a regular simplex are obtuse to each other.
  features = np.repeat(np.eye(3) - 1 / 3, 10, axis=0).astype(np.float32)
  features = features + 0.01 * features_of(30, 3)
  statistics = half_gaussians(jnp.asarray(features), num_bins=20)
  # cos(120 degrees) is -1/2.
  np.testing.assert_allclose(statistics.mode, 1.55, atol=0.11)


def test_two_clusters_are_told_apart():
  # Nearly all pairs are of rows at an angle of about 60 degrees.
  rng = np.random.default_rng(0)
  common, other = rng.normal(size=(2, 1, 256))
  rows = rng.normal(size=(300, 256)) + common
  few = np.arange(300) < 6
  rows[few] = 2 * other + 0.3 * rng.normal(size=(6, 256))
  x = jnp.asarray(rows, jnp.float32)
  statistics = half_gaussians(x)
  np.testing.assert_allclose(statistics.mode, 0.5, atol=0.05)
  signs = distance_structure(
    cosine_distances(x, x), statistics.lower, statistics.upper
  )
  signs = np.where(np.eye(300, dtype=bool), 0, signs)
  assert (signs[few][:, few].sum() == 6 * 5) and (
    signs[few][:, ~few] == -1
  ).all()
  assert np.abs(signs[~few][:, ~few]).mean() < 0.1


def test_halves_of_a_known_distribution():
  # On half a circle small angles are the most frequent, and the mean of
  # (1 - cos)^2 is 3/2 - 8/pi^2.
  angles = np.pi * np.arange(500) / 500
  x = jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], 1), jnp.float32)
  statistics = half_gaussians(x, num_bins=50, mode_in_bin=0.0, block_size=128)
  assert statistics.mode == 0 and statistics.near_std == 0
  expected = np.sqrt(3 / 2 - 8 / np.pi**2)
  np.testing.assert_allclose(statistics.far_std, expected, rtol=5e-3)
  np.testing.assert_allclose(statistics.upper, 2 * expected, rtol=5e-3)


def test_scale_and_order_of_rows_are_free():
  x = jnp.asarray(features_of(40))
  expected = half_gaussians(x, num_bins=20, block_size=16)
  lengths = jnp.linspace(0.01, 50, 40)[:, None]
  for other in (x[::-1], lengths * x, 1e-20 * x):
    statistics = half_gaussians(other, num_bins=20, block_size=16)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
      statistics,
      expected,
    )


def test_equal_rows_and_rows_of_zeros():
  same = half_gaussians(jnp.ones((5, 3)))
  width = 2 / 200
  np.testing.assert_allclose(same.mode, width / 2, rtol=1e-5)
  np.testing.assert_allclose(same.near_std, width / 2, rtol=1e-3)
  assert same.far_std == 0 and same.lower < 0 and same.upper == same.mode
  zeros = half_gaussians(jnp.zeros((5, 3)), num_bins=4)
  np.testing.assert_array_equal(zeros.histogram, [0, 0, 10, 0])


def test_bfloat16_and_float64():
  x = jnp.asarray(features_of(40), jnp.bfloat16)
  half = half_gaussians(x, num_bins=20)
  exact = half_gaussians(x.astype(jnp.float32), num_bins=20)
  jax.tree.map(np.testing.assert_array_equal, half, exact)
  with jax.enable_x64(True):
    double = half_gaussians(jnp.asarray(x, jnp.float64), num_bins=20)
  assert [a.dtype for a in double] == [a.dtype for a in exact]
  np.testing.assert_allclose(double[:5], exact[:5], rtol=1e-4)


def test_pairs_are_not_held_together():
  rows, block = 3000, 200
  x = jax.ShapeDtypeStruct((rows, 4), jnp.float32)
  text = str(jax.make_jaxpr(lambda x: half_gaussians(x, block_size=block))(x))
  assert f'f32[{block},{block}]' in text
  assert f'{rows},{rows}' not in text


@pytest.mark.parametrize(
  ('rows', 'options', 'message'),
  [
    (1, {}, 'features must have 2 to 65536 rows, got 1'),
    (2**16 + 1, {}, 'features must have 2 to 65536 rows, got 65537'),
    (3, {'factor': -1.0}, 'factor must be at least 0'),
    (3, {'num_bins': 0}, 'num_bins must be an int of at least 1'),
    (3, {'mode_in_bin': 1.5}, 'mode_in_bin must be at most 1, got 1.5'),
    (3, {'mode_in_bin': -0.5}, 'mode_in_bin must be at least 0'),
    (3, {'block_size': 0}, 'block_size must be an int of at least 1'),
  ],
)
def test_bad_input(rows, options, message):
  with pytest.raises(ValueError, match=message):
    half_gaussians(jnp.ones((rows, 1)), **options)
