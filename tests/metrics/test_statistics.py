import json

import jaxtyping
import numpy as np
import pytest
from scipy import stats

from jaxhash import metrics


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


def test_comparison():
  rng = np.random.default_rng(0)
  first = rng.random(400)
  second = first + rng.normal(0.02, 0.05, 400)
  second[:7] = first[:7]
  result = metrics.compare(first, second)
  difference = second - first
  assert result['difference'] == pytest.approx(difference.mean())
  assert result['low'] < result['difference'] < result['high']
  # Of the differences: far narrower than those of unpaired runs.
  assert result['high'] - result['low'] < 0.015
  wins = int((difference > 0).sum())
  assert (result['wins'], result['ties']) == (wins, 7)
  assert result['losses'] == 400 - 7 - wins
  expected = stats.binomtest(wins, 393).pvalue
  assert result['sign_test'] == pytest.approx(expected)
  other = metrics.compare(second, first)
  assert other['difference'] == -result['difference']
  assert other['sign_test'] == pytest.approx(result['sign_test'])
  json.dumps(result, allow_nan=False)


def test_the_same_run():
  result = metrics.compare(np.ones(5), np.ones(5))
  assert result['sign_test'] == 1 and result['difference'] == 0
  assert (result['low'], result['high'], result['ties']) == (0, 0, 5)


ONES = np.ones(3)


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: metrics.compare(ONES, ONES[:2]), r'got scores of \[3\] and \[2\]'),
    (lambda: metrics.compare(ONES, ONES * np.nan), 'query 0 are not finite'),
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
