import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.codewords.hadamard import hadamard
from jaxhash.codewords.majority import majority_codewords
from jaxhash.codewords.random import bernoulli
from tests.oracles import targets as oracles

KEY = jax.random.key(0)


@pytest.mark.parametrize(
  ('dtype', 'labels_dtype'),
  [(jnp.int8, bool), (jnp.float32, jnp.int32), (jnp.bfloat16, jnp.float32)],
)
def test_same_as_plain_numpy(dtype, labels_dtype):
  codewords = bernoulli(jax.random.key(1), 20, 33).codewords
  labels = jax.random.bernoulli(jax.random.key(2), 0.2, (50, 20))
  targets = majority_codewords(
    KEY, codewords.astype(dtype), labels.astype(labels_dtype)
  )
  assert targets.shape == (50, 33)
  assert targets.dtype == jnp.int8
  # A row without labels has nothing but ties.
  none = jnp.zeros((1, 20), jnp.int32)
  ties = majority_codewords(KEY, codewords, none)[0]
  assert set(np.unique(ties)) == {-1, 1}
  expected = oracles.majority(*map(np.asarray, (codewords, labels, ties)))
  np.testing.assert_array_equal(targets, expected)


def test_one_label_has_its_codeword():
  codewords = hadamard(None, 16, 16).codewords
  labels = jnp.arange(16, dtype=jnp.uint8)
  for form in (labels, jax.nn.one_hot(labels, 16)):
    targets = majority_codewords(KEY, codewords, form)
    np.testing.assert_array_equal(targets, codewords)


def test_no_label_has_the_ties():
  codewords = hadamard(None, 4, 16).codewords
  targets = majority_codewords(KEY, codewords, jnp.array([-1, 2, -1]))
  np.testing.assert_array_equal(targets[0], targets[2])
  np.testing.assert_array_equal(targets[1], codewords[2])


def test_ties_follow_the_key_and_not_the_row():
  codewords = jnp.array([[1] * 64, [-1] * 64], jnp.int8)
  labels = jnp.ones((3, 2), jnp.int32)
  first, again, other = (
    majority_codewords(jax.random.key(i), codewords, labels) for i in (0, 0, 1)
  )
  np.testing.assert_array_equal(first, again)
  np.testing.assert_array_equal(first, jnp.broadcast_to(first[:1], (3, 64)))
  assert 10 < (first[0] != other[0]).sum() < 54


def test_jit_and_vmap():
  codewords = bernoulli(jax.random.key(1), 6, 32).codewords
  labels = jax.random.bernoulli(jax.random.key(2), 0.4, (3, 8, 6))
  eager = jnp.stack([majority_codewords(KEY, codewords, y) for y in labels])
  batched = jax.jit(jax.vmap(majority_codewords, in_axes=(None, None, 0)))
  np.testing.assert_array_equal(batched(KEY, codewords, labels), eager)


def test_sums_of_many_classes_do_not_wrap():
  codewords = jnp.ones((300, 4), jnp.int8)
  targets = majority_codewords(KEY, codewords, jnp.ones((2, 300), bool))
  np.testing.assert_array_equal(targets, np.ones((2, 4)))
