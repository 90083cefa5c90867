"""The user's own images or features as .npy files."""

from __future__ import annotations

import pathlib

import numpy as np

from jaxhash.data.types import Dataset

__all__ = ['arrays']

KINDS = ('inputs', 'images', 'features')
PARTS = ('train', 'val', 'test')


def arrays(*, folder: str, memory_map: bool = True) -> Dataset:
  """Images or feature vectors from a folder of .npy files.

  Either `inputs.npy` and `labels.npy`, or one pair for each of `train`, `val`
  and `test` that there is, as `train_inputs.npy` and `train_labels.npy`;
  `images` and `features` may stand for `inputs`. Optional: `ids.npy` (names of
  the rows) and `class_names.txt` (one a line).

  Args:
    folder: where the files are.
    memory_map: read rows from the disk as they are needed.

  Returns:
    uint8 images `[n, height, width, channels]` or float features `[n, d]`,
    with labels int `[n]` or multi-hot `[n, classes]`. Train rows come first
    and are the official train part.

  Raises:
    ValueError: a file is missing; lists those that are there.
  """
  path = pathlib.Path(folder).expanduser()
  pairs = _pairs(path)
  inputs = [
    np.load(x, mmap_mode='r' if memory_map else None) for x, _ in pairs.values()
  ]
  labels = [np.load(y) for _, y in pairs.values()]
  for name, x, y in zip(pairs, inputs, labels):
    if x.shape[1:] != inputs[0].shape[1:] or x.dtype != inputs[0].dtype:
      raise ValueError(
        f'{path}: rows of {name} are {x.dtype}{x.shape[1:]}, those before '
        f'{inputs[0].dtype}{inputs[0].shape[1:]}'
      )
    if len(x) != len(y):
      raise ValueError(f'{path}: {name} has {len(x)} rows, {len(y)} labels')
  joined = np.concatenate(labels)
  if joined.ndim not in (1, 2):
    raise ValueError(
      f'{path}: labels must be [n] or multi-hot [n, classes], got '
      f'{joined.shape}'
    )
  names = path / 'class_names.txt'
  if names.exists():
    class_names = tuple(names.read_text().split('\n'))
    class_names = tuple(n.strip() for n in class_names if n.strip())
    num_classes = len(class_names)
  else:
    num_classes = int(joined.max()) + 1 if joined.ndim == 1 else joined.shape[1]
    class_names = tuple(str(i) for i in range(num_classes))
  ids = path / 'ids.npy'
  return Dataset(
    name=path.name,
    inputs=inputs[0] if len(inputs) == 1 else _Joined(inputs),
    labels=joined.astype(np.int32 if joined.ndim == 1 else np.uint8),
    num_classes=num_classes,
    class_names=class_names,
    num_official_train=len(inputs[0]) if 'train' in pairs else None,
    ids=np.load(ids) if ids.exists() else None,
  )


class _Joined:
  """Several arrays one after another, without copying them."""

  def __init__(self, parts: list[np.ndarray]):
    self._parts = parts
    self._starts = np.cumsum([0] + [len(p) for p in parts])
    self.shape = (int(self._starts[-1]), *parts[0].shape[1:])
    self.dtype = parts[0].dtype

  def __len__(self) -> int:
    return self.shape[0]

  def __getitem__(self, rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows)
    out = np.empty((*rows.shape, *self.shape[1:]), self.dtype)
    for part, start in zip(self._parts, self._starts):
      inside = (rows >= start) & (rows < start + len(part))
      out[inside] = part[rows[inside] - start]
    return out


def _pairs(
  path: pathlib.Path,
) -> dict[str, tuple[pathlib.Path, pathlib.Path]]:
  pairs = {}
  for part in ('', *PARTS):
    prefix = f'{part}_' if part else ''
    labels = path / f'{prefix}labels.npy'
    for kind in KINDS:
      inputs = path / f'{prefix}{kind}.npy'
      if inputs.exists() and labels.exists():
        pairs[part or 'all'] = (inputs, labels)
  if not pairs:
    there = ', '.join(sorted(p.name for p in path.glob('*'))[:20])
    raise ValueError(
      f'{path} has no inputs.npy with labels.npy, nor train_inputs.npy with '
      'train_labels.npy (images or features may stand for inputs); '
      + (f'it has {there or "no files"}' if path.is_dir() else 'no such folder')
    )
  return pairs
