import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.codewords.class_similarity import (
  _normalize,
  _released_order,
  class_similarity,
  masked_softmax,
  rank_correlation,
  similarity_from_logits,
)
from tests.oracles import semantic as oracle

LOGITS = jnp.array(
  [[3, 1, 0], [2.5, 2, -1], [0.5, 2, 1], [0, 0.5, 2.5], [1, 0, 3]], jnp.float32
)
LABELS = jnp.array([0, 0, 1, 2, 2])
SUMS = [[0, 1.683633, 0.316367], [0.377541, 0, 0.622459]]
SUMS += [[1.108599, 0.891401, 0]]
MEANS = [[0, 0.841816, 0.158184], [0.377541, 0, 0.622459]]
MEANS += [[0.554300, 0.445700, 0]]
ROWS = [[-0.655545, 1, -0.344455], [0.132622, -1, 0.867378]]
ROWS += [[0.662899, 0.337101, -1]]
PAPER = [[1, 0.566311, 0.159222], [0.566311, 1, 0.602240]]
PAPER += [[0.159222, 0.602240, 1]]
RELEASED = [[1, 0.773744, 0.226256], [0.729640, 1, 0.270360]]
RELEASED += [[0.454628, 0.545372, 1]]
MEANS_RELEASED = [[1, 0.893568, 0.106432], [0.599145, 1, 0.400855]]
MEANS_RELEASED += [[0.200381, 0.799619, 1]]


def close(a, b, atol=1e-6):
  np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def problem(seed=0, n=40, classes=5):
  rng = np.random.default_rng(seed)
  labels = np.concatenate([np.arange(classes), rng.integers(0, classes, n)])
  logits = rng.normal(size=(len(labels), classes)).astype(np.float32) * 2
  return jnp.array(logits), jnp.array(labels)


def test_known_steps():
  # Every row is predicted right: both ways of masking give these.
  np.testing.assert_array_equal(LOGITS.argmax(axis=1), LABELS)
  p = masked_softmax(LOGITS, LABELS)
  sums = np.stack([np.asarray(p)[m == LABELS].sum(axis=0) for m in range(3)])
  close(sums, SUMS)
  means = sums / np.bincount(LABELS)[:, None]
  close(means, MEANS)
  close(_normalize(jnp.array(means)), ROWS)
  close(_released_order(jnp.array(means)), MEANS_RELEASED)


@pytest.mark.parametrize(
  ('order', 'known'), [('paper', PAPER), ('released', RELEASED)]
)
def test_known_similarity(order, known):
  p = masked_softmax(LOGITS, LABELS)
  close(class_similarity(p, LABELS, order=order), known)
  close(similarity_from_logits(LOGITS, LABELS, order=order), known)
  if order == 'paper':
    close(similarity_from_logits(LOGITS, LABELS), known)


@pytest.mark.parametrize('order', ['paper', 'released'])
def test_against_loops(order):
  logits, labels = problem()
  assert (logits.argmax(axis=1) != labels).any()
  found = similarity_from_logits(logits, labels, order=order)
  close(found, oracle.similarity(logits, np.asarray(labels), order), 1e-5)
  assert found.dtype == jnp.float32


def test_orders_mask_other_classes():
  logits, labels = problem()
  predicted = logits.argmax(axis=1)
  for order, masked in (('paper', predicted), ('released', labels)):
    close(
      similarity_from_logits(logits, labels, order=order),
      class_similarity(masked_softmax(logits, masked), labels, order=order),
    )
  other = class_similarity(masked_softmax(logits, labels), labels)
  assert abs(other - similarity_from_logits(logits, labels)).max() > 0.01


def test_masked_softmax():
  logits, _ = problem()
  masked = jnp.arange(len(logits)) % 5
  p = masked_softmax(logits, masked)
  close(p, oracle.masked_softmax(logits, masked))
  close(p.sum(axis=1), 1)
  assert (p[jnp.arange(len(p)), masked] == 0).all()
  np.testing.assert_array_equal((p == 0).sum(axis=1), 1)


def test_masked_softmax_of_extreme_logits():
  p = masked_softmax(jnp.array([[1e30, -1e4, 1e4], [3e38] * 3]), jnp.arange(2))
  close(p, [[0, 0, 1], [0.5, 0, 0.5]])


