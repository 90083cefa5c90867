import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.losses import has_label, multi_hot


@pytest.mark.parametrize('dtype', [jnp.int32, jnp.int8])
def test_int_labels(dtype):
  labels = jnp.array([2, 0, -1, 3], dtype)
  expected = [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]]
  np.testing.assert_array_equal(multi_hot(labels, 3), np.array(expected, bool))


@pytest.mark.parametrize('dtype', [jnp.int8, jnp.uint8])
def test_narrow_labels_do_not_wrap(dtype):
  mask = multi_hot(jnp.array([3, -1]).astype(dtype), 300)
  expected = np.zeros((2, 300), bool)
  expected[0, 3] = True
  if dtype == jnp.uint8:
    expected[1, 255] = True  # there is no -1
  np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize('dtype', [bool, jnp.uint8, jnp.int32, jnp.float32])
def test_multi_hot_labels_of_any_dtype(dtype):
  rows = np.array([[1, 0, 1], [0, 0, 0]])
  mask = multi_hot(jnp.asarray(rows, dtype), 3)
  np.testing.assert_array_equal(mask, rows > 0)


def test_wrong_number_of_classes():
  with pytest.raises(ValueError, match=r'\[batch, 4\], got int32 \[2, 3\]'):
    multi_hot(jnp.zeros((2, 3), jnp.int32), 4)


@pytest.mark.parametrize('dtype', [jnp.int32, jnp.int8])
def test_a_negative_number_is_no_label(dtype):
  labels = jnp.array([2, 0, -1, -7], dtype)
  assert has_label(labels).tolist() == [True, True, False, False]


@pytest.mark.parametrize('dtype', [bool, jnp.uint8, jnp.int32, jnp.float32])
def test_a_row_of_zeros_is_no_label(dtype):
  labels = jnp.asarray(np.array([[1, 0, 1], [0, 0, 0]]), dtype)
  assert has_label(labels).tolist() == [True, False]
