"""What data sources, protocols and pipelines hand to each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxhash.core import Batch, PyTree

__all__ = ['Dataset', 'Pipeline', 'Split', 'Views']


class Views(NamedTuple):
  """Augmentations of some rows that were computed before, say of features.

  Attributes:
    inputs: of the dtype of the data set's, `[views, rows, ...]`.
    rows: the rows that they are of, int32, sorted, without repetition.
  """

  inputs: Any
  rows: np.ndarray


class Dataset(NamedTuple):
  """A labelled data set; a row is known by its position.

  Attributes:
    name: for reports, such as `cifar10`.
    inputs: uint8 images `[n, height, width, channels]` or float features
      `[n, features]`: a NumPy array, a memory map, or any object with
      `shape`, `dtype`, `len()` and indexing by an int array.
    labels: int32 `[n]`, or multi-hot uint8 `[n, num_classes]`.
    num_classes: number of classes or labels.
    class_names: one for each class.
    num_official_train: rows before this one are the official train split, the
      others the official test split; None where there is no official split.
    ids: the user's own name of each row `[n]`, or None for the row numbers.
    views: augmentations of rows for methods of several views, or None.
  """

  name: str
  inputs: Any
  labels: np.ndarray
  num_classes: int
  class_names: tuple[str, ...]
  num_official_train: int | None = None
  ids: np.ndarray | None = None
  views: Views | None = None


class Split(NamedTuple):
  """The rows of each part of a protocol, int32, sorted, without repetition.

  Attributes:
    protocol: its name and arguments in one line, for reports.
    train: rows that train the encoder.
    val: rows to choose hyper-parameters and checkpoints with; may be empty.
    query: rows that search.
    database: rows that are searched.
    labelled: the rows of `train` whose labels may be seen; None means all.
  """

  protocol: str
  train: np.ndarray
  val: np.ndarray
  query: np.ndarray
  database: np.ndarray
  labelled: np.ndarray | None = None


class Pipeline(NamedTuple):
  """Batches as a pure function of the step.

  Attributes:
    data: arrays that live on the device during the run, replicated, given to
      every call of `prepare` and `preprocess`: the rows where they fit, and
      the statistics to normalise by. Different seeds have different ones, so
      they are arguments and not constants of the compiled step.
    batch: `step -> Batch` of NumPy arrays with leading axis `batch_size`,
      on the host; a pure function of the step, so that resuming needs nothing.
      Always has `index` int32 `[batch]`: the position within `split.train`.
    prepare: `(data, batch, key) -> Batch`, pure, runs inside the jitted step:
      gathers, augments and normalises. The result has `index`, `inputs`
      float32 `[views * batch, ...]` (view-major), `labels` and, in
      semi-supervised splits alone, `labelled` bool `[batch]`; hidden labels
      are -1, or all zero for multi-hot ones.
    preprocess: `(data, raw inputs) -> float32 inputs`, the same normalisation
      without augmentation, for encoding; pure and jittable. It needs
      `data['statistics']` alone.
    batch_size: rows in a batch.
    steps_per_epoch: whole batches in one pass over train.
    rows_per_round: rows that train in a round, after which a method may have
      a closed-form step; whole batches of them.
    steps_per_round: steps of a round.
  """

  data: PyTree
  batch: Callable[[int], Batch]
  prepare: Callable[..., Batch]
  preprocess: Callable[[PyTree, Any], Any]
  batch_size: int
  steps_per_epoch: int
  rows_per_round: int
  steps_per_round: int