def test_gradient_is_finite():
  logits, labels = problem()
  grad = jax.grad(lambda x: similarity_from_logits(x, labels)[0, 1])(logits)
  assert jnp.isfinite(grad).all()
  assert abs(grad).max() > 0


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16, jnp.float16])
def test_dtypes(dtype):
  logits, labels = problem()
  logits = logits.astype(dtype)
  p = masked_softmax(logits, labels)
  assert p.dtype == jnp.float32
  exact = masked_softmax(logits.astype(jnp.float32), labels)
  np.testing.assert_array_equal(p, exact)
  found = class_similarity(p.astype(dtype), labels.astype(jnp.uint8))
  assert found.dtype == jnp.float32
  close(found, class_similarity(p, labels), 0.05)


def test_paper_order():
  s = similarity_from_logits(*problem(1))
  np.testing.assert_array_equal(s, s.T)
  np.testing.assert_array_equal(jnp.diagonal(s), 1)
  assert abs(s).max() <= 1


def test_released_order_is_not_symmetric():
  s = similarity_from_logits(*problem(1), order='released')
  np.testing.assert_array_equal(jnp.diagonal(s), 1)
  assert abs(s - s.T).max() > 0.01


def test_classes_may_be_permuted():
  logits, labels = problem(2)
  order = jnp.array([3, 0, 4, 1, 2])
  permuted = similarity_from_logits(
    logits[:, order], jnp.argsort(order)[labels]
  )
  s = similarity_from_logits(logits, labels)
  close(permuted, s[order][:, order], 1e-5)


@pytest.mark.parametrize('value', [0.0, 0.1, 1 / 3, 0.7])
def test_rows_of_equal_entries_count_as_zero(value):
  p = jnp.array([[0, 0.25, 0.75], [value] * 3, [0.5, 0.5, 0]])
  rows = _normalize(p)
  np.testing.assert_array_equal(rows[1], 0)
  close(class_similarity(p, jnp.arange(3))[1, 0], rows[0, 1] / 2)


def test_two_classes():
  logits = jnp.array([[2.0, 0.0], [0.0, 1.0]])
  close(similarity_from_logits(logits, jnp.arange(2)), 1)


def test_under_jit():
  logits, labels = problem()
  found = jax.jit(similarity_from_logits)(logits, labels)
  close(found, similarity_from_logits(logits, labels))
  # There are no values to check; the class without rows counts as zeros.
  found = jax.jit(similarity_from_logits)(LOGITS[:3], LABELS[:3])
  assert jnp.isfinite(found).all()


def test_errors():
  p = masked_softmax(LOGITS, LABELS)
  with pytest.raises(ValueError, match='there is none of class 1 '):
    class_similarity(p, jnp.array([0, 0, 2, 2, 2]))
  with pytest.raises(ValueError, match=r'one class a row.*got \[5, 3\]'):
    class_similarity(p, jnp.ones((5, 3), jnp.int32))
  with pytest.raises(ValueError, match=r'one class a row.*got \[5, 3\]'):
    similarity_from_logits(LOGITS, jnp.ones((5, 3), jnp.int32))
  with pytest.raises(
    ValueError, match='one label a row, got 5 rows and 4 labels'
  ):
    class_similarity(p, LABELS[:4])
  for wrong in (-1, 3):
    message = f'labels must be from 0 to 2, but row 1 is {wrong}'
    with pytest.raises(ValueError, match=message):
      class_similarity(p, LABELS.at[1].set(wrong))
  with pytest.raises(ValueError, match="'; known: paper, released"):
    class_similarity(p, LABELS, order='code')
  with pytest.raises(ValueError, match="'; known: paper, released"):
    similarity_from_logits(LOGITS, LABELS, order='code')
  with pytest.raises(ValueError, match='logits of row 2 are not finite'):
    masked_softmax(LOGITS.at[2, 1].set(jnp.nan), LABELS)
  with pytest.raises(ValueError, match='at least 1 row and 2 classes'):
    masked_softmax(LOGITS[:, :1], LABELS)
  with pytest.raises(ValueError, match='classes_to_mask must be from 0 to 2'):
    masked_softmax(LOGITS, LABELS + 1)


def test_codewords_of_alike_classes_correlate_and_random_ones_do_not():
  rng = np.random.default_rng(0)
  alike = jnp.kron(jnp.eye(10), jnp.ones((4, 4)))  # ten groups of four
  words = np.repeat(rng.choice(np.array([-1, 1], np.int8), (10, 64)), 4, 0)
  assert rank_correlation(jnp.asarray(words), alike) > 0.4
  random = rng.choice(np.array([-1, 1], np.int8), (40, 64))
  found = rank_correlation(jnp.asarray(random), alike)
  assert found == pytest.approx(0, abs=0.15)
  same = rank_correlation(jnp.ones((40, 64)), alike)
  assert np.isnan(same)
