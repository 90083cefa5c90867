"""Mean distances of codes between classes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from jaxhash.search.codes import AnyArray, read_array, read_codes

__all__ = ['class_distances']


def class_distances(
  codes: AnyArray,
  labels: AnyArray,
  num_classes: int | None = None,
  *,
  num_bits: int | None = None,
) -> Float64[np.ndarray, 'classes classes']:
  r"""Mean Hamming distance of two items, for each pair of their classes.

  .. math:: \bar d_{ij} = \frac{1}{2} (K - \langle \bar b_i, \bar b_j \rangle)

  with the mean codes of two classes; within a class, over the pairs of
  different items. No pair is formed: time grows with the number of codes.

  Args:
    codes: `[n, bits]`, in any form that `search.read_codes` takes.
    labels: int `[n]`, negative for unknown.
    num_classes: number of classes; None: one more than the greatest label.
    num_bits: bits of packed codes.

  Returns:
    float64 `[classes, classes]` in [0, bits], symmetric; NaN for a class
    without items, and on the diagonal for one of a single item.

  Raises:
    ValueError: the codes are not as `search.read_codes` wants them, or the
      labels are not int `[n]` below `num_classes`.

  Example:
    >>> codes = np.array([[1, 1], [1, -1], [-1, -1]], np.int8)
    >>> class_distances(codes, np.array([0, 0, 1])).tolist()
    [[1.0, 1.5], [1.5, nan]]
  """
  signs = np.asarray(read_codes(codes, 'codes', num_bits).signs())
  classes = np.asarray(read_array(labels))
  if classes.shape != signs.shape[:1] or classes.dtype.kind not in 'iu':
    raise ValueError(
      f'{len(signs)} codes need int labels [{len(signs)}], got '
      f'{classes.dtype} {list(classes.shape)}'
    )
  greatest = int(classes.max(initial=-1))
  count = greatest + 1 if num_classes is None else num_classes
  if greatest >= count:
    raise ValueError(f'labels must be below {count}, got {greatest}')
  known = classes >= 0
  bits = signs.shape[1]
  sums = np.zeros((count, bits), np.int64)
  np.add.at(sums, classes[known], signs[known])
  sizes = np.bincount(classes[known], minlength=count).astype(np.float64)
  products = (sums @ sums.T).astype(np.float64)
  pairs = np.outer(sizes, sizes)
  own = np.arange(count)
  products[own, own] -= sizes * bits  # of each item with itself
  pairs[own, own] -= sizes
  pairs[pairs == 0] = np.nan
  return (bits - products / pairs) / 2
