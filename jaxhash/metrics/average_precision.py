"""Average precision, expected over all orders of equally distant items."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from jaxhash.metrics._checks import check_counts
from jaxhash.metrics.distance_histograms import Histograms, order_ties
from jaxhash.metrics.protocol import EvaluationProtocol, check_at, check_choice

__all__ = ['expected_average_precision', 'mean_average_precision']

CHUNK = 2**18  # numbers in one intermediate array, to stay in the cache
TABLE = 2**18  # harmonic numbers that are looked up, not computed
EXACT = 32  # harmonic numbers below are sums, the others a series


def expected_average_precision(
  histograms: Histograms,
  *,
  at: int | None = None,
  denominator: str = 'retrieved',
  area: str = 'steps',
) -> tuple[np.ndarray, np.ndarray]:
  r"""The mean of each query's AP over all orders of tied items, in closed form.

  .. math::
    \frac{1}{D} \sum_{g} \frac{r}{n} \left(a m + (Z + 1 - a (N + 1))
    (H_{N + m} - H_N)\right), \qquad a = \frac{r - 1}{n - 1}

  over the groups g of equal distance with n items, r relevant ones, N items
  and Z relevant ones before and m places within the cut-off; H are harmonic
  numbers (n = 1: a = 0). The denominator D is the protocol's. Where it is
  `retrieved` and the cut-off divides a group, D = Z + x is random, and the
  expectation is over the x relevant items among the m places, which is
  hypergeometric; the group's term then has x and m for r and n.

  Args:
    histograms: counts `[query, groups]`, nearest group first.
    at: R of mAP@R, at least 1; None is the whole database. More than there
      are items is the same as None.
    denominator: `retrieved`, `relevant` or `min`, as in `EvaluationProtocol`.
    area: `steps` or `trapezoids`, as in `EvaluationProtocol`.

  Returns:
    The expected AP, 0 where the denominator is 0, and the probability that
    the denominator is not 0; both float64 `[query]`.

  Raises:
    ValueError: the histograms are not counts `[query, groups]`, or one of
      the others is unknown.

  Example:
    >>> counts = Histograms(np.array([[1, 3, 2]]), np.array([[1, 1, 1]]))
    >>> expected_average_precision(counts)[0].round(6).tolist()
    [0.757407]

  Source: McSherry and Najork, "Computing Information Retrieval Performance
  Measures Efficiently in the Presence of Tied Scores", ECIR 2008
  :cite:p:`mcsherry2008ties`; He et al., "Hashing as Tie-Aware Learning to
  Rank", CVPR 2018 :cite:p:`he2018tieaware`.

  Departures: their sum over the places of a group is summed up by harmonic
  numbers; a cut-off that divides a group is derived here, and trapezoids,
  which add half of a m + (Z - a N)(H_{N + m - 1} - H_{N - 1}).
  """
  check_at(at)
  check_choice('denominator', denominator)
  check_choice('area', area)
  every, relevant = check_counts(histograms)
  rows = max(1, CHUNK // every.shape[1])
  parts = [
    _expected(
      every[i : i + rows].astype(np.int64),
      relevant[i : i + rows].astype(np.int64),
      at,
      denominator,
      area,
    )
    for i in range(0, len(every), rows)
  ]
  value, not_empty = (np.concatenate(part) for part in zip(*parts))
  return value, not_empty


def mean_average_precision(
  histograms: Histograms, protocol: EvaluationProtocol
) -> float:
  """The mean over queries of the AP.

  Args:
    histograms: counts `[query, groups]`, nearest group first.
    protocol: cut-off, denominator, order of ties, and what an empty query
      counts.

  Returns:
    mAP from 0 to 1. With `empty='skip'` it is the sum of the expected APs
    over the expected number of queries that are not empty; 0 if all are.

  Raises:
    ValueError: the histograms are not counts `[query, groups]`, or the
      protocol wants the order of the database, which they do not know.

  Example:
    >>> counts = Histograms(np.array([[1, 1], [1, 1]]), np.eye(2, dtype=int))
    >>> mean_average_precision(counts, EvaluationProtocol())
    0.75
  """
  if protocol.ties == 'database_order':
    raise ValueError(
      'histograms do not know the order of the database; evaluate does'
    )
  value, not_empty = expected_average_precision(
    order_ties(histograms, protocol.ties),
    at=protocol.at,
    denominator=protocol.denominator,
    area=protocol.area,
  )
  weight = len(value) if protocol.empty == 'zero' else not_empty.sum()
  return float(value.sum() / weight) if weight else 0.0


def _expected(
  n: Any, r: Any, at: int | None, denominator: str, area: str
) -> Any:
  before, found = n.cumsum(1) - n, r.cumsum(1) - r
  places = n if at is None else np.clip(at - before, 0, n)
  counts = n, r, before, found, places
  whole = places == n
  # Only groups with relevant items inside the cut-off have a term.
  inside = (r > 0) & (whole if denominator == 'retrieved' else places > 0)
  cells = np.flatnonzero(inside)
  terms = _term(*(x.take(cells) for x in counts), area=area)
  rows = cells // n.shape[1]
  numerator = np.bincount(rows, terms, minlength=len(n))
  total = r.sum(1)
  if denominator == 'relevant':
    return _ratio(numerator, total)
  if denominator == 'min':
    return _ratio(numerator, total if at is None else total.clip(max=at))
  value, not_empty = _ratio(numerator, np.where(whole, r, 0).sum(1))
  # At most one group of a query is divided by the cut-off.
  rows, groups = np.nonzero((places > 0) & ~whole)
  if len(rows):
    cut = (x[rows, groups] for x in counts)
    value[rows], not_empty[rows] = _over_cut(numerator[rows], *cut, area=area)
  return value, not_empty


def _term(
  n: Any, r: Any, before: Any, found: Any, places: Any, *, area: str
) -> Any:
  """Expected sum of what the relevant items of a group add to the area."""
  a = np.where(n > 1, (r - 1) / np.maximum(n - 1, 1), 0.0)
  harmonic = _harmonic(before + places) - _harmonic(before)
  inner = a * places + (found + 1 - a * (before + 1)) * harmonic
  if area == 'trapezoids':
    last = np.maximum(before + places - 1, 0)
    harmonic = _harmonic(last) - _harmonic(np.maximum(before - 1, 0))
    ahead = a * places + (found - a * before) * harmonic
    # Before the first item of all the precision counts 1.
    first = (before == 0) & (places > 0)
    inner = (inner + np.where(first, 1 + a * (places - 1), ahead)) / 2
  return r / np.maximum(n, 1) * inner


def _ratio(numerator: Any, denominator: Any) -> Any:
  value = numerator / np.maximum(denominator, 1)
  return value, (denominator > 0).astype(float)


def _over_cut(
  numerator: Any,
  n: Any,
  r: Any,
  before: Any,
  found: Any,
  places: Any,
  *,
  area: str,
) -> Any:
  """Expected AP over how many relevant items of a divided group are found."""
  # By Hoeffding's bound the values of x left out weigh less than 1e-17.
  reach = np.ceil(np.sqrt(21 * places)).astype(np.int64)
  mean = places * r // n
  low = np.maximum(np.maximum(0, places - (n - r)), mean - reach)
  high = np.minimum(np.minimum(r, places), mean + 1 + reach)
  rows = max(1, CHUNK // int((high - low).max() + 1))
  columns = (numerator, n, r, before, found, places, low, high)
  parts = [
    _over_support(*(c[i : i + rows, None] for c in columns), area=area)
    for i in range(0, len(n), rows)
  ]
  return tuple(np.concatenate(part) for part in zip(*parts))


def _over_support(
  numerator: Any,
  n: Any,
  r: Any,
  before: Any,
  found: Any,
  places: Any,
  low: Any,
  high: Any,
  *,
  area: str,
) -> Any:
  x = low + np.arange(int((high - low).max()) + 1)[None]
  inside = x <= high
  x = np.minimum(x, high)
  # Logarithms of p(x) / p(x - 1): they need no table of factorials.
  up = (r - x + 1) * (places - x + 1)
  down = x * (n - r - places + x)
  step = inside & (x > low)
  log_p = np.log(np.where(step, up, 1)) - np.log(np.where(step, down, 1))
  log_p = np.where(inside, log_p.cumsum(1), -np.inf)
  p = np.exp(log_p - log_p.max(1, keepdims=True))
  p /= p.sum(1, keepdims=True)
  group = _term(places, x, before, found, places, area=area)
  retrieved = found + x
  value = (numerator + group) / np.maximum(retrieved, 1)
  return (p * value).sum(1), (p * (retrieved > 0)).sum(1)


def _harmonic(x: Any) -> Any:
  """H_x: sums for small x, else the asymptotic series, to rounding."""
  if x.max(initial=0) < TABLE:
    return _harmonic_table().take(x)
  return _harmonic_series(x)


@functools.cache
def _harmonic_table() -> np.ndarray:
  return _harmonic_series(np.arange(TABLE))


def _harmonic_series(x: Any) -> Any:
  small = np.concatenate([[0.0], (1 / np.arange(1, EXACT)).cumsum()])
  y = np.maximum(x, EXACT - 1).astype(float)
  inverse = 1 / (y * y)
  series = inverse * (1 / 12 - inverse * (1 / 120 - inverse / 252))
  large = np.log(y) + np.euler_gamma + 0.5 / y - series
  return np.where(x < EXACT, small[np.minimum(x, EXACT - 1)], large)
