"""Pairs from labels, their weights, and distances of real-valued codes."""

import functools
import itertools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash import losses
from tests.losses.problems import KINDS, close, problem
from tests.oracles import pairs as oracle

A = jnp.array([[0.9, 0.2, 0.6], [0.8, 0.1, 0.3], [0.1, 0.7, 0.9]])
LABELS = jnp.array([2, 0, 2, -1])
MULTI = jnp.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]])


def label_pairs(given):
  labels, others = given.labels, given.other_labels
  return losses.label_pairs(
    jnp.asarray(labels),
    None if others is None else jnp.asarray(others),
    **jax.tree.map(
      lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a,
      given.options,
    ),
  )


@pytest.mark.parametrize('seed', range(2))
@pytest.mark.parametrize('kind', KINDS)
def test_pairs_are_those_of_a_loop(kind, seed):
  given = problem(kind, seed)
  pairs = label_pairs(given)
  np.testing.assert_array_equal(pairs.where, given.counts)
  assert pairs.similarity.dtype == jnp.float32
  close(pairs.similarity, given.similarity)


def test_known_pairs():
  similarity, where = losses.label_pairs(LABELS)
  np.testing.assert_array_equal(
    similarity, [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
  )
  np.testing.assert_array_equal(
    where, [[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
  )
  _, where = losses.label_pairs(LABELS, self_pairs=True)
  np.testing.assert_array_equal(where, np.diag([1] * 3 + [0]) | _apart(3))
  similarity, _ = losses.label_pairs(MULTI, soft=True)
  half = np.sqrt(0.5)
  close(
    similarity, [[1, half, 0, 0], [half, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
  )


def _apart(known, rows=4):
  index = np.arange(rows)
  return (index[:, None] != index) & np.outer(index < known, index < known)


@pytest.mark.parametrize('dtype', [np.int8, np.uint8, np.float32])
def test_multi_hot_labels_of_any_dtype(dtype):
  for soft in (False, True):
    expected = losses.label_pairs(MULTI, soft=soft)
    actual = losses.label_pairs(MULTI.astype(dtype), soft=soft)
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


def test_int_labels_have_no_soft_similarity():
  jax.tree.map(
    np.testing.assert_array_equal,
    losses.label_pairs(LABELS, soft=True),
    losses.label_pairs(LABELS),
  )


def test_pairs_of_rows_are_those_of_labels():
  rows = LABELS >= 0
  for self_pairs in (False, True):
    _, where = losses.label_pairs(LABELS, self_pairs=self_pairs)
    np.testing.assert_array_equal(
      losses.row_pairs(rows, self_pairs=self_pairs), where
    )


def test_other_rows_have_no_self_pairs():
  for self_pairs in (False, True):
    _, where = losses.label_pairs(LABELS, LABELS, self_pairs=self_pairs)
    np.testing.assert_array_equal(where, np.outer(LABELS >= 0, LABELS >= 0))


@pytest.mark.parametrize('seed', range(2))
@pytest.mark.parametrize('kind', KINDS)
def test_balance_weights_are_those_of_a_loop(kind, seed):
  given = problem(kind, seed)
  counts, similarity = given.counts, jnp.asarray(given.similarity)
  weights = np.asarray(
    losses.balance_weights(similarity, where=jnp.asarray(counts))
  )
  expected = oracle.balance_weights(given.similarity, counts)
  close(weights[counts], expected[counts], 1e-5)
  if kind != 'soft':
    similar = given.similarity > 0
    for same in (similar, ~similar):
      close(weights[same & counts].sum(), counts.sum(), 1e-5)


def test_balance_weights_of_all_pairs_and_of_one_kind():
  similarity = jnp.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
  np.testing.assert_array_equal(
    losses.balance_weights(similarity), [[3, 1.5, 1.5]] * 2
  )
  for value in (0.0, 1.0):
    same = jnp.full((2, 3), value)
    np.testing.assert_array_equal(losses.balance_weights(same), np.ones((2, 3)))
    only = losses.balance_weights(similarity, where=similarity == value)
    np.testing.assert_array_equal(only[similarity == value], 1)
  none = losses.balance_weights(similarity, where=jnp.zeros((2, 3), bool))
  assert jnp.isfinite(none).all()


@pytest.mark.parametrize('classes', [3, 7])
def test_balance_weights_of_rows_of_the_same_labels(classes):
  # Their cosines are 1, or next to it.
  @jax.jit
  def weights(labels):
    similarity, where = losses.label_pairs(labels, soft=True)
    return losses.balance_weights(similarity, where=where)

  same = np.asarray(weights(jnp.ones((4, classes), jnp.int32)))
  close(same[~np.eye(4, dtype=bool)], np.ones(12))


@pytest.mark.parametrize('bits', [1, 2, 3, 4])
def test_soft_hamming_distances_of_all_binary_codes(bits):
  vectors = list(itertools.product((0, 1), repeat=bits))
  codes = jnp.array(vectors, jnp.float32)
  np.testing.assert_array_equal(
    losses.soft_hamming_distances(codes, codes),
    oracle.table(oracle.hamming, vectors, vectors),
  )


def test_known_soft_hamming_distances():
  close(
    losses.soft_hamming_distances(A, A),
    [[0.98, 1.06, 1.86], [1.06, 0.92, 2.06], [1.86, 2.06, 0.78]],
  )
  codes = (A >= 0.5).astype(jnp.float32)
  np.testing.assert_array_equal(codes, [[1, 0, 1], [1, 0, 0], [0, 1, 1]])
  np.testing.assert_array_equal(
    losses.soft_hamming_distances(codes, codes),
    [[0, 1, 2], [1, 0, 3], [2, 3, 0]],
  )


DISTANCES = {
  'inner_products': (losses.inner_products, oracle.dot),
  'soft_hamming': (losses.soft_hamming_distances, oracle.soft_hamming),
  'l1': (losses.l1_distances, oracle.l1),
  'squared': (losses.squared_distances, oracle.squared),
}
every_distance = pytest.mark.parametrize(
  ('distance', 'loop'), DISTANCES.values(), ids=DISTANCES
)


def probabilities(rows, seed=0, bits=5):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.random((rows, bits)), jnp.float32)


@every_distance
def test_distances_are_those_of_a_loop(distance, loop):
  codes, others = probabilities(4), probabilities(3, 1)
  expected = oracle.table(loop, np.asarray(codes), np.asarray(others))
  close(distance(codes, others), expected)
  close(distance(others, codes), expected.T)
  half = codes.astype(jnp.bfloat16)
  for mixed in ((half, others), (half, half), (others, half)):
    assert distance(*mixed).dtype == jnp.float32
    exact = [a.astype(jnp.float32) for a in mixed]
    np.testing.assert_array_equal(distance(*mixed), distance(*exact))


def test_soft_hamming_distances_lie_in_the_cube():
  bits = 5
  codes = np.asarray(probabilities(20, bits=bits))

  def distances(a, b):
    return np.asarray(
      losses.soft_hamming_distances(jnp.asarray(a), jnp.asarray(b))
    )

  d = distances(codes, codes)
  close(d, d.T)
  assert (d > 0).all() and (d < bits).all()
  close(np.diag(d), 2 * (codes * (1 - codes)).sum(axis=1))
  for k in range(bits):
    flipped = codes.copy()
    flipped[:, k] = 1 - codes[:, k]
    close(distances(flipped, flipped), d)
    assert np.abs(distances(flipped, codes) - d).max() > 0.1


def test_codes_of_one_half_are_a_saddle():
  codes = jnp.full((3, 6), 0.5)
  d = losses.soft_hamming_distances(codes, codes)
  np.testing.assert_array_equal(d, np.full((3, 3), 3))
  weights = jnp.asarray(np.random.default_rng(0).normal(size=(3, 3)), d.dtype)

  @jax.jit
  @functools.partial(jax.grad, argnums=(0, 1))
  def gradients(a, b):
    return (weights * losses.soft_hamming_distances(a, b)).sum()

  for gradient in gradients(codes, codes):
    close(gradient, np.zeros((3, 6)))
  # Elsewhere the gradient of a distance with respect to a is 1 - 2 b.
  others = probabilities(3, bits=6)
  to_codes, _ = gradients(codes, others)
  close(to_codes, weights @ (1 - 2 * others), 1e-5)


def test_squared_distances_are_never_negative():
  rng = np.random.default_rng(0)
  codes = jnp.asarray(100 + 1e-3 * rng.normal(size=(20, 7)), jnp.float32)
  assert (losses.squared_distances(codes, codes) >= 0).all()


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (
      lambda: losses.label_pairs(LABELS, MULTI),
      r'labels must both be .* got \[4\] and \[4, 3\]',
    ),
    (
      lambda: losses.label_pairs(MULTI, MULTI[:, :2]),
      r'got \[4, 3\] and \[4, 2\]',
    ),
    (
      lambda: losses.label_pairs(LABELS, where=jnp.ones(1, bool)),
      r'where must be \[4\], got \[1\]',
    ),
    (
      lambda: losses.balance_weights(A, where=jnp.ones((1, 3), bool)),
      r'where must be \[3, 3\] as the similarity, got \[1, 3\]',
    ),
    (
      lambda: losses.row_pairs(jnp.ones((3, 1), bool)),
      r'rows must be \[batch\], got \[3, 1\]',
    ),
    (lambda: losses.label_pairs(A[0]), 'labels .* must be int, got float32'),
    *(
      (
        lambda distance=distance: distance(A, A[:, :1]),
        'codes have 3 bits, others 1',
      )
      for distance, _ in DISTANCES.values()
    ),
  ],
)
def test_bad_input(call, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()


@pytest.mark.parametrize('dtype', [bool, jnp.uint8, jnp.int32, jnp.float32])
@pytest.mark.parametrize('soft', [False, True])
def test_bool_labels_too(dtype, soft):
  labels = jnp.asarray(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), dtype)
  similarity, where = losses.label_pairs(labels, soft=soft, self_pairs=True)
  np.testing.assert_array_equal(similarity, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
  assert where.all()


@pytest.mark.parametrize('number', [3, 7, 11, 18])
def test_equal_rows_have_a_similarity_of_one(number):
  labels = jnp.ones((3, number), jnp.int32)
  similarity, where = losses.label_pairs(labels, soft=True)
  np.testing.assert_array_equal(similarity, 1)
  weights = losses.balance_weights(similarity, where=where)
  np.testing.assert_array_equal(weights[where], 1)


def test_one_similar_pair_among_millions_counts():
  labels = jnp.arange(1500).at[1].set(0)
  similarity, where = losses.label_pairs(labels)
  weights = losses.balance_weights(similarity, where=where)
  np.testing.assert_allclose(weights[0, 1], 1500 * 1499 / 2, rtol=1e-6)
