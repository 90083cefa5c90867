"""Relevance as lists, with items that are passed over."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhash.lookup import check_known

__all__ = ['GroundTruth', 'revisited_ground_truth']


@dataclasses.dataclass(frozen=True)
class GroundTruth:
  """Which items are relevant to each query, as lists.

  Attributes:
    relevant: rows of the database for each query.
    ignored: rows that do not count for a query, as if they were not in the
      database ("junk"); None for none.

  Example:
    >>> truth = GroundTruth(relevant=[[0, 4], [2]], ignored=[[1], []])
    >>> len(truth)
    2
  """

  relevant: Sequence[Sequence[int] | np.ndarray]
  ignored: Sequence[Sequence[int] | np.ndarray] | None = None

  def __len__(self) -> int:
    return len(self.relevant)


def revisited_ground_truth(
  queries: Sequence[Mapping[str, Any]], difficulty: str
) -> GroundTruth:
  """The ground truth of ROxford and RParis, at one of three difficulties.

  Args:
    queries: what their `gnd_*.pkl` has under `gnd`: for each query a mapping
      with lists `easy`, `hard` and `junk` of rows of the database.
    difficulty: `easy` (easy ones are relevant, hard ones ignored), `medium`
      (both are relevant) or `hard` (hard ones are relevant, easy ones
      ignored); junk is always ignored.

  Returns:
    The lists.

  Raises:
    ValueError: an unknown difficulty.

  Example:
    >>> queries = [{'easy': [3], 'hard': [5], 'junk': [1]}]
    >>> revisited_ground_truth(queries, 'hard')
    GroundTruth(relevant=[[5]], ignored=[[1, 3]])

  Source: Radenovic et al., "Revisiting Oxford and Paris: Large-Scale Image
  Retrieval Benchmarking", CVPR 2018 :cite:p:`radenovic2018revisited`.

  Their AP is that of `published_protocol('revisitop')`.
  """
  parts = {
    'easy': (('easy',), ('junk', 'hard')),
    'medium': (('easy', 'hard'), ('junk',)),
    'hard': (('hard',), ('junk', 'easy')),
  }
  check_known('difficulty', difficulty, parts)
  relevant, ignored = (
    [[int(i) for name in names for i in query[name]] for query in queries]
    for names in parts[difficulty]
  )
  return GroundTruth(relevant, ignored)
