"""Protocols for data sets that have views of some rows."""

from __future__ import annotations

import numpy as np

from jaxhash.data.protocols._draw import (
  check_counts,
  official_parts,
  sorted_rows,
)
from jaxhash.data.splits import check_split
from jaxhash.data.types import Dataset, Split

__all__ = ['train_with_views']


def train_with_views(
  dataset: Dataset, *, seed: int = 0, num_query: int, num_val: int = 0
) -> Split:
  """Official test rows search the official train part; rows with views train.

  So that methods of two views and of one train on the same rows.

  Args:
    dataset: with an official split, and views of some of its train part.
    seed: of the draw of query and val, whatever their labels.
    num_query: test rows that search.
    num_val: rows of the official train part to choose by, which do not train;
      they are searched.

  Returns:
    The split.

  Raises:
    ValueError: there is no official split, there are no views or some of test
      rows, or too few rows.

  Example:
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> from jaxhash.data.types import Views
    >>> data = clusters(num_classes=3, num_per_class=20)
    >>> views = Views(np.stack([data.inputs[:10]] * 2), np.arange(10))
    >>> data = data._replace(num_official_train=40, views=views)
    >>> split = train_with_views(data, num_query=5)
    >>> len(split.train), len(split.query), len(split.database)
    (10, 5, 40)
  """
  name = (
    f'train_with_views(num_query={num_query}, num_val={num_val}, seed={seed})'
  )
  if dataset.views is None:
    raise ValueError(
      f'{name}: {dataset.name} has no views: a folder of arrays has them in '
      'views.npy, and of which rows in view_rows.npy'
    )
  database, test = official_parts(dataset, name)
  outside = np.setdiff1d(dataset.views.rows, database)
  if len(outside):
    raise ValueError(
      f'{name}: {len(outside)} rows with views are not in the official train '
      f'part, the first is {outside[0]}'
    )
  others = np.setdiff1d(database, dataset.views.rows)
  check_counts(name, num_query, limit=len(test))
  check_counts(name, num_val, limit=len(others))
  # Streams of their own, so that val does not decide which rows search.
  query, val = (
    np.random.default_rng((seed, number)).permutation(rows)[:count]
    for number, (rows, count) in enumerate(
      [(test, num_query), (others, num_val)]
    )
  )
  parts = (dataset.views.rows, val, query, database)
  return check_split(Split(name, *map(sorted_rows, parts)), len(dataset.labels))
