"""Distance histograms: the counts that every retrieval metric is made of.

A Hamming distance takes only K+1 values. How many items, and how many
relevant items, lie at each distance says all there is to know of a ranking
but the order inside a tie, and it adds up over parts of the database.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import jax
import numpy as np

from jaxhash.lookup import check_known

__all__ = [
  'GradedHistograms',
  'Histograms',
  'order_ties',
  'sum_over_hosts',
]

T = TypeVar('T', 'Histograms', 'GradedHistograms')


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Histograms:
  """How many items lie in each group of equal distance, nearest group first.

  Those of one query set and disjoint parts of a database add up.

  Attributes:
    all: int32 `[query, groups]`, for Hamming distances `[query, bits + 1]`.
    relevant: int32 `[query, groups]`, the relevant ones among them.

  Example:
    >>> part = Histograms(np.array([[1, 2]]), np.array([[1, 0]]))
    >>> (part + part).all.tolist()
    [[2, 4]]
  """

  all: Any
  relevant: Any

  def __add__(self, other: Histograms) -> Histograms:
    _check_same_shape(self.all, other.all)
    return Histograms(self.all + other.all, self.relevant + other.relevant)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class GradedHistograms:
  """How many items of each gain lie in each group of equal distance.

  Those of one query set and disjoint parts of a database add up.

  Attributes:
    counts: int32 `[query, groups, levels]`, nearest group first.
    gains: what an item of each level is worth, float64 `[levels]`, ascending.

  Example:
    >>> part = GradedHistograms(np.array([[[1, 0], [0, 2]]]), np.array([0, 1]))
    >>> (part + part).counts.tolist()
    [[[2, 0], [0, 4]]]
  """

  counts: Any
  gains: Any

  def __add__(self, other: GradedHistograms) -> GradedHistograms:
    _check_same_shape(self.counts, other.counts)
    if not np.array_equal(self.gains, other.gains):
      raise ValueError(
        f'histograms of the same gains add up, got {np.asarray(self.gains)} '
        f'and {np.asarray(other.gains)}'
      )
    return GradedHistograms(self.counts + other.counts, self.gains)


def order_ties(histograms: Histograms, ties: str) -> Histograms:
  """Cuts each group into two that are in the best or the worst order.

  Args:
    histograms: of any distances.
    ties: `best`: relevant items come first. `worst`: they come last.
      `expected`: groups are left as they are.

  Returns:
    Histograms of twice as many groups, on the host. What is expected of them
    is what the order gives.

  Raises:
    ValueError: `ties` is something else.

  Example:
    >>> counts = Histograms(np.array([[3]]), np.array([[1]]))
    >>> order_ties(counts, 'best').all.tolist()
    [[1, 2]]
    >>> order_ties(counts, 'worst').relevant.tolist()
    [[0, 1]]
  """
  if ties == 'expected':
    return histograms
  check_known('ties', ties, ('expected', 'best', 'worst'))
  step = -1 if ties == 'best' else 1
  relevant = np.asarray(histograms.relevant)
  irrelevant = np.asarray(histograms.all) - relevant
  parts = np.stack([irrelevant, relevant], axis=2)[:, :, ::step]
  found = np.stack([np.zeros_like(relevant), relevant], axis=2)[:, :, ::step]
  shape = len(relevant), -1
  return Histograms(parts.reshape(shape), found.reshape(shape))


def sum_over_hosts(histograms: T) -> T:
  """Adds up the histograms of the parts of the database that hosts hold.

  Every process has to call it, with the same queries in the same order.

  Args:
    histograms: of the part of this process.

  Returns:
    Those of the whole database, on every host.

  Example:
    >>> counts = Histograms(np.array([[3]]), np.array([[1]]))
    >>> sum_over_hosts(counts).all.tolist()
    [[3]]
  """
  if jax.process_count() == 1:
    return histograms
  from jax.experimental import multihost_utils

  if isinstance(histograms, GradedHistograms):
    counts = multihost_utils.process_allgather(histograms.counts)
    return GradedHistograms(np.asarray(counts).sum(0), histograms.gains)
  gathered = multihost_utils.process_allgather(histograms)
  return jax.tree.map(lambda x: np.asarray(x).sum(0), gathered)


def _check_same_shape(a: Any, b: Any) -> None:
  if np.shape(a) != np.shape(b):
    raise ValueError(
      'histograms of the same queries and groups add up, got '
      f'{np.shape(a)} and {np.shape(b)}'
    )
