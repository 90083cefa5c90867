"""Checks that several metrics share, each one clear error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxhash._checks import check_int
from jaxhash.metrics.distance_histograms import Histograms

__all__ = ['check_counts', 'check_cut_offs']


def check_cut_offs(ks: Sequence[int]) -> None:
  """Numbers of items are ints of at least 1."""
  if isinstance(ks, str) or not hasattr(ks, '__iter__'):
    raise ValueError(f'several numbers of items are wanted, got {ks!r}')
  for k in ks:
    check_int('k', k, 1)


def check_counts(histograms: Histograms) -> tuple[np.ndarray, np.ndarray]:
  """The counts on the host, after checks."""
  every, relevant = (
    np.asarray(x) for x in (histograms.all, histograms.relevant)
  )
  for name, counts in (('all', every), ('relevant', relevant)):
    if counts.ndim != 2 or 0 in counts.shape or counts.dtype.kind not in 'iu':
      raise ValueError(
        f'histograms.{name} must be integers [query, groups], neither empty, '
        f'got {counts.dtype} {list(counts.shape)}'
      )
  if every.shape != relevant.shape:
    raise ValueError(
      'histograms.all and .relevant differ in shape: '
      f'{list(every.shape)} and {list(relevant.shape)}'
    )
  bad = (relevant > every) | (relevant < 0)
  if bad.any():
    row, group = np.argwhere(bad)[0].tolist()
    raise ValueError(
      f'query {row} has {relevant[row, group]} relevant of '
      f'{every[row, group]} items in group {group}'
    )
  return every, relevant
