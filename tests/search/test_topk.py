import functools

import jax
import jaxtyping
import numpy as np
import pytest
from jax.sharding import AxisType

from jaxhash.search import top_k, topk
from tests.search.codes import nearest, random_codes


@pytest.mark.parametrize('backend', ['popcount', 'int8', 'bfloat16'])
@pytest.mark.parametrize('block_size', [1, 7, 50, 51, 1000])
@pytest.mark.parametrize('k', [1, 20, 51])
def test_stable_sort(block_size, k, backend):
  # Six bits over 51 items: most of the ranking is ties.
  query, database = random_codes(0, 9, 6), random_codes(1, 51, 6)
  found = top_k(query, database, k, block_size=block_size, backend=backend)
  for a, b in zip(found, nearest(query, database, k)):
    assert a.dtype == np.int32
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('bits', [1, 6, 12, 48, 64, 96, 128, 256, 512])
@pytest.mark.parametrize('k', [1, 5, 400])
def test_native(bits, k, monkeypatch):
  selecting = pytest.importorskip('jaxhash.search.native.selecting')
  query, database = random_codes(0, 70, bits), random_codes(1, 400, bits)
  found = top_k(query, database, k, backend='native')
  for a, b in zip(found, nearest(query, database, k)):
    assert a.dtype == np.int32
    np.testing.assert_array_equal(a, b)
  assert selecting.GROUP < 70  # more than one group of queries was tried


@pytest.mark.parametrize('order', ['rising', 'falling', 'equal', 'random'])
@pytest.mark.parametrize('k', [1, 3, 9000])
def test_native_over_pieces(order, k):
  """More items than are compared at once, where many or all are wanted."""
  pytest.importorskip('numba')
  n, bits = 30_000, 16
  ones = {
    'rising': np.arange(n) * bits // n,
    'falling': bits - np.arange(n) * bits // n,
    'equal': np.full(n, 5),
    'random': np.random.default_rng(0).integers(0, bits, n),
  }[order]
  database = np.arange(bits)[None] < ones[:, None]
  query = np.zeros((1, bits), bool)
  distances, indices = top_k(query, database, k, backend='native')
  expected = np.argsort(ones, kind='stable')[:k]
  np.testing.assert_array_equal(indices[0], expected)
  np.testing.assert_array_equal(distances[0], ones[expected])


@pytest.mark.parametrize('shape', [(4,), (2, 2), (3,)])
@pytest.mark.parametrize('k', [1, 20, 51])
def test_on_a_mesh(shape, k):
  mesh = jax.make_mesh(
    shape, ('a', 'b')[: len(shape)], axis_types=(AxisType.Auto,) * len(shape)
  )
  query, database = random_codes(0, 9, 6), random_codes(1, 51, 6)
  for block_size in (5, 1000):
    found = top_k(query, database, k, mesh=mesh, block_size=block_size)
    for a, b in zip(found, nearest(query, database, k)):
      assert a.dtype == np.int32
      np.testing.assert_array_equal(a, b)


def test_a_mesh_shares_the_database():
  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  query, database = random_codes(0, 2, 8), random_codes(1, 64, 8)
  sharded = []
  whole = jax.device_put

  def spy(x, sharding):
    placed = whole(x, sharding)
    sharded.append([shard.data.shape[0] for shard in placed.addressable_shards])
    return placed

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(jax, 'device_put', spy)
    top_k(query, database, 3, mesh=mesh, block_size=8)
  assert sharded[0] == [2, 2, 2, 2]  # blocks on each device


def test_under_jit():
  query, database = random_codes(0, 5, 20), random_codes(1, 60, 20)
  found = jax.jit(functools.partial(top_k, k=7))(query, database)
  for a, b in zip(found, nearest(query, database, 7)):
    np.testing.assert_array_equal(a, b)
  over_database = jax.jit(lambda x: top_k(query, x, 7))(database)
  for a, b in zip(over_database, found):
    np.testing.assert_array_equal(a, b)


def test_queries_on_another_device_of_the_mesh():
  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  query, database = random_codes(0, 5, 20), random_codes(1, 60, 20)
  elsewhere = jax.device_put(query, jax.devices()[2])
  found = top_k(elsewhere, database, 7, mesh=mesh)
  for a, b in zip(found, nearest(query, database, 7)):
    np.testing.assert_array_equal(a, b)


def test_packed_codes():
  query, database = random_codes(0, 5, 20), random_codes(1, 60, 20)
  packed = [np.packbits(x > 0, axis=1) for x in (query, database)]
  for backend in ('popcount', 'int8'):
    found = top_k(*packed, 7, num_bits=20, backend=backend)
    for a, b in zip(found, nearest(query, database, 7)):
      np.testing.assert_array_equal(a, b)


def test_blocks_of_queries(monkeypatch):
  query, database = random_codes(0, 23, 40), random_codes(1, 300, 40)
  whole = top_k(query, database, 12)
  monkeypatch.setattr(topk, 'QUERIES_AT_A_TIME', 5)
  for a, b in zip(whole, top_k(query, database, 12, block_size=77)):
    np.testing.assert_array_equal(a, b)


def test_opposite_codes_come_last():
  database = np.stack([-np.ones(33), np.ones(33)]).astype(np.int8)
  distances, indices = top_k(database[1:], database, 2, block_size=1)
  assert distances.tolist() == [[0, 33]]
  assert indices.tolist() == [[1, 0]]


@pytest.mark.parametrize('variant', ['hc', 'mc'])
@pytest.mark.parametrize('bits', [64, 96, 128])
def test_agrees_with_faiss_but_for_ties(bits, variant):
  faiss = pytest.importorskip('faiss')
  query, database = random_codes(0, 20, bits), random_codes(1, 3000, bits)
  packed = [np.packbits(x > 0, axis=1) for x in (query, database)]
  expected, rows = faiss.knn_hamming(*packed, 50, variant=variant)
  distances, indices = top_k(query, database, 50)
  np.testing.assert_array_equal(distances, expected)
  for mine, theirs, d in zip(np.asarray(indices), rows, expected):
    sure = d < d[-1]
    assert set(mine[sure]) == set(theirs[sure])


@pytest.mark.parametrize(
  ('bits', 'kwargs', 'message'),
  [
    (8, {'k': 6}, 'k must be at most 5, got 6'),
    (8, {'k': 0}, 'k must be an int of at least 1, got 0'),
    (8, {'k': 2.0}, 'k must be an int of at least 1, got 2.0'),
    (8, {'block_size': 0}, 'block_size must be an int of at least 1, got 0'),
    (9, {}, 'query codes have 8 bits, database codes 9'),
    (8, {'backend': 'sort'}, "unknown backend 'sort'"),
  ],
)
def test_bad_inputs(bits, kwargs, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  kwargs = {'k': 2, **kwargs}
  with pytest.raises(ValueError, match=message):
    top_k(random_codes(0, 3, 8), random_codes(1, 5, bits), **kwargs)


def test_native_is_not_for_a_mesh():
  pytest.importorskip('numba')
  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  codes = random_codes(0, 8, 8)
  with pytest.raises(ValueError, match='native'):
    top_k(codes, codes, 1, mesh=mesh, backend='native')
