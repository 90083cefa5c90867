import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash.similarity import check_labels, relevance

ROWS = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize('dtype', [np.int32, np.int8, np.uint8, np.int64])
def test_int_labels(dtype):
  query, database = np.array([2, 0], dtype), np.array([0, 2, 2, 1], dtype)
  expected = [[False, True, True, False], [True, False, False, False]]
  assert relevance(query, database).tolist() == expected
  assert jax.jit(relevance)(query, database).tolist() == expected


def test_unknown_labels_are_never_relevant():
  labels = jnp.array([-1, 3, -2])
  expected = np.diag([False, True, False])
  np.testing.assert_array_equal(relevance(labels, labels), expected)


@pytest.mark.parametrize('dtype', [bool, np.uint8, np.int32, np.float32])
def test_multi_hot_labels_share_any(dtype):
  rows = ROWS.astype(dtype)
  expected = [[(a * b).any() for b in ROWS] for a in ROWS]
  np.testing.assert_array_equal(relevance(rows, rows), expected)


def test_many_shared_labels():
  rows = np.ones((2, 300), np.uint8)  # 300 shared would wrap around in uint8
  assert relevance(rows, rows).all()


@pytest.mark.parametrize(
  ('query', 'database', 'message'),
  [
    (np.array([1]), ROWS, r'got \[1\] and \[3, 3\]'),
    (ROWS, ROWS[:, :2], r'got \[3, 3\] and \[3, 2\]'),
    (np.array([0.5]), np.array([1]), 'query labels .* float64'),
    (np.array([1]), np.array(1), r'database labels .* int64 \[\]'),
    (np.array([1]), np.array([1, 2**32]), 'row 1 is 4294967296'),
  ],
)
def test_labels_that_do_not_compare(query, database, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    relevance(query, database)


@pytest.mark.parametrize('dtype', [bool, np.uint8, np.int64])
def test_good_labels(dtype):
  check_labels(np.array([0, 2, 1], np.int32), 3)
  check_labels(ROWS[:2].astype(dtype), 3)


@pytest.mark.parametrize(
  ('labels', 'message'),
  [
    (np.array([0, 1, 3, 4], np.int32), 'from 0 to 2, but row 2 is 3'),
    (np.array([0, -1], np.int32), 'from 0 to 2, but row 1 is -1'),
    (np.array([0, 1], np.int64), 'must be int32, got int64'),
    (np.array([0.0]), 'must be int32, got float64'),
    (np.array(['a', 'b']), 'must be int32'),
    (np.array([[1, 0, 0], [0, 2, 0]]), '0 or 1, but row 1 has 2'),
    (np.array([[1, 0, 0], [0, -1, 1]]), '0 or 1, but row 1 has -1'),
    (ROWS, 'row 2 of the multi-hot labels is all 0'),
    (ROWS.astype(float), 'bool or integers, got float64'),
    (ROWS[:, :2], r'multi-hot \[n, 3\], got int64 \[3, 2\]'),
    (ROWS[None], r'got int64 \[1, 3, 3\]'),
    (np.array(1, np.int32), r'got int32 \[\]'),
  ],
)
def test_bad_labels(labels, message):
  with pytest.raises(ValueError, match=message):
    check_labels(labels, 3)
