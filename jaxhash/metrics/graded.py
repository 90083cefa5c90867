"""Metrics of graded relevance: NDCG and hierarchical precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64

from jaxhash._checks import check_int
from jaxhash.lookup import check_known
from jaxhash.metrics._checks import check_cut_offs
from jaxhash.metrics.distance_histograms import GradedHistograms
from jaxhash.metrics.protocol import check_choice

__all__ = [
  'average_hierarchical_precision',
  'hierarchical_precision',
  'ndcg_at_k',
]

NUMBERS_AT_A_TIME = 2**20


def ndcg_at_k(
  histograms: GradedHistograms,
  ks: Sequence[int],
  *,
  ties: str = 'expected',
) -> tuple[Float64[np.ndarray, 'query ks'], Bool[np.ndarray, 'query']]:
  r"""Normalised discounted cumulative gain, expected over all orders of ties.

  .. math::
    \mathrm{DCG}@k = \sum_{i \le k} \frac{g_i}{\log_2(1 + i)}

  over the gains g of the ranked items, divided by that of the best order of
  the database. An item of a tie has the mean gain of its group.

  Args:
    histograms: counts by gain, nearest group first.
    ks: numbers of items, each at least 1.
    ties: `expected`, `best` or `worst`.

  Returns:
    From 0 to 1 for each query and k, 0 where no item has a gain; and where
    one has.

  Raises:
    ValueError: a k is no int of at least 1, or `ties` is unknown.

  Example:
    >>> ranked = GradedHistograms(
    ...   np.array([[[0, 1, 0], [0, 0, 1]]]), np.array([0.0, 1.0, 3.0])
    ... )
    >>> ndcg_at_k(ranked, [2])[0].round(6).tolist()
    [[0.796708]]

  Source: Jarvelin and Kekalainen, "Cumulated Gain-Based Evaluation of IR
  Techniques", TOIS 2002 :cite:p:`jarvelin2002cumulated`; of ties: McSherry and
  Najork, ECIR 2008 :cite:p:`mcsherry2008ties`.
  """
  check_cut_offs(ks)
  items, gain, best_items, best_gain = _ranked(histograms, ties)
  most = max(ks, default=1)
  discounts = np.zeros(most + 1)
  np.cumsum(1 / np.log2(np.arange(2, most + 2)), out=discounts[1:])

  def gained(items: np.ndarray, gain: np.ndarray, k: int) -> np.ndarray:
    reached = np.minimum(items, k)
    weight = np.diff(discounts[reached], axis=1)
    return (gain / np.maximum(np.diff(items, axis=1), 1) * weight).sum(axis=1)

  values = np.zeros((len(items), len(ks)))
  answerable = best_gain.sum(axis=1) > 0
  for i, k in enumerate(ks):
    best = gained(best_items, best_gain, k)
    values[:, i] = gained(items, gain, k) / np.where(answerable, best, 1)
  return values, answerable


def hierarchical_precision(
  histograms: GradedHistograms, k: int, *, ties: str = 'expected'
) -> tuple[Float64[np.ndarray, 'query k'], Bool[np.ndarray, 'query']]:
  r"""Hierarchical precision of the first 1, 2, ... k items.

  .. math::
    \mathrm{HP}@i = \frac{\sum_{j \le i} s_j}
    {\max_{\mathrm{order}} \sum_{j \le i} s_j}

  over the similarities s of the ranked items to the query, where the best
  order is that of the same items: what is ignored, as the query itself, is in
  neither. Ties count by their expectation.

  Args:
    histograms: counts by similarity, nearest group first.
    k: number of items, at least 1. Beyond the database HP stays as it is.
    ties: `expected`, `best` or `worst`.

  Returns:
    From 0 to 1 for each query and rank, 0 where nothing is similar; and where
    something is.

  Raises:
    ValueError: k is no int of at least 1, or `ties` is unknown.

  Example:
    >>> similarity = [1.0, 0.5, 1.0, 0.0, 0.5]
    >>> gains, level = np.unique(similarity, return_inverse=True)
    >>> ranked = GradedHistograms(np.eye(3, dtype=int)[level][None], gains)
    >>> hierarchical_precision(ranked, 5)[0].round(6).tolist()
    [[1.0, 0.75, 1.0, 0.833333, 1.0]]

  Source: Deng et al., "Hierarchical Semantic Indexing for Large Scale Image
  Retrieval", CVPR 2011 :cite:p:`deng2011hierarchical`; Barz and Denzler,
  "Hierarchy-Based Image Embeddings for Semantic Image Retrieval", WACV 2019
  :cite:p:`barz2019hierarchy`.

  Departures: Barz and Denzler's code takes the query out of the best order
  after the fact, which differs where the query is not among its own class.
  """
  check_int('k', k, 1)
  items, gain, best_items, best_gain = _ranked(histograms, ties)
  ranks = np.arange(1, k + 1)
  values = np.empty((len(items), k))
  totals = [np.cumsum(x, axis=1) for x in (gain, best_gain)]
  for i in range(len(items)):  # a query has its own groups
    found, best = (
      np.interp(ranks, edges[i], np.concatenate([[0.0], total[i]]))
      for edges, total in zip((items, best_items), totals)
    )
    values[i] = found / np.where(best > 0, best, 1)
  return values, best_gain.sum(axis=1) > 0


def average_hierarchical_precision(
  histograms: GradedHistograms,
  k: int,
  *,
  rule: str = 'trapezoid',
  ties: str = 'expected',
) -> tuple[Float64[np.ndarray, 'query'], Bool[np.ndarray, 'query']]:
  r"""Average hierarchical precision, the area under HP@1 to HP@k.

  .. math::
    \mathrm{AHP}@k = \frac{1}{k} \left(\sum_{i \le k} \mathrm{HP}@i
    - \frac{\mathrm{HP}@1 + \mathrm{HP}@k}{2}\right)

  Args:
    histograms: counts by similarity, nearest group first.
    k: number of items, at least 1.
    rule: `trapezoid`, by which a perfect ranking has (k - 1) / k, as it is
      published; or `mean`, the mean of HP@1 to HP@k, by which it has 1.
    ties: `expected`, `best` or `worst`.

  Returns:
    For each query, 0 where nothing is similar; and where something is. The
    mean over queries is mAHP@k.

  Raises:
    ValueError: k is no int of at least 1, or a rule is unknown.

  Example:
    >>> similarity = [1.0, 0.5, 1.0, 0.0, 0.5]
    >>> gains, level = np.unique(similarity, return_inverse=True)
    >>> ranked = GradedHistograms(np.eye(3, dtype=int)[level][None], gains)
    >>> average_hierarchical_precision(ranked, 5)[0].round(6).tolist()
    [0.716667]

  Source: as of `hierarchical_precision`.
  """
  check_int('k', k, 1)
  check_known('rule', rule, ('trapezoid', 'mean'))
  counts = np.asarray(histograms.counts)
  rows = max(1, NUMBERS_AT_A_TIME // k)
  values, similar = [], []
  for i in range(0, len(counts), rows):
    part = GradedHistograms(counts[i : i + rows], histograms.gains)
    precision, answerable = hierarchical_precision(part, k, ties=ties)
    ends = (precision[:, 0] + precision[:, -1]) / 2
    area = precision.sum(axis=1) - (ends if rule == 'trapezoid' else 0)
    values.append(area / k)
    similar.append(answerable)
  return np.concatenate(values), np.concatenate(similar)


def _ranked(histograms: GradedHistograms, ties: str) -> tuple[np.ndarray, ...]:
  """Edges and gains of the groups, and of those of the best order.

  Edges are numbers of items, `[query, groups + 1]`.
  """
  counts = np.asarray(histograms.counts)
  gains = np.asarray(histograms.gains, np.float64)
  if counts.ndim != 3 or 0 in counts.shape or counts.dtype.kind not in 'iu':
    raise ValueError(
      'histograms.counts must be integers [query, groups, levels], neither '
      f'empty, got {counts.dtype} {list(counts.shape)}'
    )
  if gains.shape != counts.shape[2:] or (np.diff(gains) < 0).any():
    raise ValueError(
      f'histograms.gains must be {counts.shape[2]} ascending numbers, got '
      f'{gains}'
    )
  total = counts.sum(axis=1, dtype=np.int64)[:, ::-1]
  if ties == 'expected':
    items = counts.sum(axis=2, dtype=np.int64)
    gained = counts @ gains
  else:  # each level of a group is a group of its own
    check_choice('order', ties)
    step = -1 if ties == 'best' else 1
    ordered = counts[:, :, ::step].astype(np.int64)
    items = ordered.reshape(len(counts), -1)
    gained = (ordered * gains[::step]).reshape(items.shape)
  return (
    _edges(items),
    gained,
    _edges(total),
    total * gains[::-1],
  )


def _edges(counts: np.ndarray) -> np.ndarray:
  edges = np.zeros((len(counts), counts.shape[1] + 1), np.int64)
  np.cumsum(counts, axis=1, out=edges[:, 1:])
  return edges
