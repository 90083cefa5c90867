"""Counts by the kernels for the CPU; imported only where they are used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxhash.metrics.distance_histograms import Histograms
from jaxhash.metrics.levels import Levels
from jaxhash.metrics.relevance import Relevance
from jaxhash.search import native
from jaxhash.search.codes import Codes

__all__ = ['NativeDatabase']

NO_LABEL = np.uint64(2**63)  # of a query: the same as no item's


class NativeDatabase:
  """Codes of the database as words, sorted by class where each has one.

  Args:
    codes: of the database.
    labels: int32 `[database]`, -1 for unknown, or bool `[database, labels]`.
  """

  def __init__(self, codes: Codes, labels: np.ndarray):
    self._words = codes.words64()
    self._num_bits = codes.num_bits
    self._labels = labels
    if labels.ndim == 2:
      self._label_words = _label_words(labels)
    else:
      # NumPy sorts numbers of 16 bits by radix.
      few = labels.max() < 2**15
      order = np.argsort(
        labels.astype(np.int16 if few else np.int32), kind='stable'
      )
      self._sorted_labels = labels[order]
      self._sorted_words = np.ascontiguousarray(self._words[:, order])

  def count(
    self, query: Codes, labels: np.ndarray, levels: Levels
  ) -> np.ndarray:
    """Counts the items of each level at each distance from each query.

    Args:
      query: codes of the queries.
      labels: of the queries.
      levels: what an item counts as.

    Returns:
      int32 `[query, levels, bits + 1]`.
    """
    words, num_bits = query.words64(), self._num_bits
    most = len(levels.gains) - 1
    if labels.ndim == 2:
      return native.count_shared(
        words,
        self._words,
        _label_words(labels),
        self._label_words,
        num_bits,
        most,
      )
    if levels.table is not None:
      classes, begin = np.unique(self._sorted_labels, return_index=True)
      return native.count_levels(
        words,
        self._sorted_words,
        np.append(begin, len(self._labels)),
        levels.table[labels][:, classes],
        len(levels.gains),
        num_bits,
      )
    # The items of a class are a slice.
    start, stop = (
      np.searchsorted(self._sorted_labels, labels, side)
      for side in ('left', 'right')
    )
    stop = np.where(labels < 0, start, stop)
    relevant = native.count(words, self._sorted_words, start, stop, num_bits)
    start, stop = np.zeros_like(start), np.full_like(stop, len(self._labels))
    every = native.count(words, self._sorted_words, start, stop, num_bits)
    return np.stack([every - relevant, relevant], axis=1)

  def stable(
    self,
    query: Codes,
    relevance: Relevance,
    counts: Histograms,
    cut_offs: Sequence[int],
    *,
    area: str = 'steps',
  ) -> tuple[np.ndarray, np.ndarray]:
    """Sums of precisions where ties keep the order of the database.

    Args:
      query: codes of the queries.
      relevance: to these queries.
      counts: of these queries.
      cut_offs: numbers of items; the sum is up to the last of them.
      area: as in `EvaluationProtocol`.

    Returns:
      As `native.scan_stable`.
    """
    if relevance.multi_hot:
      labels = _label_words(relevance.query), self._label_words
    else:
      wanted = np.where(relevance.query < 0, NO_LABEL, relevance.query)
      held = self._labels.astype(np.int64)
      labels = wanted.astype(np.uint64)[None], held.astype(np.uint64)[None]
    marks = relevance.marks
    return native.scan_stable(
      query.words64(),
      self._words,
      *labels,
      (marks.start, marks.item, marks.kind),
      np.asarray(counts.all),
      np.asarray(counts.relevant),
      cut_offs,
      same=not relevance.multi_hot,
      trapezoids=area == 'trapezoids',
    )


def _label_words(labels: np.ndarray) -> np.ndarray:
  return Codes(labels, labels.shape[1], packed=False).words64()
