import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxhash import metrics
from jaxhash.metrics import Histograms
from tests.oracles import average_precision as oracle

fuzz = hypothesis.settings(max_examples=40, deadline=None, database=None)
PROTOCOL = metrics.EvaluationProtocol(at=3)
COUNTS = Histograms(
  np.array([[2, 1, 1], [0, 3, 1], [0, 4, 0]]),
  np.array([[1, 1, 0], [0, 2, 1], [0, 0, 0]]),
)


@fuzz
@hypothesis.given(
  st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
  st.integers(1, 8),
)
def test_precision_and_recall_at_k_over_all_orders(items, k):
  distances, relevant = zip(*items)
  counts = metrics.ranking_histograms(
    np.array([distances]), np.array([relevant])
  )
  precision, recall = metrics.precision_recall_at_k(counts, [k])
  expected = oracle.precision_recall(distances, relevant, k)
  np.testing.assert_allclose(
    [precision.item(), recall.item()], expected, atol=1e-12
  )
  assert metrics.precision_at_k(counts, k).tolist() == precision[:, 0].tolist()


def test_precision_and_recall_within_radius():
  within = metrics.precision_recall_within_radius
  for radius, precision, recall, retrieved in (
    (0, [1 / 2, 0, 0], [1 / 2, 0, 0], [True, False, False]),
    (1, [2 / 3, 2 / 3, 0], [1, 2 / 3, 0], [True, True, True]),
    (99, [2 / 4, 3 / 4, 0], [1, 1, 0], [True, True, True]),
  ):
    found = within(COUNTS, radius)
    for a, b in zip(found, (precision, recall, retrieved)):
      np.testing.assert_allclose(a, b)


def test_counts_on_the_device():
  on_device = jax.tree.map(jnp.asarray, COUNTS)
  for f in (metrics.precision_recall_curve, metrics.mean_average_precision):
    args = () if f is metrics.precision_recall_curve else (PROTOCOL,)
    np.testing.assert_array_equal(f(on_device, *args), f(COUNTS, *args))


def test_curve():
  precision, recall = metrics.precision_recall_curve(COUNTS)
  np.testing.assert_allclose(precision, [1 / 2, 4 / 9, (2 / 4 + 3 / 4) / 3])
  # The last query has nothing to recall.
  np.testing.assert_allclose(recall, [1 / 4, (1 + 2 / 3) / 2, 1])
  zero, _ = metrics.precision_recall_curve(COUNTS, empty='zero')
  np.testing.assert_allclose(zero, [1 / 2 / 3, *precision[1:]])


def test_curve_where_there_is_no_mean():
  counts = Histograms(np.array([[0, 2]]), np.array([[0, 0]]))
  precision, recall = metrics.precision_recall_curve(counts)
  np.testing.assert_array_equal(precision, [np.nan, 0])
  np.testing.assert_array_equal(recall, [np.nan, np.nan])


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: metrics.precision_at_k(COUNTS, 0), 'at least 1, got 0'),
    (lambda: metrics.precision_at_k(COUNTS, True), 'at least 1, got True'),
    (
      lambda: metrics.precision_recall_within_radius(COUNTS, -1),
      'at least 0, got -1',
    ),
    (
      lambda: metrics.precision_recall_curve(COUNTS, empty='nan'),
      'known: zero, skip',
    ),
  ],
)
def test_bad_inputs(call, message):
  with pytest.raises(ValueError, match=message):
    call()
