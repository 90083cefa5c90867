"""Intervals over queries, and the comparison of two runs on the same ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxhash.metrics._checks import check_int

__all__ = ['bootstrap_interval', 'compare']

NUMBERS_AT_A_TIME = 2**22


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

  Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; it
  is computed by `scipy.stats.bootstrap`.
  """
  check_int('num_resamples', num_resamples, 1)
  if not 0 < confidence < 1:
    raise ValueError(f'confidence must be between 0 and 1, got {confidence}')
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
  from scipy import stats

  def ratio(values: Any, weights: Any, axis: int) -> Any:
    total = weights.sum(axis)
    return values.sum(axis) / np.where(total > 0, total, 1)

  interval = stats.bootstrap(
    (values, weights),
    ratio,
    n_resamples=num_resamples,
    batch=max(1, NUMBERS_AT_A_TIME // len(values)),
    vectorized=True,
    paired=True,
    confidence_level=confidence,
    method='percentile',
    random_state=np.random.default_rng(seed),
  ).confidence_interval
  return float(interval.low), float(interval.high)


def compare(
  first: Float[np.ndarray, 'query'],
  second: Float[np.ndarray, 'query'],
  *,
  confidence: float = 0.95,
  num_resamples: int = 1000,
  seed: int = 0,
) -> dict[str, float | int]:
  """Compares two runs by a score of each of the same queries.

  Args:
    first: scores of one run, such as `QueryScores.values['mAP']`.
    second: scores of the other, of the same queries in the same order.
    confidence: of the interval.
    num_resamples: of the bootstrap.
    seed: of the bootstrap.

  Returns:
    Plain values: `difference`, the mean of second minus first; `low` and
    `high`, its bootstrap interval over queries; `wins`, `losses` and `ties`,
    the numbers of queries where second is more, less, or the same; and
    `sign_test`, the probability of so uneven a split of wins and losses if
    either were as likely (two-sided, exact).

  Raises:
    ValueError: the numbers of queries differ, or a score is not finite.

  Example:
    >>> result = compare(np.array([0.5, 0.5, 0.5]), np.array([0.6, 0.7, 0.5]))
    >>> result['wins'], result['ties'], round(result['difference'], 6)
    (2, 1, 0.1)
  """
  if first.shape != second.shape or first.ndim != 1 or not len(first):
    raise ValueError(
      'two runs are compared on the same queries, got scores of '
      f'{list(first.shape)} and {list(second.shape)}'
    )
  if not (np.isfinite(first) & np.isfinite(second)).all():
    row = int((~np.isfinite(first - second)).argmax())
    raise ValueError(f'the scores of query {row} are not finite')
  from scipy import stats

  difference = second - first
  wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
  low, high = bootstrap_interval(
    difference,
    confidence=confidence,
    num_resamples=num_resamples,
    seed=seed,
  )
  decided = wins + losses
  test = stats.binomtest(wins, decided).pvalue if decided else 1.0
  return {
    'difference': float(difference.mean()),
    'low': low,
    'high': high,
    'wins': wins,
    'losses': losses,
    'ties': len(difference) - decided,
    'sign_test': float(test),
  }
