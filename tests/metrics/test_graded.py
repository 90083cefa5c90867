import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxhash import metrics
from jaxhash.metrics import GradedHistograms
from tests.oracles import average_precision, retrieval

fuzz = hypothesis.settings(max_examples=40, deadline=None, database=None)
GAINS = np.array([0.0, 0.25, 0.5, 1.0])
rankings = st.lists(
  st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=6
)


def ranked(levels, distances=None):
  """Histograms of one ranking; without distances in the order given."""
  distances = range(len(levels)) if distances is None else distances
  counts = np.zeros((1, max(distances) + 1, len(GAINS)), int)
  for d, level in zip(distances, levels):
    counts[0, d, level] += 1
  return GradedHistograms(counts, GAINS)


def by_rule(values, ties):
  return {'expected': np.mean, 'best': np.max, 'worst': np.min}[ties](values, 0)


@fuzz
@hypothesis.given(rankings, st.integers(1, 6))
@pytest.mark.parametrize('ties', ['expected', 'best', 'worst'])
def test_over_all_orders(ties, items, k):
  distances, levels = zip(*items)
  counts = ranked(levels, distances)
  orders = [
    [GAINS[level] for level in order]
    for order in average_precision.orders(distances, levels)
  ]
  k = min(k, len(items))
  value, answerable = metrics.ndcg_at_k(counts, [k], ties=ties)
  expected = by_rule([retrieval.ndcg(order, k) for order in orders], ties)
  assert value.item() == pytest.approx(expected, abs=1e-12)
  assert answerable.item() == any(levels)
  value, similar = metrics.average_hierarchical_precision(counts, k, ties=ties)
  areas = [
    retrieval.average_hierarchical_precision(order, k) for order in orders
  ]
  assert value.item() == pytest.approx(by_rule(areas, ties), abs=1e-12)
  assert similar.item() == any(levels)


def test_golden_hierarchical_precision():
  counts = ranked([3, 2, 3, 0, 2])
  precision, _ = metrics.hierarchical_precision(counts, 5)
  np.testing.assert_allclose(precision, [[1, 3 / 4, 1, 5 / 6, 1]])
  area, _ = metrics.average_hierarchical_precision(counts, 5)
  assert area.item() == pytest.approx(0.716667, abs=1e-6)
  mean, _ = metrics.average_hierarchical_precision(counts, 5, rule='mean')
  assert mean.item() == pytest.approx(0.916667, abs=1e-6)


@pytest.mark.parametrize('k', [1, 10, 250])
def test_a_perfect_ranking_has_less_than_one(k):
  levels = [3] * 100 + [2] * 100 + [1] * 100
  area, _ = metrics.average_hierarchical_precision(ranked(levels), k)
  assert area.item() == pytest.approx((k - 1) / k)
  mean, _ = metrics.average_hierarchical_precision(
    ranked(levels), k, rule='mean'
  )
  assert mean.item() == pytest.approx(1)


def test_a_flat_hierarchy_is_precision_over_the_best_possible():
  """Similar only within the class, of which there are 3 items."""
  counts = ranked([0, 3, 3, 0, 3, 0])
  precision, _ = metrics.hierarchical_precision(counts, 6)
  found = np.array([0, 1, 2, 2, 3, 3])
  np.testing.assert_allclose(precision[0], found / [1, 2, 3, 3, 3, 3])


def test_beyond_the_database_it_stays_as_it_is():
  precision, _ = metrics.hierarchical_precision(ranked([0, 3]), 4)
  np.testing.assert_allclose(precision, [[0, 1, 1, 1]])


def test_many_queries_at_a_time(monkeypatch):
  rng = np.random.default_rng(0)
  counts = GradedHistograms(rng.integers(0, 5, (23, 9, 4)), GAINS)
  whole, _ = metrics.average_hierarchical_precision(counts, 30)
  monkeypatch.setattr('jaxhash.metrics.graded.NUMBERS_AT_A_TIME', 100)
  parts, _ = metrics.average_hierarchical_precision(counts, 30)
  np.testing.assert_array_equal(whole, parts)


def test_ndcg_agrees_with_scikit_learn():
  sklearn = pytest.importorskip('sklearn.metrics')
  rng = np.random.default_rng(0)
  for _ in range(5):
    levels, distances = rng.integers(0, 4, 60), rng.integers(0, 8, 60)
    value, _ = metrics.ndcg_at_k(ranked(levels, distances), [7, 60])
    expected = [
      sklearn.ndcg_score([GAINS[levels]], [-distances], k=k) for k in (7, 60)
    ]
    np.testing.assert_allclose(value[0], expected)


def test_nothing_worth_anything():
  value, answerable = metrics.ndcg_at_k(ranked([0, 0]), [1, 2])
  assert value.tolist() == [[0, 0]] and answerable.tolist() == [False]
  precision, similar = metrics.hierarchical_precision(ranked([0, 0]), 2)
  assert precision.tolist() == [[0, 0]] and similar.tolist() == [False]


COUNTS = ranked([1, 2])


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: metrics.ndcg_at_k(COUNTS, [0]), 'at least 1, got 0'),
    (
      lambda: metrics.ndcg_at_k(COUNTS, [1], ties='database_order'),
      "'database_order'; known: expected, best, worst",
    ),
    (lambda: metrics.hierarchical_precision(COUNTS, 0), 'at least 1, got 0'),
    (
      lambda: metrics.average_hierarchical_precision(COUNTS, 2, rule='sum'),
      "'sum'; known: trapezoid, mean",
    ),
    (
      lambda: metrics.ndcg_at_k(
        GradedHistograms(COUNTS.counts, GAINS[:2]), [1]
      ),
      '4 ascending numbers',
    ),
    (
      lambda: metrics.ndcg_at_k(
        GradedHistograms(COUNTS.counts, GAINS[::-1]), [1]
      ),
      '4 ascending numbers',
    ),
    (
      lambda: metrics.ndcg_at_k(GradedHistograms(COUNTS.counts[0], GAINS), [1]),
      r'integers \[query, groups, levels\]',
    ),
  ],
)
def test_bad_inputs(call, message):
  with pytest.raises(ValueError, match=message):
    call()
