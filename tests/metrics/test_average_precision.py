import hypothesis
import jaxtyping
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxhash.metrics import (
  EvaluationProtocol,
  Histograms,
  expected_average_precision,
  mean_average_precision,
  ranking_histograms,
)
from tests.oracles import average_precision as oracle

DENOMINATORS = ('retrieved', 'relevant', 'min')
fuzz = hypothesis.settings(max_examples=60, deadline=None, database=None)
rankings = st.lists(
  st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6
)


def counts_of(*queries):
  """Histograms of (distances, relevant) pairs of equal length."""
  distances, relevant = zip(*queries)
  return ranking_histograms(np.array(distances), np.array(relevant, bool))


def score(distances, relevant, **kwargs):
  counts = counts_of((distances, relevant))
  return expected_average_precision(counts, **kwargs)[0][0]


@fuzz
@hypothesis.given(rankings, st.none() | st.integers(1, 8))
@pytest.mark.parametrize('area', ['steps', 'trapezoids'])
def test_mean_over_all_orders(area, items, at):
  distances, relevant = zip(*items)
  counts = counts_of((distances, relevant))
  for denominator in DENOMINATORS:
    value, not_empty = expected_average_precision(
      counts, at=at, denominator=denominator, area=area
    )
    expected = oracle.expected(distances, relevant, at, denominator, area)
    np.testing.assert_allclose([value[0], not_empty[0]], expected, atol=1e-12)


def test_golden_ties():
  assert score([0, 1, 1, 1, 2, 2], [1, 0, 1, 0, 1, 0]) == pytest.approx(
    0.757407, abs=1e-6
  )
  assert score([3] * 5, [1, 1, 0, 0, 0]) == pytest.approx(0.5925)
  harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
  assert score([3] * 4, [0, 1, 0, 0]) == pytest.approx(harmonic / 4)


def test_golden_normalisers():
  assert score([0, 1, 2], [1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)
  assert score([0, 1, 2], [1, 0, 0]) == 1
  expected = (1 + 2 / 3 + 3 / 5) / 3
  assert score(range(5), [1, 0, 1, 0, 1]) == pytest.approx(expected)
  ranked = ([0, 1, 2, 3], [1, 0, 1, 1])
  values = [score(*ranked, at=2, denominator=d) for d in DENOMINATORS]
  np.testing.assert_allclose(values, [1, 1 / 3, 1 / 2])


def test_empty_queries():
  # Of the tie one of two is retrieved: empty half of the time.
  counts = counts_of(([0, 1, 1], [1, 0, 0]), ([0, 0, 1], [0, 1, 0]))
  value, not_empty = expected_average_precision(counts, at=1)
  np.testing.assert_allclose(value, [1, 1 / 2])
  np.testing.assert_allclose(not_empty, [1, 1 / 2])
  zero, skip = (
    mean_average_precision(counts, EvaluationProtocol(at=1, empty=e))
    for e in ('zero', 'skip')
  )
  np.testing.assert_allclose([zero, skip], [1.5 / 2, 1.5 / 1.5])


def test_all_empty():
  counts = Histograms(np.array([[0, 3]]), np.array([[0, 0]]))
  for empty in ('zero', 'skip'):
    for denominator in DENOMINATORS:
      protocol = EvaluationProtocol(denominator=denominator, empty=empty)
      assert mean_average_precision(counts, protocol) == 0


def test_large_counts_against_a_long_sum():
  n, r, before, found, at = 60_000, 4_000, 900, 300, 5_000
  value, _ = expected_average_precision(
    Histograms(np.array([[before, n]]), np.array([[found, r]])),
    at=at,
    denominator='relevant',
  )

  def group(n, r, before, found, m):
    j = np.arange(m)
    return (
      r / n * (found + 1 + j * (r - 1) / (n - 1)) / (before + 1 + j)
    ).sum()

  total = group(before, found, 0, 0, before)
  total += group(n, r, before, found, at - before)
  assert value[0] == pytest.approx(total / (found + r), rel=1e-12)


def test_large_divided_group_against_sampling():
  n, r, found, at = 40_000, 4_000, 3, 500
  counts = Histograms(np.array([[found, n]]), np.array([[found, r]]))
  value, not_empty = expected_average_precision(counts, at=at)
  rng = np.random.default_rng(0)
  relevant = np.arange(n) < r
  samples = [
    oracle.average_precision(
      [True] * found + rng.choice(relevant, at - found, replace=False).tolist(),
      at,
      'retrieved',
    )[0]
    for _ in range(200)
  ]
  error = np.std(samples) / np.sqrt(len(samples))
  assert abs(value[0] - np.mean(samples)) < 4 * error
  assert not_empty[0] == 1


def test_a_divided_group_of_a_million():
  counts = Histograms(np.array([[10**6]]), np.array([[10**5]]))
  value, not_empty = expected_average_precision(counts, at=10**5)
  # Precision stays near the share of relevant items at every rank.
  assert value[0] == pytest.approx(0.1, abs=1e-3)
  assert not_empty[0] == pytest.approx(1)


def test_queries_do_not_mix(monkeypatch):
  rng = np.random.default_rng(0)
  every = rng.integers(0, 9, (40, 12))
  relevant = rng.integers(0, every + 1)
  counts = Histograms(every, relevant)
  for denominator in DENOMINATORS:
    whole = expected_average_precision(counts, at=20, denominator=denominator)
    with monkeypatch.context() as patch:
      patch.setattr('jaxhash.metrics.average_precision.CHUNK', 30)
      chunks = expected_average_precision(
        counts, at=20, denominator=denominator
      )
    np.testing.assert_allclose(whole, chunks, rtol=1e-14)


def test_agrees_with_scikit_learn_without_ties():
  metrics = pytest.importorskip('sklearn.metrics')
  rng = np.random.default_rng(0)
  distances, relevant = rng.random(50), rng.random(50) < 0.3
  expected = metrics.average_precision_score(relevant, -distances)
  assert score(distances, relevant) == pytest.approx(expected)


@pytest.mark.parametrize(
  ('every', 'relevant', 'kwargs', 'message'),
  [
    ([[1]], [[1]], {'at': 0}, 'at must be None'),
    ([[1]], [[1]], {'at': 2.0}, 'at must be None'),
    ([[1]], [[1]], {'denominator': 'all'}, 'retrieved, relevant, min'),
    ([[1]], [[1]], {'area': 'all'}, 'steps, trapezoids'),
    ([[1, 2]], [[1]], {}, 'differ in shape'),
    ([[3, 1]], [[1, 2]], {}, 'query 0 has 2 relevant of 1 items in group 1'),
    ([[1.0]], [[1]], {}, 'must be integers'),
    ([1], [1], {}, r'got int64 \[1\]'),
  ],
)
def test_bad_inputs(every, relevant, kwargs, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  counts = Histograms(np.array(every), np.array(relevant))
  with pytest.raises(ValueError, match=message):
    expected_average_precision(counts, **kwargs)
