import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxhash.codewords.hadamard import hadamard, hadamard_matrix

ORDERS = [1, 2, *(n for n in range(4, 129, 4) if n not in (92, 116))]


@pytest.mark.parametrize('order', [*ORDERS, 244, 256, 344, 500, 512])
def test_rows_are_orthogonal(order):
  # 28 and 244 need the fields of 27 and 3^5, 52 and 100 those of 25 and 49,
  # 344 that of 7^3; 40, 56, 88 and 120 are doubled.
  matrix = hadamard_matrix(order)
  assert matrix.dtype == np.int8
  assert set(np.unique(matrix)) <= {-1, 1}
  product = matrix.astype(float) @ matrix.T.astype(float)
  np.testing.assert_array_equal(product, order * np.eye(order))
  assert (matrix[0] == 1).all() and (matrix[:, 0] == 1).all()


@pytest.mark.parametrize('order', [1, 2, 4, 8, 16, 32, 64, 128])
def test_powers_of_two_are_sylvesters(order):
  np.testing.assert_array_equal(
    hadamard_matrix(order), scipy.linalg.hadamard(order)
  )


@pytest.mark.parametrize(
  ('order', 'nearest'),
  [(3, '2 and 4'), (92, '88 and 96'), (116, '112 and 120'), (30, '28 and 32')],
)
def test_unreached_orders(order, nearest):
  with pytest.raises(ValueError, match=rf'order {order} .* are {nearest}'):
    hadamard_matrix(order)


@pytest.mark.parametrize('order', [0, -4, True])
def test_orders_are_numbers(order):
  with pytest.raises(ValueError, match='order must be an int of at least 1'):
    hadamard_matrix(order)


@pytest.mark.parametrize(('classes', 'bits'), [(10, 16), (32, 16), (5, 12)])
def test_published_order(classes, bits):
  matrix = hadamard_matrix(bits)
  codewords = hadamard(None, classes, bits).codewords
  assert codewords.dtype == jnp.int8
  expected = np.concatenate([matrix, -matrix])[:classes]
  np.testing.assert_array_equal(codewords, expected)


@pytest.mark.parametrize(('classes', 'bits'), [(2, 2), (10, 12), (64, 64)])
def test_rows_with_signs_are_equally_far(classes, bits):
  codewords, report = hadamard(jax.random.key(0), classes, bits)
  assert codewords.shape == (classes, bits)
  assert report['least_distance'] == report['greatest_distance'] == bits // 2


def test_no_bit_is_constant():
  constant = [
    np.abs(np.asarray(hadamard(jax.random.key(i), 10, 16).codewords).sum(0))
    == 10
    for i in range(50)
  ]
  # Of the first row's sign alone, a column is constant in 2 of 2^10 draws.
  assert np.mean(constant) < 0.02


@pytest.mark.parametrize(('classes', 'bits'), [(17, 16), (32, 16), (30, 20)])
def test_more_than_rows(classes, bits):
  report = hadamard(jax.random.key(1), classes, bits).report
  assert report['duplicates'] == 0
  assert report['least_distance'] == bits // 2


def test_all_words_of_a_matrix_in_a_random_order():
  first = np.asarray(hadamard(None, 32, 16).codewords)
  words = [hadamard(jax.random.key(i), 32, 16).codewords for i in (0, 1)]
  assert not np.array_equal(words[0], words[1])
  for codewords in words:
    assert set(map(bytes, np.asarray(codewords))) == set(map(bytes, first))


@pytest.mark.parametrize(('classes', 'bits'), [(5, 12), (20, 12)])
def test_keys_and_jit(classes, bits):
  make = jax.jit(lambda key: hadamard(key, classes, bits))
  keys = [jax.random.key(i) for i in range(3)]
  eager = [hadamard(key, classes, bits).codewords for key in keys]
  assert make(keys[0]).report == {}
  for key, codewords in zip(keys, eager):
    np.testing.assert_array_equal(make(key).codewords, codewords)
  assert not jnp.array_equal(eager[0], eager[1])
  together = jax.vmap(make)(jnp.stack(keys)).codewords
  np.testing.assert_array_equal(together, jnp.stack(eager))


def test_too_many_classes():
  with pytest.raises(
    ValueError, match=r'2 \* 16 = 32 .* 33 classes: take `separated`'
  ):
    hadamard(jax.random.key(0), 33, 16)
  with pytest.raises(ValueError, match='fewer than the 5 classes'):
    hadamard(None, 5, 2)
  with pytest.raises(ValueError, match='no Hadamard matrix of order 10'):
    hadamard(None, 5, 10)
