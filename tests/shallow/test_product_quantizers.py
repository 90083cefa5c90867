import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import search
from jaxhash.shallow import opq, pq
from tests.oracles import shallow as oracle

KEY = jax.random.key(3)
BOTH = pytest.mark.parametrize('method', [pq, opq])


def _features(n=400, d=8, seed=0):
  """Components of unequal variance that no subspace holds alone."""
  scale = jnp.linspace(3.0, 0.3, d)[None]
  mix = jax.random.orthogonal(jax.random.key(seed), d)
  rows = jax.random.normal(jax.random.key(seed + 1), (n, d))
  return (rows * scale) @ mix + 2.0


def _fit(method, features, **kwargs):
  kwargs = {'num_bits': 8, 'bits_per_codebook': 4} | kwargs
  return method.fit(features, KEY, **kwargs)


def _golden():
  codebooks = jnp.array([[[0.0, 0], [1, 0]], [[1.0, 1], [0, 1]]])
  zero = jnp.zeros(())
  plain = pq.PQModel(jnp.zeros(4), codebooks, zero, zero)
  return {
    pq: plain,
    opq: plain._replace(rotation=jnp.eye(4)),
  }


@BOTH
def test_golden(method):
  rows = jnp.array([[0, 0, 1, 1], [1, 0, 0, 1], [0.9, 0.2, 0.1, 0.9]])
  model = _golden()[method]
  codes = method.encode(model, rows)
  np.testing.assert_array_equal(codes, [[0, 0], [1, 1], [1, 1]])
  query = jnp.array([[1.0, 0, 1, 1]])
  np.testing.assert_array_equal(
    method.distance(model, query, codes), [[1, 1, 1]]
  )
  own = method.distance(model, rows, codes)
  np.testing.assert_allclose(jnp.diag(own), [0, 0, 0.07], atol=1e-6)
  np.testing.assert_array_equal(
    method.symmetric_distance(model, codes, codes),
    [[0, 2, 2], [2, 0, 0], [2, 0, 0]],
  )


@BOTH
def test_distances_are_those_to_the_reconstructions(method):
  features = _features()
  model = _fit(method, features)
  codes = method.encode(model, features)
  turned = np.asarray(features - model.mean[None], float)
  if method is opq:
    turned = turned @ np.asarray(model.rotation, float)
  books = np.asarray(model.codebooks, float)
  ids, errors = oracle.nearest(turned, books)
  assert np.mean(np.asarray(codes) == ids) > 0.998
  rebuilt = oracle.reconstruct(codes, books)
  exact = [((x - rebuilt) ** 2).sum(1) for x in turned[:20]]
  np.testing.assert_allclose(
    method.distance(model, features[:20], codes), exact, rtol=1e-4, atol=1e-4
  )
  exact = [((x - rebuilt) ** 2).sum(1) for x in rebuilt[:20]]
  between = method.symmetric_distance(model, codes[:20], codes)
  np.testing.assert_allclose(between, exact, rtol=1e-4, atol=1e-4)
  np.testing.assert_array_equal(jnp.diag(between[:, :20]), np.zeros(20))
  np.testing.assert_allclose(between[:, :20], between[:, :20].T, rtol=1e-5)
  assert float(model.errors[-1]) == pytest.approx(
    errors.sum(1).mean(), rel=1e-5
  )


@BOTH
def test_errors_never_grow(method):
  model = _fit(method, _features(), num_iterations=30)
  errors = np.asarray(model.errors)
  assert errors.shape == (31,)
  assert np.all(np.diff(errors) <= 1e-6 * errors[0])
  assert errors[-1] < 0.99 * errors[0]


@pytest.mark.parametrize('start', ['pca', 'identity'])
def test_rotation_is_orthogonal_and_helps(start):
  features = _features()
  model = _fit(opq, features, start=start)
  rotation = np.asarray(model.rotation, float)
  np.testing.assert_allclose(rotation.T @ rotation, np.eye(8), atol=1e-5)
  assert model.errors[-1] < _fit(pq, features).errors[-1]


