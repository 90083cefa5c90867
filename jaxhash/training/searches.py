"""What a run searches, and how far a method says that rows are apart."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxhash.core import HashMethod, Variables
from jaxhash.data.types import Split
from jaxhash.training.experiment import Experiment

__all__ = ['Distances', 'bound_distances', 'searched_rows', 'val_database']


class Distances(NamedTuple):
  """How a method ranks that does not rank by Hamming distance.

  Attributes:
    asymmetric: `(outputs of queries, codes) -> [queries, items]`.
    symmetric: `(codes of queries, codes) -> [queries, items]`, or None.
  """

  asymmetric: Callable[[Any, np.ndarray], Any]
  symmetric: Callable[[np.ndarray, np.ndarray], Any] | None = None


def bound_distances(method: HashMethod, variables: Variables) -> Distances:
  """The distances of a method that has one, for these variables."""
  assert method.distance is not None
  symmetric = method.symmetric_distance
  return Distances(
    functools.partial(method.distance, variables),
    None if symmetric is None else functools.partial(symmetric, variables),
  )


def searched_rows(experiment: Experiment) -> np.ndarray:
  """All rows that are searched or search, in any evaluation, sorted."""
  splits = [experiment.split]
  splits += [e.split for e in experiment.evaluations.values()]
  parts = [part for s in splits for part in (s.query, s.database, s.val)]
  return np.unique(np.concatenate(parts))


def val_database(split: Split) -> np.ndarray:
  """The rows that val searches: the database without val and query."""
  return np.setdiff1d(split.database, np.union1d(split.val, split.query))
