"""Beside faiss, on the same rows."""

import faiss
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import quantizers as peers
from jaxhash.shallow import itq, lsh, opq, pq

SEEDS = range(4)


def _clusters():
  """Loose clusters, and components of unequal variance."""
  rng = np.random.default_rng(0)
  centers = rng.normal(size=(50, 64)) * np.linspace(3, 0.5, 64)
  noise = rng.normal(size=(6300, 64)) * np.linspace(2, 0.5, 64)
  turn = np.linalg.qr(rng.normal(size=(64, 64)))[0]
  rows = (centers[rng.integers(0, 50, 6300)] + noise) @ turn
  return np.split(rows.astype(np.float32), [6000])


@pytest.fixture(
  scope='module',
  params=['clusters', pytest.param('cifar10', marks=pytest.mark.slow)],
)
def rows(request):
  """Train rows and queries."""
  if request.param == 'clusters':
    return _clusters()
  folder = request.getfixturevalue('real_data')
  with np.load(folder / 'cifar10' / 'features_pca256.npz') as arrays:
    return (
      arrays['train_features'][:6000].astype(np.float32),
      arrays['test_features'][:500].astype(np.float32),
    )


@pytest.mark.parametrize('num_bits', [16, 32])
def test_pq_error(rows, num_bits):
  train, queries = rows
  model = pq.fit(jnp.asarray(train), jax.random.key(0), num_bits=num_bits)
  error = peers.quantization_error(peers.faiss_pq(train, num_bits), train)
  assert float(model.errors[-1]) == pytest.approx(error, rel=0.01)
  # The same quantiser gives the same distances.
  peer = faiss.IndexPQ(train.shape[1], num_bits // 8, 8)
  peer.pq.M, peer.is_trained = num_bits // 8, True
  mean = np.asarray(model.mean)
  faiss.copy_array_to_vector(
    np.asarray(model.codebooks).ravel(), peer.pq.centroids
  )
  peer.add(train[:100] - mean)
  found, ids = peer.search(queries[:10] - mean, 100)
  codes = pq.encode(model, jnp.asarray(train[:100]))
  ours = np.asarray(pq.distance(model, jnp.asarray(queries[:10]), codes))
  ours = np.take_along_axis(ours, ids, axis=1)
  np.testing.assert_allclose(ours, found, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize('num_bits', [16, 32])
def test_opq_error(rows, num_bits):
  train, _ = rows
  model = opq.fit(
    jnp.asarray(train), jax.random.key(0), num_bits=num_bits, num_iterations=5
  )
  peer = peers.faiss_opq(train, num_bits, num_iterations=5)
  error = peers.quantization_error(peer, train)
  # It starts from a random rotation, and ends a little higher.
  assert model.errors[-1] < 1.01 * error


def _difference(ours, theirs):
  """Of two means, and three standard errors of it, or so."""
  noise = np.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / len(ours))
  return np.mean(ours) - np.mean(theirs), 3 * noise + 0.005


def _recall(method, model, train, queries, true):
  codes = [np.asarray(method.encode(model, x)) for x in (train, queries)]
  return peers.recall(*codes, true)


def test_itq_recall(rows):
  """The rotation of faiss hardly lowers the error, so ours may be better."""
  true, (train, queries) = peers.neighbors(*rows), peers.unit_rows(*rows)
  ours, theirs = [], []
  for seed in SEEDS:
    model = itq.fit(train, jax.random.key(seed), num_bits=16)
    ours.append(_recall(itq, model, train, queries, true))
    codes = peers.faiss_itq_codes(*rows, 16, seed)
    theirs.append(peers.recall(*codes, true))
  difference, noise = _difference(ours, theirs)
  assert difference > -noise
  assert np.mean(ours) > 0.2


def test_lsh_recall(rows):
  """Faiss takes orthogonal hyperplanes: no matter, if far fewer than axes."""
  train, queries = rows
  true = peers.neighbors(train, queries)
  ours, theirs = [], []
  for seed in SEEDS:
    model = lsh.fit(train, jax.random.key(seed), num_bits=16)
    ours.append(_recall(lsh, model, train, queries, true))
    codes = peers.faiss_lsh_codes(train, queries, 16, seed)
    theirs.append(peers.recall(*codes, true))
  difference, noise = _difference(ours, theirs)
  assert abs(difference) < noise
  assert np.mean(ours) > 0.05


def test_lsh_distances_with_the_same_hyperplanes(rows):
  train, queries = rows
  model = lsh.fit(train, jax.random.key(0), num_bits=32)
  peer = faiss.IndexLSH(train.shape[1], 32, True, False)
  peer.rrot.init(1)
  faiss.copy_array_to_vector(
    np.asarray(model.projection).T.ravel(), peer.rrot.A
  )
  mean = np.asarray(model.mean)
  peer.add(train[:200] - mean)
  found, ids = peer.search(queries[:20] - mean, 200)
  codes = [
    np.asarray(lsh.encode(model, x)).astype(int)
    for x in (queries[:20], train[:200])
  ]
  ours = np.take_along_axis((32 - codes[0] @ codes[1].T) // 2, ids, axis=1)
  assert np.mean(ours == found) > 0.99