def test_without_rotations_opq_is_pq():
  features = _features()
  model = _fit(
    opq, features, start='identity', num_iterations=0, num_first_iterations=7
  )
  key = jax.random.split(KEY)[0]
  plain = pq.fit(
    features, key, num_bits=8, bits_per_codebook=4, num_iterations=7
  )
  np.testing.assert_allclose(model.codebooks, plain.codebooks, atol=1e-5)
  assert model.errors[0] == pytest.approx(float(plain.errors[-1]), rel=1e-6)
  longer = _fit(opq, features, start='identity', num_first_iterations=7)
  assert longer.errors[0] == pytest.approx(float(plain.errors[-1]), rel=1e-6)
  assert longer.errors[-1] <= plain.errors[-1]


def test_an_iteration_matches_numpy():
  features = _features()
  first, second = (
    _fit(opq, features, start='identity', num_iterations=i) for i in (0, 1)
  )
  centered = np.asarray(features - first.mean[None], float)
  books = np.asarray(first.codebooks, float)
  ids, _ = oracle.nearest(centered, books)
  books = oracle.means(centered, ids, books)
  assert np.isfinite(books).all()
  rotation = oracle.procrustes(centered, oracle.reconstruct(ids, books))
  np.testing.assert_allclose(second.codebooks, books, atol=1e-4)
  np.testing.assert_allclose(second.rotation, rotation, atol=1e-3)


@pytest.mark.parametrize('num_subspaces', [1, 2, 3, 4, 6])
def test_components_are_dealt_to_the_least_product(num_subspaces):
  variances = jnp.array([90, 55, 31, 20, 13, 7, 5, 3.5, 2.3, 1.7, 1.3, 0.5])
  rotation = opq.balanced_rotation(jnp.eye(12), variances, num_subspaces)
  order = np.asarray(rotation).argmax(0).reshape(num_subspaces, -1)
  np.testing.assert_array_equal(order, oracle.deal(variances, num_subspaces))


def test_components_without_variance_are_dealt_too():
  rotation = opq.balanced_rotation(
    jnp.eye(6), jnp.array([3.0, 1.0, 0.0, 0.0, 0.0, 0.0]), 2
  )
  np.testing.assert_array_equal(rotation @ rotation.T, np.eye(6))
  flat = _features().at[:, 4:].set(1.0)
  model = _fit(opq, flat)
  assert np.isfinite(model.errors).all()
  np.testing.assert_allclose(
    model.rotation.T @ model.rotation, np.eye(8), atol=1e-5
  )


@BOTH
def test_turned_features_have_the_same_distances(method):
  """PQ: turned within its subspaces; OPQ from PCA: turned at will."""
  features = _features()
  turn = jax.scipy.linalg.block_diag(
    *[jax.random.orthogonal(jax.random.key(k), 4) for k in (7, 8)]
  )
  if method is opq:
    turn = jax.random.orthogonal(jax.random.key(7), 8)
  models = [
    _fit(method, x, num_iterations=5) for x in (features, features @ turn)
  ]
  codes = [
    np.asarray(method.encode(m, x))
    for m, x in zip(models, (features, features @ turn))
  ]
  assert np.mean(codes[0] == codes[1]) > 0.99
  same = (codes[0] == codes[1]).all(1)
  before, after = (
    method.distance(m, x[:10], c[same])
    for m, x, c in zip(models, (features, features @ turn), codes)
  )
  np.testing.assert_allclose(before, after, rtol=0.02, atol=0.05)


def test_every_row_a_codeword_leaves_no_error():
  features = _features(n=16)
  model = _fit(pq, features)
  assert model.errors[-1] < 1e-9
  rebuilt = search.reconstruct(model.codebooks, pq.encode(model, features))
  np.testing.assert_allclose(rebuilt + model.mean[None], features, atol=1e-5)


@BOTH
@pytest.mark.parametrize(
  ('kwargs', 'message'),
  [
    ({'num_bits': 10}, 'multiple of bits_per_codebook, got 10 and 4'),
    ({'num_bits': 12}, 'length 8 cannot be cut into 3'),
    ({'bits_per_codebook': 9, 'num_bits': 9}, 'at most 8, got 9'),
    ({'bits_per_codebook': 0}, 'bits_per_codebook.*0'),
    ({'num_iterations': -1}, 'num_iterations.*-1'),
  ],
)
def test_refuses(method, kwargs, message):
  with pytest.raises(ValueError, match=message):
    _fit(method, _features(), **kwargs)


def test_refuses_an_unknown_start():
  with pytest.raises(ValueError, match="'random'; known: pca, identity"):
    _fit(opq, _features(), start='random')
