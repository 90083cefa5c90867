import jax
import numpy as np
import pytest
from jax.sharding import AxisType

from jaxhash.search import build_radius_index, radius, within_radius
from tests.search.codes import near, random_codes


def clustered(seed, n, bits, flips=2):
  """Codes near one of three centers, so that small radii find something."""
  rng = np.random.default_rng(seed)
  centers = random_codes(99, 3, bits)
  codes = centers[rng.integers(0, 3, n)]
  for row in codes:
    row[rng.integers(0, bits, rng.integers(0, flips + 1))] *= -1
  return codes


def assert_same(found, expected):
  for a, b in zip(found, expected):
    np.testing.assert_array_equal(a, b)
  assert found.offsets.dtype == np.int64
  assert found.distances.dtype == found.indices.dtype == np.int32


@pytest.mark.parametrize('bits', [3, 12, 64, 96, 512])
@pytest.mark.parametrize('r', [0, 1, 2])
def test_all_ways(bits, r):
  query, database = clustered(0, 20, bits), clustered(1, 300, bits)
  expected = near(query, database, r)
  assert expected[0][-1] > 0
  assert_same(within_radius(query, database, r, backend='popcount'), expected)
  index = build_radius_index(database, r)
  assert_same(within_radius(query, index, r), expected)
  pytest.importorskip('numba')
  assert_same(within_radius(query, database, r, backend='native'), expected)


def test_an_index_without_numba(monkeypatch):
  query, database = clustered(0, 20, 96), clustered(1, 300, 96)
  index = build_radius_index(database, 2)
  monkeypatch.setattr(radius, 'native_is_there', lambda: False)
  assert_same(within_radius(query, index, 2), near(query, database, 2))


def test_more_near_than_there_was_room_for():
  codes = np.ones((3000, 8), np.int8)
  found = within_radius(codes[:2], build_radius_index(codes, 1), 1)
  assert found.offsets.tolist() == [0, 3000, 6000]
  assert found.indices.tolist() == [*range(3000)] * 2


def test_an_index_serves_smaller_radii():
  query, database = clustered(0, 9, 64), clustered(1, 100, 64)
  index = build_radius_index(database, 3)
  for r in range(4):
    assert_same(within_radius(query, index, r), near(query, database, r))


def test_radius_of_all_bits():
  query, database = random_codes(0, 3, 5), random_codes(1, 200, 5)
  for r in (5, 9):
    assert_same(within_radius(query, database, r), near(query, database, 5))


@pytest.mark.parametrize('backend', ['popcount', 'native'])
def test_a_database_of_several_pieces(backend):
  if backend == 'native':
    pytest.importorskip('numba')
  query, database = clustered(0, 5, 24), clustered(1, 20_000, 24)
  database[-3:] = query[0]  # the last of a piece that is not whole
  expected = near(query, database, 1)
  assert_same(within_radius(query, database, 1, backend=backend), expected)


@pytest.mark.parametrize('bits', [100, 130, 200])
@pytest.mark.parametrize('r', [2, 5])
def test_keys_do_not_reach_over_the_border_of_a_word(bits, r):
  query = clustered(0, 5, bits, flips=8)
  database = clustered(1, 9_000, bits, flips=8)
  index = build_radius_index(database, r)
  assert all(p.first + p.width <= 64 for p in index.pieces)
  assert_same(within_radius(query, index, r), near(query, database, r))


def test_queries_of_few_and_of_many_neighbours():
  """A query with all items near stands beside one with none."""
  database = np.ones((700, 16), np.int8)
  query = np.stack([-database[0], database[0]])
  found = within_radius(query, database, 1, backend='popcount')
  assert found.offsets.tolist() == [0, 0, 700]


def test_nothing_near():
  database = random_codes(1, 40, 64)
  found = within_radius(-database[:2], build_radius_index(database, 1), 1)
  assert found.offsets.tolist() == [0, 0, 0]
  assert len(found.distances) == len(found.indices) == 0


def test_few_candidates_at_a_time(monkeypatch):
  query, database = clustered(0, 20, 32), clustered(1, 300, 32)
  index = build_radius_index(database, 2)
  monkeypatch.setattr(radius, 'CANDIDATES_AT_A_TIME', 50)
  monkeypatch.setattr(radius, 'QUERIES_AT_A_TIME', 7)
  expected = near(query, database, 2)
  assert_same(within_radius(query, index, 2), expected)
  assert_same(within_radius(query, database, 2, block_size=11), expected)


def test_short_keys_are_still_exact(monkeypatch):
  monkeypatch.setattr(radius, 'WIDEST_KEY', 3)
  query, database = clustered(0, 20, 64), clustered(1, 300, 64)
  index = build_radius_index(database, 2)
  assert [p.width for p in index.pieces] == [3, 3, 3]
  assert_same(within_radius(query, index, 2), near(query, database, 2))


def test_on_a_mesh():
  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  query, database = clustered(0, 9, 12), clustered(1, 90, 12)
  assert_same(
    within_radius(query, database, 2, mesh=mesh), near(query, database, 2)
  )


def test_an_index_compares_few_of_evenly_spread_codes():
  index = build_radius_index(random_codes(0, 4000, 64), 2)
  for piece in index.pieces:
    assert np.diff(piece.starts).max() < 20  # of 4,000


CODES = random_codes(0, 4, 8)


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: within_radius(CODES, CODES, -1), 'at least 0, got -1'),
    (
      lambda: within_radius(CODES, CODES, 1, block_size=0),
      'block_size must be an int of at least 1, got 0',
    ),
    (lambda: within_radius(CODES, CODES, 1.5), 'at least 0, got 1.5'),
    (lambda: within_radius(CODES[:, :3], CODES, 1), '3 bits, database codes 8'),
    (lambda: build_radius_index(CODES, 8), 'less than the 8 bits, got 8'),
    (
      lambda: within_radius(CODES, build_radius_index(CODES, 1), 2),
      'within a radius of 1, got 2',
    ),
    (
      lambda: within_radius(CODES[:, :3], build_radius_index(CODES, 1), 1),
      'query codes have 3 bits, those of the index 8',
    ),
  ],
)
def test_bad_inputs(call, message, monkeypatch):
  import jaxtyping

  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()
