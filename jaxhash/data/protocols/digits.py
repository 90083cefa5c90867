"""The protocol of the embedded digits."""

from __future__ import annotations

from jaxhash.data.protocols import general
from jaxhash.data.types import Dataset, Split

__all__ = ['digits']

NUM_ROWS = 1797


def digits(
  dataset: Dataset, *, seed: int = 0, num_labelled: int | None = None
) -> Split:
  """1,000 train, 100 val and 200 query rows; the database is all but query.

  Drawn at random, 100, 10 and 20 of each of the ten classes; the database has
  the other 1,597 rows.

  Args:
    dataset: the digits.
    seed: of the draw.
    num_labelled: train rows of each class whose labels may be seen; None: all.

  Returns:
    The split.

  Raises:
    ValueError: the set has not the 1,797 rows of 10 classes of the digits.

  Example:
    >>> from jaxhash.data.sources import digits as source
    >>> split = digits(source.digits())
    >>> len(split.train), len(split.val), len(split.query), len(split.database)
    (1000, 100, 200, 1597)
  """
  if len(dataset.labels) != NUM_ROWS or dataset.num_classes != 10:
    raise ValueError(
      'digits is for the 1,797 rows and 10 classes of the digits; '
      f'{dataset.name} has {len(dataset.labels)} rows and '
      f'{dataset.num_classes} classes: per_class is for any set'
    )
  split = general.per_class(
    dataset,
    seed=seed,
    num_query=20,
    num_train=100,
    num_val=10,
    num_labelled=num_labelled,
  )
  return split._replace(protocol=f'digits = {split.protocol}')
