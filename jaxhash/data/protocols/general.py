"""Protocols for any data set."""

from __future__ import annotations

import numpy as np

from jaxhash.data.protocols._draw import (
  check_counts,
  draw_per_class,
  make_split,
  official_parts,
  sorted_rows,
  with_labelled,
)
from jaxhash.data.splits import check_split
from jaxhash.data.types import Dataset, Split

__all__ = [
  'held_out_queries',
  'leave_one_out',
  'official',
  'per_class',
  'random_rows',
]


def per_class(
  dataset: Dataset,
  *,
  seed: int = 0,
  num_query: int,
  num_train: int,
  num_val: int = 0,
  train_in_database: bool = True,
  num_labelled: int | None = None,
) -> Split:
  """The same number of rows of each class, drawn at random from all rows.

  The database is all rows but the queries (and but train where that is
  asked). Val rows stay in the database; they are left out of it while they
  are the queries.

  Args:
    dataset: single-label.
    seed: of the draw.
    num_query: queries of each class.
    num_train: train rows of each class.
    num_val: rows of each class to choose by, outside train.
    train_in_database: whether train rows are searched too.
    num_labelled: train rows of each class whose labels may be seen; None: all.

  Returns:
    The split.

  Raises:
    ValueError: a class has too few rows, or the set is multi-label.

  Example:
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> split = per_class(clusters(num_classes=3), num_query=2, num_train=5)
    >>> len(split.query), len(split.train)
    (6, 15)
  """
  name = with_labelled(
    f'per_class(num_query={num_query}, num_train={num_train}, '
    f'num_val={num_val}, train_in_database={train_in_database}',
    num_labelled,
    f', seed={seed})',
  )
  rng = np.random.default_rng(seed)
  rows = np.arange(len(dataset.labels))
  query, train, val = draw_per_class(
    dataset, rows, [num_query, num_train, num_val], rng, name
  )
  return make_split(
    dataset,
    name,
    train,
    val,
    query,
    np.setdiff1d(
      rows, query if train_in_database else np.union1d(query, train)
    ),
    num_labelled,
    rng,
    train_in_database=train_in_database,
  )


def official(
  dataset: Dataset,
  *,
  seed: int = 0,
  num_query: int | None = None,
  num_val: int = 0,
  num_labelled: int | None = None,
) -> Split:
  """The official test part searches the official train part, which trains.

  Args:
    dataset: with an official split; multi-label where nothing is drawn of
      each class.
    seed: of the draw of query, of val and of the labelled rows.
    num_query: test rows, over all classes, that search; None: all of them.
      They are the same for every `num_val`.
    num_val: rows of each class that are taken out of train to choose by; they
      stay in the database. 0 for the final fit on all of train.
    num_labelled: train rows of each class whose labels may be seen; None: all.

  Returns:
    The split.

  Raises:
    ValueError: there is no official split, or a class has too few rows.

  Example:
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> data = clusters(num_classes=3, num_per_class=20)
    >>> data = data._replace(num_official_train=40)
    >>> split = official(data)
    >>> len(split.train), len(split.query), len(split.database)
    (40, 20, 40)
  """
  asked = '' if num_query is None else f'num_query={num_query}, '
  name = with_labelled(
    f'official({asked}num_val={num_val}', num_labelled, f', seed={seed})'
  )
  first, second = official_parts(dataset, name)
  rng = np.random.default_rng(seed)
  if num_query is not None:
    check_counts(name, num_query, limit=len(second))
    # A stream of its own, so that val does not decide which rows search.
    drawn = np.random.default_rng((seed, 1)).permutation(second)
    second = drawn[:num_query]
  (val,) = draw_per_class(dataset, first, [num_val], rng, name)
  train = np.setdiff1d(first, val)
  return make_split(dataset, name, train, val, second, first, num_labelled, rng)


def leave_one_out(dataset: Dataset, *, seed: int = 0) -> Split:
  """The official test part searches itself, each query left out of its ranking.

  The protocol of Barz and Denzler (2019) :cite:p:`barz2019hierarchy` for
  hierarchical metrics. Train is the official train part.

  Args:
    dataset: with an official split.
    seed: nothing is drawn.

  Returns:
    The split.

  Raises:
    ValueError: there is no official split.

  Example:
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> data = clusters(num_classes=3, num_per_class=20)
    >>> data = data._replace(num_official_train=40)
    >>> split = leave_one_out(data)
    >>> split.query.tolist() == split.database.tolist() == list(range(40, 60))
    True
  """
  del seed
  name = 'leave_one_out()'
  train, query = official_parts(dataset, name)
  split = Split(
    name,
    train=sorted_rows(train),
    val=sorted_rows([]),
    query=sorted_rows(query),
    database=sorted_rows(query),
  )
  return check_split(split, len(dataset.labels), leave_one_out=True)


def held_out_queries(
  dataset: Dataset, *, seed: int = 0, num_query: int, num_val: int = 0
) -> Split:
  """Some official test rows search all others; the official train part trains.

  With `num_query=2000` on Tiny ImageNet, whose official test part here is its
  validation set: 2,000 of those rows search all of train and the other 8,000.

  Args:
    dataset: with an official split.
    seed: of the draw.
    num_query: test rows, over all classes, that search.
    num_val: test rows, over all classes, to choose by; they are searched too.

  Returns:
    The split.

  Raises:
    ValueError: there is no official split, or too few test rows.

  Example:
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> data = clusters(num_classes=3, num_per_class=20)
    >>> data = data._replace(num_official_train=40)
    >>> split = held_out_queries(data, num_query=5)
    >>> len(split.query), len(split.database)
    (5, 55)
  """
  name = (
    f'held_out_queries(num_query={num_query}, num_val={num_val}, seed={seed})'
  )
  train, test = official_parts(dataset, name)
  check_counts(name, num_query, num_val, limit=len(test))
  drawn = np.random.default_rng(seed).permutation(test)
  query, val = drawn[:num_query], drawn[num_query : num_query + num_val]
  database = np.setdiff1d(np.arange(len(dataset.labels)), query)
  split = Split(name, *map(sorted_rows, (train, val, query, database)))
  return check_split(split, len(dataset.labels))


def random_rows(
  dataset: Dataset,
  *,
  seed: int = 0,
  num_query: int,
  num_train: int,
  num_val: int = 0,
  train_in_database: bool = True,
) -> Split:
  """Rows drawn at random whatever their labels, for multi-label sets.

  Args:
    dataset: any.
    seed: of the draw.
    num_query: number of queries.
    num_train: number of train rows.
    num_val: number of rows to choose by, outside train.
    train_in_database: whether train rows are searched too.

  Returns:
    The split.

  Raises:
    ValueError: there are too few rows.

  Example:
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> data = clusters(num_classes=3, num_per_class=20)
    >>> split = random_rows(
    ...   data, num_query=5, num_train=30, train_in_database=False
    ... )
    >>> len(split.database)
    25
  """
  name = (
    f'random_rows(num_query={num_query}, num_train={num_train}, '
    f'num_val={num_val}, train_in_database={train_in_database}, seed={seed})'
  )
  count = len(dataset.labels)
  check_counts(name, num_query, num_train, num_val, limit=count)
  drawn = np.random.default_rng(seed).permutation(count)
  query, train, val, _ = np.split(
    drawn, np.cumsum([num_query, num_train, num_val])
  )
  searched = query if train_in_database else np.union1d(query, train)
  database = np.setdiff1d(drawn, searched)
  split = Split(name, *map(sorted_rows, (train, val, query, database)))
  return check_split(split, count, train_in_database=train_in_database)
