import jax
import numpy as np
import pytest

from jaxhash import metrics
from jaxhash.metrics import GradedHistograms, Histograms
from tests.metrics import problems
from tests.metrics.problems import assert_counts, problem


def test_parts_of_a_database_add_up():
  query, database, query_labels, labels = problem()
  parts = [
    metrics.histograms(query, database[rows], query_labels, labels[rows])
    for rows in (slice(0, 10), slice(10, None))
  ]
  expected = problems.histograms(query, database, query_labels, labels)
  assert_counts(parts[0] + parts[1], expected)
  assert_counts(jax.tree.map(lambda a, b: a + b, *parts), expected)
  with pytest.raises(ValueError, match=r'got \(11, 13\) and \(1, 13\)'):
    parts[0] + jax.tree.map(lambda x: x[:1], parts[1])


def test_graded_parts_add_up():
  query, database, query_labels, labels = problem()
  similarity = np.eye(4) + 0.5

  def graded(rows):
    return metrics.graded_histograms(
      *(query, database[rows], query_labels, labels[rows]),
      similarity=similarity,
    )

  whole, total = graded(slice(None)), graded(slice(9)) + graded(slice(9, None))
  np.testing.assert_array_equal(total.counts, whole.counts)
  other = GradedHistograms(whole.counts, whole.gains + 1)
  with pytest.raises(ValueError, match='of the same gains add up'):
    whole + other


def test_histograms_are_a_tree():
  counts = Histograms(np.ones((1, 2)), np.zeros((1, 2)))
  doubled = jax.jit(lambda c: c + c)(counts)
  np.testing.assert_array_equal(doubled.all, [[2, 2]])


def test_order_of_ties():
  counts = Histograms(np.array([[3, 2]]), np.array([[1, 2]]))
  best = metrics.order_ties(counts, 'best')
  assert (best.all.tolist(), best.relevant.tolist()) == (
    [[1, 2, 2, 0]],
    [[1, 0, 2, 0]],
  )
  worst = metrics.order_ties(counts, 'worst')
  assert (worst.all.tolist(), worst.relevant.tolist()) == (
    [[2, 1, 0, 2]],
    [[0, 1, 0, 2]],
  )
  assert metrics.order_ties(counts, 'expected') is counts
  with pytest.raises(ValueError, match="unknown ties 'database_order'"):
    metrics.order_ties(counts, 'database_order')
