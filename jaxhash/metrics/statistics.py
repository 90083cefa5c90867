"""Intervals over queries, and the comparison of two runs on the same ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxhash._checks import check_int
from jaxhash.metrics.scores import QueryScores

__all__ = ['bootstrap_interval', 'compare']

NUMBERS_AT_A_TIME = 2**22
SAME = 1e-12  # sums in another order differ by less


def bootstrap_interval(
  values: Float[np.ndarray, 'query'],
  weights: Float[np.ndarray, 'query'] | None = None,
  *,
  confidence: float = 0.95,
  num_resamples: int = 1000,
  seed: int = 0,
) -> tuple[float, float]:
  """An interval of the mean over queries, by resampling the queries.

  It says how much the mean would move with other queries of the same kind;
  nothing of other seeds of training.

  Args:
    values: of each query.
    weights: the mean is the sum of the values over the sum of these; None
      for ones.
    confidence: between 0 and 1.
    num_resamples: at least 1.
    seed: of the resampling.

  Returns:
    Its ends, by the percentile method; (nan, nan) where all weights are 0.

  Raises:
    ValueError: an argument is out of range.

  Example:
    >>> bootstrap_interval(np.ones(8))
    (1.0, 1.0)

  Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993
  :cite:p:`efron1993bootstrap`; it is computed by `scipy.stats.bootstrap`.
  """
  check_int('num_resamples', num_resamples, 1)
  _check_confidence(confidence)
  weights = np.ones(len(values)) if weights is None else weights
  if values.shape != weights.shape or values.ndim != 1 or not len(values):
    raise ValueError(
      f'values and weights must be [query], got {list(values.shape)} and '
      f'{list(weights.shape)}'
    )
  if not weights.any():
    return np.nan, np.nan
  if len(values) == 1:  # SciPy wants two
    mean = float(values[0] / weights[0])
    return mean, mean
  return _bootstrap((values, weights), _ratio, confidence, num_resamples, seed)


def compare(
  first: QueryScores,
  second: QueryScores,
  name: str = 'mAP',
  *,
  confidence: float = 0.95,
  num_resamples: int = 1000,
  seed: int = 0,
) -> dict[str, Any]:
  """Compares two runs by a score of each of the same queries.

  Args:
    first: scores of one run.
    second: scores of the other, of the same queries in the same order, by the
      same protocol, on a database of the same size.
    name: of the score.
    confidence: of the interval.
    num_resamples: of the bootstrap.
    seed: of the bootstrap.

  Returns:
    Plain values: `score`, its name; `difference`, the mean of second minus
    that of first; `low` and `high`, its bootstrap interval over queries;
    `wins`, `losses` and `ties`, the numbers of queries where second is more,
    less, or the same (to 1e-12), of those that count in both runs; and
    `sign_test`, the probability of so uneven a split of wins and losses if
    either were as likely (two-sided, exact).

  Raises:
    ValueError: the runs differ in queries, database or protocol, or do not
      have the score.

  Example:
    >>> from jaxhash.metrics import score_codes
    >>> codes = np.array([[1, 1], [1, -1], [-1, -1]], np.int8)
    >>> labels = np.array([0, 1, 0])
    >>> first = score_codes(codes, codes, labels, labels)
    >>> second = score_codes(codes[[0, 1, 0]], codes, labels, labels)
    >>> result = compare(first, second)
    >>> result['wins'], result['ties'], result['difference']
    (0, 3, 0.0)
  """
  check_int('num_resamples', num_resamples, 1)
  _check_confidence(confidence)
  for fact in ('num_query', 'num_database', 'protocol'):
    if first.facts[fact] != second.facts[fact]:
      raise ValueError(
        f'two runs are compared by the same queries and rules, but their '
        f'{fact} is {first.facts[fact]} and {second.facts[fact]}'
      )
  if not np.array_equal(first.labels, second.labels):
    raise ValueError(
      'two runs are compared by the same queries, but their labels differ'
    )
  for run in (first, second):
    if name not in run.values:
      raise ValueError(f'no score is called {name!r}: {list(run.values)}')
  pairs = [(run.values[name], run.weights[name]) for run in (first, second)]
  difference = second.mean(name) - first.mean(name)
  low, high = difference, difference
  if len(first.labels) > 1:
    low, high = _bootstrap(
      [x for pair in pairs for x in pair],
      lambda a, b, c, d, axis: _ratio(c, d, axis) - _ratio(a, b, axis),
      confidence,
      num_resamples,
      seed,
    )
  counted = (pairs[0][1] > 0) & (pairs[1][1] > 0)
  each = [v[counted] / w[counted] for v, w in pairs]
  more = each[1] - each[0]
  wins, losses = int((more > SAME).sum()), int((more < -SAME).sum())
  decided = wins + losses
  from scipy import stats

  test = stats.binomtest(wins, decided).pvalue if decided else 1.0
  return {
    'score': name,
    'difference': difference,
    'low': low,
    'high': high,
    'wins': wins,
    'losses': losses,
    'ties': len(more) - decided,
    'sign_test': float(test),
  }


def _bootstrap(
  data: Any, statistic: Any, confidence: float, num_resamples: int, seed: int
) -> tuple[float, float]:
  from scipy import stats

  interval = stats.bootstrap(
    data,
    statistic,
    n_resamples=num_resamples,
    batch=max(1, NUMBERS_AT_A_TIME // len(data[0])),
    vectorized=True,
    paired=True,
    confidence_level=confidence,
    method='percentile',
    random_state=np.random.default_rng(seed),
  ).confidence_interval
  return float(interval.low), float(interval.high)


def _ratio(values: Any, weights: Any, axis: int) -> Any:
  total = weights.sum(axis)
  return values.sum(axis) / np.where(total > 0, total, 1)


def _check_confidence(confidence: float) -> None:
  if not 0 < confidence < 1:
    raise ValueError(f'confidence must be between 0 and 1, got {confidence}')
