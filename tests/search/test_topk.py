import jaxtyping
import numpy as np
import pytest

from jaxhash.search import top_k, topk


def random_codes(seed, n, bits):
  rng = np.random.default_rng(seed)
  return rng.choice(np.array([-1, 1], np.int8), (n, bits))


@pytest.mark.parametrize('backend', ['popcount', 'matmul'])
@pytest.mark.parametrize('block_size', [1, 7, 50, 51, 1000])
@pytest.mark.parametrize('k', [1, 20, 51])
def test_stable_sort(block_size, k, backend):
  # Six bits over 51 items: most of the ranking is ties.
  query, database = random_codes(0, 9, 6), random_codes(1, 51, 6)
  expected = (query[:, None] != database[None]).sum(-1)
  order = np.argsort(expected, axis=1, kind='stable')[:, :k]
  distances, indices = top_k(
    query, database, k, block_size=block_size, backend=backend
  )
  assert distances.dtype == indices.dtype == np.int32
  np.testing.assert_array_equal(indices, order)
  np.testing.assert_array_equal(
    distances, np.take_along_axis(expected, order, axis=1)
  )


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


@pytest.mark.parametrize(
  ('bits', 'k', 'block_size', 'message'),
  [
    (8, 6, 4, 'k must be from 1 to 5, got 6'),
    (8, 0, 4, 'k must be from 1 to 5, got 0'),
    (8, 2, 0, 'block_size must be at least 1, got 0'),
    (9, 2, 4, 'query codes have 8 bits, database codes 9'),
  ],
)
def test_bad_inputs(bits, k, block_size, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    top_k(
      random_codes(0, 3, 8),
      random_codes(1, 5, bits),
      k,
      block_size=block_size,
    )
