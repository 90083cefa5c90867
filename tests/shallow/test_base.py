import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.shallow import base, pcah
from tests.oracles import shallow as oracle


def _features(n=500, d=12):
  scale = jnp.linspace(2.0, 0.5, d)
  x = jax.random.normal(jax.random.key(0), (n, d)) * scale[None]
  mix = jax.random.orthogonal(jax.random.key(1), d)
  return x @ mix + jnp.arange(d, dtype=jnp.float32)[None]


@pytest.mark.parametrize('block', [7, 500, 8192])
@pytest.mark.parametrize('host', [False, True])
def test_moments_in_blocks(block, host, monkeypatch):
  monkeypatch.setattr(base, 'BLOCK', block)
  features = np.asarray(_features(), np.float64)
  given = features.astype(np.float32) if host else _features()
  found = base.moments(given)
  np.testing.assert_allclose(found.mean, features.mean(0), atol=1e-5)
  np.testing.assert_allclose(
    found.covariance, np.cov(features.T, bias=True), atol=1e-5
  )
  alone = base.moments(given, covariance=False)
  np.testing.assert_array_equal(alone.mean, found.mean)
  assert alone.covariance is None


def test_a_memory_map_is_read_in_blocks(tmp_path, monkeypatch):
  monkeypatch.setattr(base, 'BLOCK', 64)
  np.save(tmp_path / 'x.npy', np.asarray(_features(), np.float16))
  mapped = np.load(tmp_path / 'x.npy', mmap_mode='r')
  shapes = [block.shape for block in base.blocks(mapped)]
  assert shapes == [(64, 12)] * 7 + [(52, 12)]
  exact = np.asarray(mapped, np.float64)
  np.testing.assert_allclose(
    base.moments(mapped).covariance, np.cov(exact.T, bias=True), atol=1e-5
  )


@pytest.mark.parametrize('block', [100, 8192])
def test_moments_keep_their_digits_far_from_zero(block, monkeypatch):
  monkeypatch.setattr(base, 'BLOCK', block)
  near = np.round(64 * np.asarray(_features(20_000))) / 64
  far = base.moments(jnp.asarray(near + 1e4, jnp.float32))
  np.testing.assert_allclose(far.mean, near.mean(0) + 1e4, atol=2e-3)
  np.testing.assert_allclose(
    far.covariance, np.cov(near.T, bias=True), atol=1e-4
  )


def test_rows_that_get_ever_greater_merge():
  # Block means differ by far more than the rows of a block.
  features = np.arange(20_000, dtype=np.float32)[:, None]
  found = base.moments(features)
  assert found.mean[0] == pytest.approx(9999.5, rel=1e-6)
  assert found.covariance[0, 0] == pytest.approx((2e4**2 - 1) / 12, rel=1e-5)


def test_half_precision_does_not_overflow():
  found = base.moments(jnp.full((3000, 2), 5e4, jnp.float16))
  np.testing.assert_array_equal(found.mean, [5e4 - 16] * 2)
  np.testing.assert_array_equal(found.covariance, np.zeros((2, 2)))


def test_principal_components_by_decreasing_variance():
  features = _features()
  mean, directions, variances = base.pca(features, 5)
  exact = np.asarray(features, np.float64)
  _, expected = oracle.principal(exact, 5)
  np.testing.assert_allclose(directions, expected, atol=1e-4)
  np.testing.assert_allclose(directions.T @ directions, np.eye(5), atol=1e-5)
  projected = base.project(features, mean, directions)
  np.testing.assert_allclose(
    projected, (exact - exact.mean(0)) @ expected, atol=1e-3
  )
  np.testing.assert_allclose(variances, projected.var(0), rtol=1e-4)
  assert np.all(np.diff(variances) < 0)


def test_pcah_is_the_signs_of_the_components():
  features = _features()
  model = pcah.fit(features, jax.random.key(0), num_bits=6)
  exact = np.asarray(features, np.float64)
  mean, directions = oracle.principal(exact, 6)
  np.testing.assert_array_equal(
    pcah.encode(model, features), oracle.sign((exact - mean) @ directions)
  )
  assert model.errors.shape == (0,)
