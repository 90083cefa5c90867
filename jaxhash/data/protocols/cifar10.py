"""The protocols that papers call "CIFAR-10"."""

from __future__ import annotations

from typing import Any

from jaxhash.data.protocols import general
from jaxhash.data.types import Dataset, Split

__all__ = [
  'cifar10_54000',
  'cifar10_i',
  'cifar10_i_database',
  'cifar10_ii',
  'cifar10_ii_pooled',
]

NUM_ROWS = 60000


def cifar10_54000(
  dataset: Dataset, *, seed: int = 0, num_labelled: int | None = None
) -> Split:
  """1,000 queries, 5,000 train rows, a database of the 54,000 others.

  Drawn from the pooled 60,000; train is not searched. The "cifar10" of
  DeepHash-pytorch and HashNet's lists. Val: 100 a class of the database.

  Args:
    dataset: CIFAR-10 or features of it, 60,000 rows.
    seed: of the draw.
    num_labelled: train rows of each class whose labels may be seen; None: all.

  Returns:
    The split.

  Raises:
    ValueError: the set has not CIFAR-10's 60,000 rows of 10 classes.

  Example:
    >>> import numpy as np
    >>> labels = np.arange(60000, dtype=np.int32) % 10
    >>> names = tuple('0123456789')
    >>> data = Dataset('cifar10', labels[:, None], labels, 10, names, 50000)
    >>> split = cifar10_54000(data)
    >>> len(split.train), len(split.query), len(split.database)
    (5000, 1000, 54000)
  """
  return _per_class(
    'cifar10_54000',
    dataset,
    seed=seed,
    num_query=100,
    num_train=500,
    num_val=100,
    train_in_database=False,
    num_labelled=num_labelled,
  )


def cifar10_i(
  dataset: Dataset, *, seed: int = 0, num_labelled: int | None = None
) -> Split:
  """Protocol I: 1,000 queries, 5,000 train rows in a database of 59,000.

  Drawn from the pooled 60,000, so that it depends on the seed. The
  "cifar10-1" of DeepHash-pytorch, ep1 of OrthoHash. Val: 100 a class of the
  database outside train.

  Args:
    dataset: CIFAR-10 or features of it, 60,000 rows.
    seed: of the draw.
    num_labelled: train rows of each class whose labels may be seen; None: all.

  Returns:
    The split.

  Raises:
    ValueError: the set has not CIFAR-10's 60,000 rows of 10 classes.

  Example:
    >>> import numpy as np
    >>> labels = np.arange(60000, dtype=np.int32) % 10
    >>> names = tuple('0123456789')
    >>> data = Dataset('cifar10', labels[:, None], labels, 10, names, 50000)
    >>> split = cifar10_i(data)
    >>> len(split.train), len(split.query), len(split.database)
    (5000, 1000, 59000)
  """
  return _per_class(
    'cifar10_i',
    dataset,
    seed=seed,
    num_query=100,
    num_train=500,
    num_val=100,
    num_labelled=num_labelled,
  )


def cifar10_i_database(dataset: Dataset, *, seed: int = 0) -> Split:
  """Protocol I where the whole database trains, its labels known.

  What papers of methods that learn database codes directly do (ADSH, SCHN):
  the queries and the database of `cifar10_i` of the same seed, but 59,000
  labels where that has 5,000. There is no val.

  Args:
    dataset: CIFAR-10 or features of it, 60,000 rows.
    seed: of the draw.

  Returns:
    The split.

  Raises:
    ValueError: the set has not CIFAR-10's 60,000 rows of 10 classes.

  Example:
    >>> import numpy as np
    >>> labels = np.arange(60000, dtype=np.int32) % 10
    >>> names = tuple('0123456789')
    >>> data = Dataset('cifar10', labels[:, None], labels, 10, names, 50000)
    >>> split = cifar10_i_database(data)
    >>> (split.query == cifar10_i(data).query).all(), len(split.train)
    (np.True_, 59000)
  """
  return _per_class(
    'cifar10_i_database', dataset, seed=seed, num_query=100, num_train=5900
  )


def cifar10_ii(
  dataset: Dataset, *, seed: int = 0, final_fit: bool = True
) -> Split:
  """Protocol II: the official 10,000 query the official 50,000, which train.

  The "supB" of AdaLabelHash.

  Args:
    dataset: CIFAR-10 or features of it, 60,000 rows.
    seed: of the draw of val.
    final_fit: train on all 50,000, without val. False, to choose a setting
      by: 5,000 of them are val and do not train.

  Returns:
    The split.

  Raises:
    ValueError: the set has not CIFAR-10's 60,000 rows of 10 classes.

  Example:
    >>> import numpy as np
    >>> labels = np.arange(60000, dtype=np.int32) % 10
    >>> names = tuple('0123456789')
    >>> data = Dataset('cifar10', labels[:, None], labels, 10, names, 50000)
    >>> split = cifar10_ii(data)
    >>> len(split.train), len(split.query), len(split.database)
    (50000, 10000, 50000)
  """
  _check(dataset, 'cifar10_ii')
  split = general.official(dataset, seed=seed, num_val=0 if final_fit else 500)
  return split._replace(protocol=f'cifar10_ii = {split.protocol}')


def cifar10_ii_pooled(
  dataset: Dataset, *, seed: int = 0, final_fit: bool = True
) -> Split:
  """Protocol II on a random split: 1,000 a class query, the rest trains.

  ep2 of OrthoHash, drawn from the pooled 60,000; not the official split.

  Args:
    dataset: CIFAR-10 or features of it, 60,000 rows.
    seed: of the draw.
    final_fit: as for `cifar10_ii`.

  Returns:
    The split.

  Raises:
    ValueError: the set has not CIFAR-10's 60,000 rows of 10 classes.

  Example:
    >>> import numpy as np
    >>> labels = np.arange(60000, dtype=np.int32) % 10
    >>> names = tuple('0123456789')
    >>> data = Dataset('cifar10', labels[:, None], labels, 10, names, 50000)
    >>> split = cifar10_ii_pooled(data)
    >>> len(split.train), len(split.query), len(split.database)
    (50000, 10000, 50000)
  """
  num_val = 0 if final_fit else 500
  return _per_class(
    'cifar10_ii_pooled',
    dataset,
    seed=seed,
    num_query=1000,
    num_train=5000 - num_val,
    num_val=num_val,
  )


def _per_class(name: str, dataset: Dataset, **arguments: Any) -> Split:
  _check(dataset, name)
  split = general.per_class(dataset, **arguments)
  return split._replace(protocol=f'{name} = {split.protocol}')


def _check(dataset: Dataset, name: str) -> None:
  if len(dataset.labels) != NUM_ROWS or dataset.num_classes != 10:
    raise ValueError(
      f'{name} is for the 60,000 rows and 10 classes of CIFAR-10; '
      f'{dataset.name} has {len(dataset.labels)} rows and '
      f'{dataset.num_classes} classes'
    )
