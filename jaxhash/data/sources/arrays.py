"""The user's own images or features as .npy files."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from jaxhash.data.types import Dataset, Views
from jaxhash.data.validate import check_dataset

__all__ = ['arrays']

KINDS = ('inputs', 'images', 'features')
PARTS = ('train', 'val', 'test')
MOST_ROWS = 2**31 - 1  # rows are int32
MAX_CLASSES = 2**24  # more is a row's id or a hash taken for a label


def arrays(*, folder: str, memory_map: bool = True) -> Dataset:
  """Images or feature vectors from a folder of .npy files.

  Either `inputs.npy` and `labels.npy`, or a pair for each of `train` and
  `test`, as `train_inputs.npy` and `train_labels.npy`. `val` may stand for
  `test`, as in sets whose test labels are not public, and `images` or
  `features` for `inputs`. Optional: `ids.npy` (names of the rows),
  `class_names.txt` (one a line), and `views.npy`, augmentations that were
  computed before, `[views, rows, ...]`, with `view_rows.npy`, the rows that
  they are of, int `[rows]`, where these are not the first ones.

  Args:
    folder: where the files are.
    memory_map: read rows from the disk as they are needed.

  Returns:
    uint8 images `[n, height, width, channels]` or float features `[n, d]`,
    with labels int `[n]` or multi-hot `[n, classes]`. Train rows come first
    and are the official train part, all that follow the official test part.

  Raises:
    ValueError: a file is missing (lists those that are there), has no partner
      or cannot be read, row counts or shapes differ, or a label is wrong.

  Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   np.save(f'{folder}/inputs.npy', np.ones((6, 4), np.float32))
    ...   np.save(f'{folder}/labels.npy', np.array([0, 1, 2, 0, 1, 2]))
    ...   data = arrays(folder=folder, memory_map=False)
    >>> data.inputs.shape, data.num_classes
    ((6, 4), 3)
  """
  path = pathlib.Path(folder).expanduser()
  pairs = _pairs(path)
  inputs = [_load(x, memory_map) for x, _ in pairs.values()]
  labels = [_labels(y) for _, y in pairs.values()]
  for name, x, y in zip(pairs, inputs, labels):
    if x.shape[1:] != inputs[0].shape[1:] or x.dtype != inputs[0].dtype:
      raise ValueError(
        f'{path}: rows of {name} are {x.dtype}{x.shape[1:]}, those before '
        f'{inputs[0].dtype}{inputs[0].shape[1:]}'
      )
    if len(x) != len(y):
      raise ValueError(f'{path}: {name} has {len(x)} rows, {len(y)} labels')
    if y.shape[1:] != labels[0].shape[1:]:
      raise ValueError(
        f'{path}: labels of {name} are {y.shape}, those before '
        f'{labels[0].shape}: all must be [n], or multi-hot of the same classes'
      )
  joined = np.concatenate(labels)
  names = path / 'class_names.txt'
  if names.exists():
    lines = [n.strip() for n in names.read_text(encoding='utf-8').split('\n')]
    class_names = tuple(n for n in lines if n)
  else:
    num_classes = (
      joined.max(initial=-1) + 1 if joined.ndim == 1 else joined.shape[1]
    )
    class_names = tuple(str(i) for i in range(num_classes))
  ids = path / 'ids.npy'
  dataset = Dataset(
    name=path.name,
    inputs=inputs[0] if len(inputs) == 1 else _Joined(inputs),
    labels=joined,
    num_classes=len(class_names),
    class_names=class_names,
    num_official_train=len(inputs[0]) if 'train' in pairs else None,
    ids=_load(ids, memory_map=False) if ids.exists() else None,
    views=_views(path, memory_map),
  )
  check_dataset(dataset)
  return dataset


def _views(path: pathlib.Path, memory_map: bool) -> Views | None:
  """The stored views of a folder, by rising row."""
  file, rows_file = path / 'views.npy', path / 'view_rows.npy'
  if not file.exists():
    return None
  inputs = _load(file, memory_map)
  if inputs.ndim < 3:
    raise ValueError(
      f'{file} must be [views, rows, ...], got {list(inputs.shape)}'
    )
  if not rows_file.exists():
    return Views(inputs, np.arange(inputs.shape[1], dtype=np.int32))
  rows = _load(rows_file, memory_map=False)
  if rows.shape != inputs.shape[1:2] or rows.dtype.kind not in 'iu':
    raise ValueError(
      f'{rows_file} must be int [{inputs.shape[1]}], a row of the data set for '
      f'each that {file.name} has views of, got {rows.dtype} '
      f'{list(rows.shape)}'
    )
  order = np.argsort(rows, kind='stable')
  if (order != np.arange(len(order))).any():
    inputs = np.asarray(inputs)[:, order]
  if rows.size and (rows.min() < 0 or rows.max() > MOST_ROWS):
    raise ValueError(
      f'{rows_file} must have rows of the data set, got {rows.min()} to '
      f'{rows.max()}'
    )
  return Views(inputs, rows[order].astype(np.int32))


class _Joined:
  """Several arrays one after another, without copying them."""

  def __init__(self, parts: list[np.ndarray]):
    self._parts = parts
    self._starts = np.cumsum([0] + [len(p) for p in parts])
    self.shape = (int(self._starts[-1]), *parts[0].shape[1:])
    self.dtype = parts[0].dtype

  def __len__(self) -> int:
    return self.shape[0]

  def __getitem__(self, rows: Any) -> np.ndarray:
    """Rows by an int array; slices, masks and negative rows as in NumPy."""
    if isinstance(rows, slice):
      rows = np.arange(*rows.indices(len(self)))
    rows = np.asarray(rows)
    if rows.dtype == bool:
      if rows.shape != (len(self),):
        raise IndexError(f'a mask of {rows.shape} for {len(self)} rows')
      rows = np.flatnonzero(rows)
    if not rows.size:
      rows = rows.astype(np.int64)
    if rows.dtype.kind not in 'iu':
      raise IndexError(f'rows must be integers, got {rows.dtype}')
    rows = rows.astype(np.int64)
    wrong = rows[(rows < -len(self)) | (rows >= len(self))]
    if wrong.size:
      raise IndexError(f'row {wrong[0]} of {len(self)}')
    rows = np.where(rows < 0, rows + len(self), rows)
    out = np.empty((*rows.shape, *self.shape[1:]), self.dtype)
    for part, start in zip(self._parts, self._starts):
      inside = (rows >= start) & (rows < start + len(part))
      out[inside] = part[rows[inside] - start]
    return out


def _load(path: pathlib.Path, memory_map: bool) -> np.ndarray:
  try:
    array = np.load(path, mmap_mode='r' if memory_map else None)
  except (OSError, ValueError, EOFError) as e:
    raise ValueError(f'{path} cannot be read as an array: {e}') from e
  if not array.ndim:
    raise ValueError(f'{path} must have rows, it is a single value')
  return array


def _labels(path: pathlib.Path) -> np.ndarray:
  """int32 `[n]` or uint8 `[n, classes]`; a cast would hide a wrong value."""
  labels = _load(path, memory_map=False)
  if labels.ndim not in (1, 2) or labels.dtype.kind not in 'buif':
    raise ValueError(
      f'{path}: labels must be whole numbers [n], or multi-hot [n, classes], '
      f'got {labels.dtype} {labels.shape}'
    )
  if labels.ndim == 1:
    good = (labels >= 0) & (labels < MAX_CLASSES) & (labels % 1 == 0)
    wanted = f'whole numbers from 0 to less than {MAX_CLASSES}'
  else:
    good = ((labels == 0) | (labels == 1)).all(axis=1)
    wanted = 'multi-hot, 0 or 1'
  if not good.all():
    row = int(good.argmin())
    raise ValueError(
      f'{path}: labels must be {wanted}, but row {row} is {labels[row]}'
    )
  return labels.astype(np.int32 if labels.ndim == 1 else np.uint8)


def _pairs(
  path: pathlib.Path,
) -> dict[str, tuple[pathlib.Path, pathlib.Path]]:
  """The files of each part; a file without its partner would be lost."""
  if not path.is_dir():
    raise ValueError(f'{path}: no such folder')
  there = sorted(p.name for p in path.iterdir())
  listing = ', '.join(there[:20]) or 'no files'
  pairs = {}
  for part in ('', *PARTS):
    prefix = f'{part}_' if part else ''
    rows = [f'{prefix}{kind}.npy' for kind in KINDS]
    rows = [name for name in rows if name in there]
    labels = f'{prefix}labels.npy'
    if len(rows) > 1:
      raise ValueError(f'{path}: {" and ".join(rows)}; which is meant?')
    if rows and labels in there:
      pairs[part or 'all'] = (path / rows[0], path / labels)
    elif rows or labels in there:
      missing = labels if rows else f'{prefix}inputs.npy (or images, features)'
      raise ValueError(
        f'{path}: {rows[0] if rows else labels} needs {missing} beside it; it '
        f'has {listing}'
      )
  if not pairs:
    raise ValueError(
      f'{path} has no inputs.npy with labels.npy, nor train_inputs.npy with '
      'train_labels.npy (images or features may stand for inputs); it has '
      f'{listing}'
    )
  if 'val' in pairs and 'test' in pairs:
    raise ValueError(
      f'{path} has val_ and test_ files, but rows to choose settings by are '
      'drawn from train by the protocol: add those of val to train'
    )
  if 'all' in pairs and len(pairs) > 1:
    raise ValueError(
      f'{path} has {pairs["all"][0].name} and also the parts '
      f'{", ".join(p for p in pairs if p != "all")}; which are meant?'
    )
  return pairs
