"""Digits: 1,797 real 8x8 scans that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from jaxhash.data.types import Dataset

__all__ = ['digits']


def digits() -> Dataset:
  """The UCI optical recognition of handwritten digits, its test part.

  Returns:
    uint8 images `[1797, 8, 8, 1]` (the 0 to 16 of the source times 255 / 16)
    and 10 classes. Nothing is downloaded.

  Raises:
    ImportError: scikit-learn is missing; the extra `jaxhash[data]` has it.

  Example:
    >>> digits().inputs.shape
    (1797, 8, 8, 1)
  """
  try:
    from sklearn.datasets import load_digits
  except ImportError as e:
    raise ImportError(
      'the digits come with scikit-learn: pip install "jaxhash[data]"'
    ) from e
  bunch = load_digits()
  images = np.round(bunch.images * (255 / 16)).astype(np.uint8)
  return Dataset(
    name='digits',
    inputs=images[..., None],
    labels=bunch.target.astype(np.int32),
    num_classes=10,
    class_names=tuple('0123456789'),
  )
