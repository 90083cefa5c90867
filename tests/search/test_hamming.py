import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import metrics, search
from jaxhash.search import hamming, hamming_distances
from tests.search.codes import distances, random_codes


@pytest.mark.parametrize('bits', [1, 8, 12, 20, 48, 64, 96, 128, 256, 512])
def test_all_ways_count_differing_bits(bits):
  query, database = random_codes(0, 5, bits), random_codes(1, 70, bits)
  expected = distances(query, database)
  for backend in (None, 'popcount', 'int8', 'bfloat16'):
    found = hamming_distances(query, database, backend=backend)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, expected)


def test_query_and_database_may_come_in_different_forms():
  query, database = random_codes(0, 5, 20), random_codes(1, 7, 20)
  packed = np.packbits(database > 0, axis=1)
  np.testing.assert_array_equal(
    hamming_distances(query, packed, num_bits=20), distances(query, database)
  )


def test_under_jit_and_vmap():
  codes = random_codes(0, 4, 40)
  np.testing.assert_array_equal(
    jax.jit(hamming_distances)(codes, -codes).diagonal(), [40] * 4
  )
  stacked = jnp.stack([codes, -codes])
  np.testing.assert_array_equal(
    jax.vmap(hamming_distances)(stacked, stacked)[1], distances(codes, codes)
  )


def test_chosen_by_platform(monkeypatch):
  codes = random_codes(0, 4, 40)

  def jaxpr(**kwargs):
    return str(
      jax.make_jaxpr(lambda a, b: hamming_distances(a, b, **kwargs))(
        codes, codes
      )
    )

  assert 'population_count' in jaxpr() and 'dot_general' not in jaxpr()
  assert 'dot_general' in jaxpr(backend='int8')
  assert 'bf16' in jaxpr(backend='bfloat16')
  for platform, marks in (('gpu', 'i32'), ('tpu', 'bf16')):
    monkeypatch.setattr(jax, 'default_backend', lambda p=platform: p)
    assert 'dot_general' in jaxpr() and marks in jaxpr()
    assert 'population_count' in jaxpr(backend='popcount')


def test_native_is_chosen_where_it_will_do(monkeypatch):
  pytest.importorskip('numba')
  assert hamming.choose_backend() == 'popcount'
  assert hamming.choose_backend(native=True) == 'native'
  assert hamming.choose_backend('native', native=True) == 'native'
  assert hamming.choose_backend('popcount', native=True) == 'popcount'
  monkeypatch.setattr(hamming, 'native_is_there', lambda: False)
  assert hamming.choose_backend(native=True) == 'popcount'
  with pytest.raises(ImportError, match=r'jaxhash\[search\]'):
    hamming.choose_backend('native', native=True)


@pytest.fixture
def tried_anew():
  hamming._native_error.cache_clear()
  yield
  hamming._native_error.cache_clear()


def test_without_numba_all_is_there(monkeypatch, tried_anew):
  monkeypatch.setitem(sys.modules, 'numba', None)
  codes, labels = random_codes(0, 30, 12), np.arange(30) % 3
  assert not hamming.native_is_there()
  distances, _ = search.top_k(codes, codes, 3)
  assert isinstance(distances, jax.Array)
  assert len(search.within_radius(codes, codes, 0).offsets) == 31
  for ties in ('expected', 'database_order'):
    protocol = metrics.EvaluationProtocol(ties=ties)
    scores = metrics.evaluate(codes, codes, labels, labels, protocol)
    assert 0 < scores['mAP'] < 1


def test_where_numba_cannot_keep_what_it_compiled(monkeypatch, tried_anew):
  pytest.importorskip('numba')

  class Broken:
    def find_spec(self, name, path=None, target=None):
      if name == 'jaxhash.search.native':
        raise RuntimeError('cannot cache function: no locator available')

  monkeypatch.setattr(sys, 'meta_path', [Broken(), *sys.meta_path])
  monkeypatch.delitem(sys.modules, 'jaxhash.search.native', raising=False)
  monkeypatch.delattr(search, 'native', raising=False)
  with pytest.warns(UserWarning, match='fall back to JAX: cannot cache'):
    assert hamming.choose_backend(native=True) == 'popcount'
  with pytest.raises(ImportError, match=r'NUMBA_CACHE_DIR.*no locator'):
    hamming.choose_backend('native', native=True)


@pytest.mark.parametrize(
  ('query', 'database', 'message'),
  [
    (np.ones((1, 3), np.int8), np.ones((1, 4), np.int8), '3 bits.* 4'),
    (np.full((1, 3), 0.5), np.ones((1, 3), np.int8), 'query codes .* is 0.5'),
    (np.ones((1, 3), np.int8), np.ones(3, np.int8), r'database .* \[3\]'),
    (np.ones((0, 3), np.int8), np.ones((1, 3), np.int8), 'query .* empty'),
  ],
)
def test_bad_codes(query, database, message):
  with pytest.raises(ValueError, match=message):
    hamming_distances(query, database)


def test_unknown_backend():
  codes = random_codes(0, 1, 8)
  with pytest.raises(ValueError, match="'gpu'; known: popcount, int8"):
    hamming_distances(codes, codes, backend='gpu')
  with pytest.raises(ValueError, match='gives no array of distances'):
    hamming_distances(codes, codes, backend='native')
