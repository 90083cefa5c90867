"""Exact neighbours of vectors against all distances in float64."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.search import nearest_vectors
from jaxhash.search import vectors as module


def expected(query, database, k, metric):
  x, y = (np.asarray(a, np.float64) for a in (query, database))
  if metric == 'cosine':
    x, y = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, y))
  distances = np.square(x[:, None] - y[None]).sum(axis=2)
  order = np.argsort(distances, axis=1, kind='stable')[:, :k]
  return np.take_along_axis(distances, order, axis=1), order


@pytest.mark.parametrize('metric', ['euclidean', 'cosine'])
@pytest.mark.parametrize('offset', [0, 1e3])
@pytest.mark.parametrize('k', [1, 20, 300])
def test_against_all_distances(metric, offset, k):
  rng = np.random.default_rng(0)
  database = rng.normal(size=(300, 5)).astype(np.float32) + np.float32(offset)
  query = rng.normal(size=(31, 5)).astype(np.float32) + np.float32(offset)
  distances, rows = nearest_vectors(query, database, k, metric=metric)
  want, order = expected(query, database, k, metric)
  assert distances.dtype == np.float32 and rows.dtype == np.int32
  if metric == 'euclidean':
    np.testing.assert_allclose(distances, want, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows, order)
  elif offset == 0:  # far from the origin all directions are one
    np.testing.assert_allclose(distances, want, rtol=1e-4, atol=1e-6)
    assert (rows == order).mean() > 0.999


def test_equally_near_ones_come_in_their_order():
  database = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
  distances, rows = nearest_vectors(database[7:8], database, 7)
  assert rows.tolist() == [[5, 6, 7, 8, 9, 0, 1]]
  assert distances.tolist() == [[0, 0, 0, 0, 0, 2, 2]]


def test_blocks_of_queries_change_nothing(monkeypatch):
  rng = np.random.default_rng(1)
  x = rng.normal(size=(50, 4)).astype(np.float32)
  whole = nearest_vectors(x, x, 5)
  monkeypatch.setattr(module, 'ENTRIES', 350)  # 7 queries at a time
  module._nearest.clear_cache()
  parts = nearest_vectors(x, x, 5)
  module._nearest.clear_cache()
  for a, b in zip(whole, parts):
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_any_float_dtype_and_library():
  x = np.random.default_rng(2).normal(size=(20, 3))
  for array in (x, x.astype(np.float16), jnp.asarray(x, jnp.bfloat16)):
    _, rows = nearest_vectors(array, array, 1)
    assert (rows[:, 0] == np.arange(20)).all()


@pytest.mark.parametrize(
  ('query', 'database', 'options', 'message'),
  [
    (np.ones((2, 3)), np.ones((4, 2)), {}, 'length 3, database of 2'),
    (
      np.ones((2, 2)),
      np.ones((4, 2)),
      {'k': 5},
      'at most the 4 vectors, got 5',
    ),
    (np.ones((2, 2)), np.ones((4, 2)), {'k': 0}, 'k must be an int'),
    (np.ones((2, 2)), np.ones((4, 2)), {'metric': 'l1'}, "unknown metric 'l1'"),
    (np.ones(2), np.ones((4, 2)), {}, r'query must be float \[n, dims\]'),
    (np.ones((2, 2)), np.ones((4, 2), int), {}, 'database must be float'),
    (np.full((2, 2), np.nan), np.ones((4, 2)), {}, 'query row 0 is not finite'),
  ],
)
def test_refuses(query, database, options, message):
  with pytest.raises(ValueError, match=message):
    nearest_vectors(query, database, **{'k': 1, **options})
