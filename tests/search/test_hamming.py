import jax
import jaxtyping
import numpy as np
import pytest

from jaxhash.search import hamming_distances


def random_codes(seed, n, bits):
  rng = np.random.default_rng(seed)
  return rng.choice(np.array([-1, 1], np.int8), (n, bits))


@pytest.mark.parametrize('bits', [1, 8, 12, 20, 64, 96, 128, 256])
def test_both_ways_count_differing_bits(bits):
  query, database = random_codes(0, 5, bits), random_codes(1, 70, bits)
  expected = (query[:, None] != database[None]).sum(-1)
  for backend in (None, 'popcount', 'matmul'):
    distances = hamming_distances(query, database, backend=backend)
    assert distances.dtype == np.int32
    np.testing.assert_array_equal(distances, expected)


def test_under_jit():
  codes = random_codes(0, 4, 40)
  np.testing.assert_array_equal(
    jax.jit(hamming_distances)(codes, -codes).diagonal(), [40] * 4
  )


def test_chosen_by_platform(monkeypatch):
  codes = random_codes(0, 4, 40)

  def uses_popcount(**kwargs):
    text = str(
      jax.make_jaxpr(lambda a, b: hamming_distances(a, b, **kwargs))(
        codes, codes
      )
    )
    assert ('population_count' in text) != ('dot_general' in text)
    return 'population_count' in text

  assert uses_popcount()
  assert not uses_popcount(backend='matmul')
  monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
  assert not uses_popcount()
  assert uses_popcount(backend='popcount')


@pytest.mark.parametrize(
  ('query', 'database', 'message'),
  [
    (np.ones((1, 3), np.int8), np.ones((1, 4), np.int8), '3 bits.* 4'),
    (np.ones((1, 3)), np.ones((1, 3), np.int8), 'query codes .* float64'),
    (np.ones((1, 3), np.int8), np.ones(3, np.int8), r'database .* \[3\]'),
    (np.ones((0, 3), np.int8), np.ones((1, 3), np.int8), 'query .* empty'),
  ],
)
def test_bad_codes(query, database, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    hamming_distances(query, database)


def test_unknown_backend():
  codes = random_codes(0, 1, 8)
  with pytest.raises(ValueError, match="'gpu'; known: popcount, matmul"):
    hamming_distances(codes, codes, backend='gpu')
