import json

import jaxtyping
import numpy as np
import pytest
from scipy import stats

from jaxhash import metrics
from jaxhash.metrics import QueryScores


def test_interval_covers_the_mean_as_often_as_it_says():
  rng = np.random.default_rng(0)
  covered = 0
  for seed in range(200):
    low, high = metrics.bootstrap_interval(
      rng.exponential(size=60), confidence=0.9, num_resamples=200, seed=seed
    )
    covered += low < 1 < high
  assert 0.8 <= covered / 200 <= 0.95


def test_interval_is_about_that_of_the_normal_distribution():
  values = np.random.default_rng(0).random(2000)
  low, high = metrics.bootstrap_interval(values)
  half = 1.96 * values.std() / np.sqrt(2000)
  assert low == pytest.approx(values.mean() - half, abs=half / 5)
  assert high == pytest.approx(values.mean() + half, abs=half / 5)
  again = metrics.bootstrap_interval(values)
  assert (low, high) == again
  assert metrics.bootstrap_interval(values, seed=1) != again


def test_weights():
  values = np.array([0.5, 0.7, 0.0, 0.0])
  weights = np.array([1.0, 1.0, 0.0, 0.0])
  low, high = metrics.bootstrap_interval(values, weights)
  assert 0 <= low <= 0.6 <= high == pytest.approx(0.7)
  assert np.isnan(metrics.bootstrap_interval(values, 0 * weights)).all()
  assert metrics.bootstrap_interval(np.array([0.3])) == (0.3, 0.3)


def run(values, weights=None, **facts):
  values = np.asarray(values, float)
  weights = np.ones(len(values)) if weights is None else np.asarray(weights)
  facts = {'num_query': len(values), 'num_database': 9, 'protocol': 'x'} | facts
  labels = np.zeros(len(values), int)
  return QueryScores({'mAP': values}, {'mAP': weights}, labels, facts)


def test_comparison():
  rng = np.random.default_rng(0)
  first = rng.random(400)
  second = first + rng.normal(0.02, 0.05, 400)
  second[:7] = first[:7] + 1e-15  # but for rounding the same
  result = metrics.compare(run(first), run(second))
  difference = second - first
  assert result['difference'] == pytest.approx(difference.mean())
  assert result['low'] < result['difference'] < result['high']
  # Of the differences: far narrower than those of unpaired runs.
  half = 1.96 * difference.std() / 20
  assert result['high'] - result['low'] == pytest.approx(2 * half, rel=0.2)
  wins = int((difference > 1e-12).sum())
  assert (result['wins'], result['ties']) == (wins, 7)
  assert result['losses'] == 400 - 7 - wins
  expected = stats.binomtest(wins, 393).pvalue
  assert result['sign_test'] == pytest.approx(expected)
  other = metrics.compare(run(second), run(first))
  assert other['difference'] == pytest.approx(-result['difference'])
  assert other['sign_test'] == pytest.approx(result['sign_test'])
  json.dumps(result, allow_nan=False)


def test_queries_that_do_not_count_are_no_ties():
  first = run([0.5, 0.5, 0, 0.2], [1, 1, 0, 0.5])
  second = run([0.7, 0.6, 0, 0.1], [1, 1, 0, 1])
  result = metrics.compare(first, second)
  assert result['difference'] == pytest.approx(1.4 / 3 - 1.2 / 2.5)
  assert (result['wins'], result['losses'], result['ties']) == (2, 1, 0)
  assert result['low'] <= result['difference'] <= result['high']


def test_the_same_run():
  result = metrics.compare(run(np.ones(5)), run(np.ones(5)))
  assert result['sign_test'] == 1 and result['difference'] == 0
  assert (result['low'], result['high'], result['ties']) == (0, 0, 5)
  one = metrics.compare(run([0.5]), run([0.75]))
  assert one['low'] == one['high'] == 0.25


ONES = np.ones(3)


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: metrics.compare(run(ONES), run([1])), 'num_query is 3 and 1'),
    (
      lambda: metrics.compare(run(ONES), run(ONES, num_database=8)),
      'num_database is 9 and 8',
    ),
    (
      lambda: metrics.compare(run(ONES), run(ONES, protocol='y')),
      'protocol is x and y',
    ),
    (
      lambda: metrics.compare(
        run(ONES),
        QueryScores({}, {}, np.ones(3, int), run(ONES).facts),
      ),
      'their labels differ',
    ),
    (
      lambda: metrics.compare(run(ONES), run(ONES), 'NDCG@5'),
      "no score is called 'NDCG@5': .'mAP'.",
    ),
    (
      lambda: metrics.compare(run(ONES), run(ONES), confidence=95.0),
      'between 0 and 1, got 95',
    ),
    (lambda: metrics.bootstrap_interval(ONES[:0]), r'must be \[query\]'),
    (
      lambda: metrics.bootstrap_interval(ONES, confidence=95.0),
      'between 0 and 1, got 95',
    ),
    (
      lambda: metrics.bootstrap_interval(ONES, num_resamples=0),
      'at least 1, got 0',
    ),
  ],
)
def test_bad_inputs(call, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()
