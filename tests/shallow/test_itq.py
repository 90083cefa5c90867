import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.shallow import itq
from tests.oracles import itq as oracle


def _features(n=500, d=12):
  scale = jnp.linspace(2.0, 0.5, d)
  x = jax.random.normal(jax.random.key(0), (n, d)) * scale[None]
  mix = jax.random.orthogonal(jax.random.key(1), d)
  return x @ mix + jnp.arange(d, dtype=jnp.float32)[None]


def test_error_never_grows_and_projection_is_orthonormal():
  model = itq.fit(_features(), jax.random.key(2), num_bits=8)
  errors = np.asarray(model.errors)
  assert errors.shape == (51,)
  assert np.all(np.diff(errors) <= 1e-5 * errors[0])
  assert errors[-1] < 0.98 * errors[0]
  gram = model.projection.T @ model.projection
  np.testing.assert_allclose(gram, np.eye(8), atol=1e-5)


def test_iterations_match_numpy():
  features, num_bits = _features(), 6
  rotation = np.asarray(jax.random.orthogonal(jax.random.key(3), num_bits))
  projected = oracle.project(np.asarray(features, np.float64), num_bits)
  errors = []
  for _ in range(4):
    rotation, error = oracle.rotate(projected, rotation)
    errors.append(error)
  logits = projected @ rotation
  codes = np.where(logits >= 0, 1, -1)
  errors.append(np.linalg.norm(codes - logits))
  model = itq.fit(
    features, jax.random.key(3), num_bits=num_bits, num_iterations=4
  )
  np.testing.assert_allclose(model.errors, errors, rtol=1e-5)
  np.testing.assert_array_equal(itq.encode(model, features), codes)


def test_last_error_is_that_of_the_model():
  features = _features()
  model = itq.fit(features, jax.random.key(2), num_bits=8, num_iterations=3)
  logits = (features - model.mean[None]) @ model.projection
  codes = itq.encode(model, features).astype(jnp.float32)
  np.testing.assert_allclose(
    model.errors[-1], jnp.linalg.norm(codes - logits), rtol=1e-5
  )


def test_refuses():
  features, key = jnp.ones((4, 3)), jax.random.key(0)
  with pytest.raises(ValueError, match=r'num_bits=4 .* length 3'):
    itq.fit(features, key, num_bits=4)
  with pytest.raises(ValueError, match=r'num_iterations.*-1'):
    itq.fit(features, key, num_bits=2, num_iterations=-1)


def _mean_average_precision(query, database, relevant):
  """mAP over the whole database, ties in its order; plain NumPy."""
  distance = (query.shape[1] - query @ database.T) // 2
  total = 0.0
  for d, r in zip(distance, relevant):
    ranks = np.flatnonzero(r[np.argsort(d, kind='stable')]) + 1
    total += np.mean(np.arange(1, len(ranks) + 1) / ranks)
  return total / len(query)


@pytest.mark.parametrize(
  ('num_bits', 'published'),
  [
    pytest.param(16, 0.479, marks=pytest.mark.slow),
    (32, 0.486),
    pytest.param(64, 0.490, marks=pytest.mark.slow),
  ],
)
def test_cifar10_features(real_data, num_bits, published):
  """1,000 test queries against the 50,000 train images."""
  with np.load(real_data / 'cifar10' / 'features_pca256.npz') as arrays:
    train = jnp.asarray(arrays['train_features'], jnp.float32)
    test = jnp.asarray(arrays['test_features'][:1000], jnp.float32)
    train_labels = arrays['train_labels']
    test_labels = arrays['test_labels'][:1000]
  model = itq.fit(train, jax.random.key(0), num_bits=num_bits)
  query, database = (
    np.asarray(itq.encode(model, x)).astype(np.float32) for x in (test, train)
  )
  relevant = test_labels[:, None] == train_labels[None]
  score = _mean_average_precision(query, database, relevant)
  assert score == pytest.approx(published, abs=0.01)
