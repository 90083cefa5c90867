"""CIFAR through TensorFlow Datasets' data sources, without TensorFlow."""

from __future__ import annotations

import os
import pathlib
import re

import numpy as np
from tqdm import tqdm

from jaxhash.data.types import Dataset

__all__ = ['cifar10', 'cifar100']


def cifar10(*, data_dir: str | None = None) -> Dataset:
  """CIFAR-10 from a prepared tfds directory (array_record).

  Args:
    data_dir: where tfds keeps its sets; the environment's `TFDS_DATA_DIR`, or
      tfds's own default `~/tensorflow_datasets`, if None.

  Returns:
    uint8 images `[60000, 32, 32, 3]`, official train rows first.

  Raises:
    ValueError: the set is not there; says where it looked and what helps.

  Example:
    >>> cifar10(data_dir='/nowhere')
    Traceback (most recent call last):
    ValueError: no prepared cifar10 in /nowhere/cifar10. tfds prepares it by ...
  """
  return _load('cifar10', data_dir)


def cifar100(*, data_dir: str | None = None) -> Dataset:
  """CIFAR-100 with its 100 fine labels, from a prepared tfds directory.

  Args:
    data_dir: as for `cifar10`.

  Returns:
    uint8 images `[60000, 32, 32, 3]`, official train rows first.

  Raises:
    ValueError: the set is not there; says where it looked and what helps.

  Example:
    >>> cifar100(data_dir='/nowhere')
    Traceback (most recent call last):
    ValueError: no prepared cifar100 in /nowhere/cifar100. tfds prepares ...
  """
  return _load('cifar100', data_dir)


def _load(name: str, data_dir: str | None) -> Dataset:
  folder = pathlib.Path(
    data_dir or os.environ.get('TFDS_DATA_DIR') or '~/tensorflow_datasets'
  ).expanduser()
  # By number, since '10.0.0' is less than '3.0.2' as text.
  versions = sorted(
    (folder / name).glob('*/dataset_info.json'),
    key=lambda path: [int(n) for n in re.findall(r'\d+', path.parent.name)],
  )
  if not versions:
    raise ValueError(
      f'no prepared {name} in {folder / name}. tfds prepares it by '
      f"tfds.builder('{name}', file_format='array_record')"
      '.download_and_prepare(), which needs TensorFlow and the network; name '
      'its folder by data_dir or TFDS_DATA_DIR. Arrays work too: '
      '--arrays=FOLDER with train_images.npy, train_labels.npy, '
      'test_images.npy, test_labels.npy'
    )
  try:
    import tensorflow_datasets as tfds
  except ImportError as e:
    raise ImportError(
      f'{name} is read by tensorflow_datasets: pip install "jaxhash[data]"'
    ) from e
  builder = tfds.builder_from_directory(versions[-1].parent)
  try:
    sources = {p: builder.as_data_source(p) for p in ('train', 'test')}
  except (NotImplementedError, ValueError) as e:
    raise ValueError(
      f'{versions[-1].parent} has no train and test of random access; prepare '
      f"it with file_format='array_record': {e}"
    ) from e
  images, labels = [], []
  for part, source in sources.items():
    for i in tqdm(range(len(source)), desc=f'{name} {part}', leave=False):
      row = source[i]
      images.append(row['image'])
      labels.append(row['label'])
  return Dataset(
    name=name,
    inputs=np.stack(images),
    labels=np.asarray(labels, np.int32),
    num_classes=builder.info.features['label'].num_classes,
    class_names=tuple(builder.info.features['label'].names),
    num_official_train=len(sources['train']),
  )
