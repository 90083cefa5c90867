"""Splits: checks, digests and files."""

from __future__ import annotations

import hashlib
import os
import zipfile
from typing import Any

import numpy as np

from jaxhash.data.types import Dataset, Split

__all__ = [
  'check_split',
  'data_digest',
  'load_split',
  'save_split',
  'split_digest',
]

PARTS = ('train', 'val', 'query', 'database')


def check_split(
  split: Split,
  num_rows: int,
  *,
  leave_one_out: bool = False,
  train_in_database: bool = True,
) -> Split:
  """Returns the split if no part holds what its protocol forbids.

  Args:
    split: to check; its parts are sorted.
    num_rows: of the data set.
    leave_one_out: query and database are the same rows, each query left out
      of its own ranking.
    train_in_database: whether train rows may be searched.

  Returns:
    The split.

  Raises:
    ValueError: an empty part, a row out of range or twice, a query in train
      or (but for leave one out) in the database, a val row in train or query,
      a train row in a database that must not have any, or a labelled row
      outside train.

  Example:
    >>> a, b, c = (np.array(rows, np.int32) for rows in ([0], [1], [0, 1]))
    >>> check_split(Split('p', train=a, val=a[:0], query=b, database=c), 2)
    Traceback (most recent call last):
    ValueError: p: 1 rows are both query and database, the first is 1
  """
  for name in PARTS:
    rows = getattr(split, name)
    if not len(rows) and name != 'val':
      raise ValueError(f'{split.protocol}: {name} is empty')
    if len(rows) and (rows[0] < 0 or rows[-1] >= num_rows):
      raise ValueError(
        f'{split.protocol}: {name} has rows outside the {num_rows} there are'
      )
    if (np.diff(rows) <= 0).any():
      raise ValueError(
        f'{split.protocol}: {name} is not sorted, or has a row twice'
      )
  apart = [('query', 'train'), ('val', 'train'), ('val', 'query')]
  if not leave_one_out:
    apart.append(('query', 'database'))
  if not train_in_database:
    apart.append(('train', 'database'))
  for a, b in apart:
    both = np.intersect1d(getattr(split, a), getattr(split, b))
    if len(both):
      raise ValueError(
        f'{split.protocol}: {len(both)} rows are both {a} and {b}, the first '
        f'is {both[0]}'
      )
  if split.labelled is not None:
    outside = np.setdiff1d(split.labelled, split.train)
    if len(outside) or not len(split.labelled):
      raise ValueError(
        f'{split.protocol}: the {len(split.labelled)} labelled rows must be a '
        f'part of train; {len(outside)} are not'
      )
  return split


def split_digest(split: Split, labels: np.ndarray) -> str:
  """Twelve hexadecimal digits that tell two splits apart.

  Args:
    split: the rows of every part.
    labels: of the data set, `[n]` or `[n, classes]`. The same rows of a data
      set in another order are other pictures; their labels tell.

  Returns:
    The start of a SHA-256.

  Example:
    >>> rows = np.arange(3, dtype=np.int32)
    >>> a = Split('p', rows, rows, rows, rows)
    >>> split_digest(a, rows) == split_digest(a._replace(query=rows[:2]), rows)
    False
    >>> split_digest(a, rows) == split_digest(a, rows[::-1])
    False
  """
  digest = hashlib.sha256()
  for name in (*PARTS, 'labelled'):
    rows = getattr(split, name)
    count = -1 if rows is None else len(rows)
    digest.update(f'{name} {count} '.encode())
    if rows is not None:
      digest.update(np.asarray(rows, '<i4').tobytes())
  digest.update(f'labels {labels.shape} '.encode())
  digest.update(np.asarray(labels, '<i4').tobytes())
  return digest.hexdigest()[:12]


def data_digest(split: Split, dataset: Dataset) -> str:
  """Digits that tell the data of two runs apart: rows, labels and inputs.

  Args:
    split: the rows of every part.
    dataset: the rows themselves.

  Returns:
    `split_digest`, a hyphen, and the same of the shape, the dtype and 256
    evenly spread rows of the inputs, and of the views where there are any: a
    change of others goes unnoticed.

  Example:
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> rows = np.arange(3, dtype=np.int32)
    >>> a, b = clusters(seed=0), clusters(seed=1)
    >>> split = Split('p', rows, rows, rows, rows)
    >>> data_digest(split, a) == data_digest(split, b)
    False
  """
  digest = hashlib.sha256()
  _update(digest, dataset.inputs)
  if dataset.views is not None:
    digest.update(np.asarray(dataset.views.rows, '<i4').tobytes())
    for view in dataset.views.inputs:
      _update(digest, view)
  labels = split_digest(split, dataset.labels)
  return f'{labels}-{digest.hexdigest()[:12]}'


def _update(digest: hashlib._Hash, inputs: Any) -> None:
  """Adds shape, dtype and some rows of an array to a digest."""
  count = inputs.shape[0]
  rows = np.unique(np.linspace(0, count - 1, min(count, 256)).astype(int))
  sample = np.ascontiguousarray(inputs[rows])
  digest.update(f'{inputs.shape} {sample.dtype.str} '.encode())
  digest.update(sample.tobytes())


def save_split(
  split: Split,
  path: str | os.PathLike[str],
  dataset: Dataset,
) -> None:
  """Saves the rows of every part as an .npz file, under exactly that name.

  Args:
    split: the rows.
    path: of the file.
    dataset: the rows; the file has the `data_digest`, and where the data set
      has the user's own names of its rows, those of each part too, as
      `train_ids` and so on.

  Example:
    >>> import tempfile
    >>> from jaxhash.data.sources.synthetic import clusters
    >>> rows, dataset = np.arange(3, dtype=np.int32), clusters()
    >>> split = Split('p', rows[:2], rows[:0], rows[2:], rows[:2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   save_split(split, f'{folder}/split.npz', dataset)
    ...   loaded, digest = load_split(f'{folder}/split.npz')
    >>> loaded.query.tolist(), digest == data_digest(split, dataset)
    ([2], True)
  """
  arrays = {k: v for k, v in split._asdict().items() if v is not None}
  if dataset.ids is not None:
    arrays |= {
      f'{part}_ids': dataset.ids[getattr(split, part)] for part in PARTS
    }
  arrays['digest'] = data_digest(split, dataset)
  with open(path, 'wb') as f:
    np.savez_compressed(f, **arrays)


def load_split(path: str | os.PathLike[str]) -> tuple[Split, str]:
  """Loads what `save_split` saved; see the example there.

  Args:
    path: of the file.

  Returns:
    The split, and the `data_digest` that it was saved with.

  Raises:
    ValueError: the file is missing or holds anything else.
  """
  try:
    with open(path, 'rb') as f, np.load(f) as arrays:
      values = {name: arrays[name] for name in arrays.files}
  except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as e:
    raise ValueError(f'{path} cannot be read as a saved split: {e}') from e
  wanted = {'protocol', 'digest', *PARTS}
  extra = {'labelled', *(f'{part}_ids' for part in PARTS)}
  if not wanted <= set(values) <= wanted | extra:
    raise ValueError(
      f'{path} is no saved split: it has {", ".join(sorted(values))}, wanted '
      f'{", ".join(sorted(wanted))} and perhaps {", ".join(sorted(extra))}'
    )
  rows = {k: values[k] for k in (*PARTS, 'labelled') if k in values}
  return Split(str(values['protocol']), **rows), str(values['digest'])
