"""What protocols are made of: rows drawn, counted and put together."""

from __future__ import annotations

import numpy as np

from jaxhash.data.splits import check_split
from jaxhash.data.types import Dataset, Split

__all__ = [
  'check_counts',
  'draw_per_class',
  'make_split',
  'official_parts',
  'sorted_rows',
  'with_labelled',
]


def official_parts(
  dataset: Dataset, name: str
) -> tuple[np.ndarray, np.ndarray]:
  """The rows of the official train and test parts."""
  if dataset.num_official_train is None:
    raise ValueError(f'{name}: {dataset.name} has no official split')
  rows = np.arange(len(dataset.labels))
  return rows[: dataset.num_official_train], rows[dataset.num_official_train :]


def draw_per_class(
  dataset: Dataset,
  rows: np.ndarray,
  counts: list[int],
  rng: np.random.Generator,
  name: str,
) -> list[np.ndarray]:
  """Disjoint parts of `rows` with so many rows of each class."""
  if dataset.labels.ndim != 1 and not any(counts):
    return [np.zeros(0, np.int32) for _ in counts]
  if dataset.labels.ndim != 1:
    raise ValueError(
      f'{name} draws the same number of each class; {dataset.name} is '
      'multi-label: use random_rows'
    )
  if min(counts) < 0:
    raise ValueError(f'{name}: a number of rows is negative')
  parts: list[list[np.ndarray]] = [[] for _ in counts]
  for label in range(dataset.num_classes):
    members = rng.permutation(rows[dataset.labels[rows] == label])
    if sum(counts) > len(members):
      raise ValueError(
        f'{name}: class {dataset.class_names[label]!r} has {len(members)} '
        f'rows, {sum(counts)} are wanted'
      )
    cuts = np.split(members, np.cumsum(counts))
    for part, cut in zip(parts, cuts):
      part.append(cut)
  return [np.concatenate(part) for part in parts]


def make_split(
  dataset: Dataset,
  name: str,
  train: np.ndarray,
  val: np.ndarray,
  query: np.ndarray,
  database: np.ndarray,
  num_labelled: int | None,
  rng: np.random.Generator,
  *,
  train_in_database: bool = True,
) -> Split:
  """A checked split, with `num_labelled` rows of each class drawn of train."""
  labelled = None
  if num_labelled is not None:
    (labelled,) = draw_per_class(dataset, train, [num_labelled], rng, name)
    labelled = sorted_rows(labelled)
  split = Split(name, *map(sorted_rows, (train, val, query, database)))
  return check_split(
    split._replace(labelled=labelled),
    len(dataset.labels),
    train_in_database=train_in_database,
  )


def check_counts(name: str, *counts: int, limit: int) -> None:
  """Numbers of rows are not negative, and there are as many."""
  if min(counts) < 0:
    raise ValueError(f'{name}: a number of rows is negative')
  if sum(counts) > limit:
    raise ValueError(
      f'{name}: {sum(counts)} rows are wanted, there are {limit} to draw from'
    )


def sorted_rows(rows: np.ndarray | list[int]) -> np.ndarray:
  """Rows in the form that a `Split` wants."""
  return np.sort(np.asarray(rows, np.int32))


def with_labelled(start: str, num_labelled: int | None, end: str) -> str:
  """The name of a protocol, with `num_labelled` where it is given."""
  middle = '' if num_labelled is None else f', num_labelled={num_labelled}'
  return start + middle + end
