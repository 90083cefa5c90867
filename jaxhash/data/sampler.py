"""Which rows are in which batch: pure functions of the step."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

__all__ = [
  'class_sampler',
  'epoch_sampler',
  'round_sampler',
  'semi_supervised_sampler',
]

Sampler = Callable[[int], np.ndarray]


def epoch_sampler(num_rows: int, batch_size: int, *, seed: int) -> Sampler:
  """Each epoch a fresh permutation, cut into whole batches.

  Args:
    num_rows: rows to draw from.
    batch_size: rows of a batch; what is left of an epoch is dropped, other
      rows in each.
    seed: of the permutations.

  Returns:
    `step -> positions`, int32 `[batch_size]`, without repetition. The same
    step gives the same rows on every machine and in every order of calls; a
    negative one is a ValueError.

  Raises:
    ValueError: a batch has more rows than there are, or less than one.

  Example:
    >>> sampler = epoch_sampler(6, 3, seed=0)
    >>> sorted(np.concatenate([sampler(2), sampler(3)]).tolist())
    [0, 1, 2, 3, 4, 5]
  """
  if not 1 <= batch_size <= num_rows:
    raise ValueError(
      f'batch_size must be from 1 to the {num_rows} rows there are, got '
      f'{batch_size}'
    )
  steps_per_epoch = num_rows // batch_size

  @functools.lru_cache(maxsize=2)
  def permutation(epoch: int) -> np.ndarray:
    rng = np.random.default_rng((seed, epoch))
    return rng.permutation(num_rows).astype(np.int32)

  def sampler(step: int) -> np.ndarray:
    if step < 0:
      raise ValueError(f'step must be at least 0, got {step}')
    epoch, batch = divmod(step, steps_per_epoch)
    start = batch * batch_size
    # A copy: who writes into a batch must not change the permutation.
    return permutation(epoch)[start : start + batch_size].copy()

  return sampler


def class_sampler(
  labels: np.ndarray, rows_per_class: int, batch_size: int, *, seed: int
) -> Sampler:
  """Batches in which rows of a class come several at a time.

  For losses on pairs and triplets, which find hardly any similar rows in a
  batch that is drawn from many classes. In each epoch the rows of each class
  are permuted and cut into groups, and batches are cut from a permutation of
  all groups. What is left of a class is dropped, other rows in each epoch.

  Args:
    labels: int `[rows]`.
    rows_per_class: rows of a group.
    batch_size: rows of a batch, a multiple of `rows_per_class`.
    seed: of the permutations.

  Returns:
    `step -> positions`, int32 `[batch_size]`, without repetition.

  Raises:
    ValueError: labels that are multi-hot or hidden, a batch that is no
      multiple of a group or larger than all groups, or a group that is larger
      than a class.

  Example:
    >>> labels = np.array([0, 1, 0, 1, 1, 0])
    >>> labels[class_sampler(labels, 3, 3, seed=0)(0)].std().item()
    0.0
  """
  if labels.ndim != 1:
    raise ValueError(
      'rows_per_class is for int labels, one class a row, got labels '
      f'{list(labels.shape)}'
    )
  if (labels < 0).any():
    raise ValueError('rows_per_class needs a label of every row')
  classes, counts = np.unique(labels, return_counts=True)
  least = int(counts.min(initial=len(labels)))
  if not 1 <= rows_per_class <= least:
    raise ValueError(
      f'rows_per_class must be from 1 to the {least} rows of the smallest '
      f'class, got {rows_per_class}'
    )
  if batch_size % rows_per_class:
    raise ValueError(
      f'batch_size {batch_size} is not a multiple of rows_per_class '
      f'{rows_per_class}'
    )
  members = [np.flatnonzero(labels == c) for c in classes]
  num_groups = int((counts // rows_per_class).sum())
  groups = epoch_sampler(num_groups, batch_size // rows_per_class, seed=seed)
  steps_per_epoch = num_groups // (batch_size // rows_per_class)

  @functools.lru_cache(maxsize=2)
  def groups_of(epoch: int) -> np.ndarray:
    rng = np.random.default_rng((seed, epoch, rows_per_class))
    parts = []
    for rows in members:
      kept = len(rows) // rows_per_class * rows_per_class
      parts.append(rng.permutation(rows)[:kept].reshape(-1, rows_per_class))
    return np.concatenate(parts).astype(np.int32)

  def sampler(step: int) -> np.ndarray:
    chosen = groups(step)
    return groups_of(step // steps_per_epoch)[chosen].reshape(-1)

  return sampler


def round_sampler(
  num_rows: int,
  rows_per_round: int,
  epochs_per_round: int,
  batch_size: int,
  *,
  seed: int,
) -> Sampler:
  """Rounds of a few epochs over a part of the rows, another one in each.

  For methods that learn codes of a large database by closed-form steps, each
  of a sample of it (ADSH, SCHN).

  Args:
    num_rows: rows to draw from.
    rows_per_round: rows of the part, drawn without repetition; a multiple of
      `batch_size`.
    epochs_per_round: how often each row of the part is seen in its round.
    batch_size: rows of a batch.
    seed: of the draws and permutations.

  Returns:
    `step -> positions`, int32 `[batch_size]`, without repetition.

  Raises:
    ValueError: a round has more rows than there are, is no multiple of a
      batch, or has no epoch.

  Example:
    >>> sampler = round_sampler(100, 4, 2, 2, seed=0)
    >>> first, second = (
    ...   sorted(np.concatenate([sampler(s), sampler(s + 1)])) for s in (0, 2)
    ... )
    >>> first == second  # two epochs over the same four rows
    True
  """
  if not 1 <= rows_per_round <= num_rows or rows_per_round % batch_size:
    raise ValueError(
      f'rows_per_round must be a multiple of batch_size {batch_size}, at most '
      f'the {num_rows} rows there are, got {rows_per_round}'
    )
  if epochs_per_round < 1:
    raise ValueError(
      f'epochs_per_round must be at least 1, got {epochs_per_round}'
    )
  steps_per_epoch = rows_per_round // batch_size

  @functools.lru_cache(maxsize=2)
  def part(number: int) -> np.ndarray:
    rng = np.random.default_rng((seed, number, rows_per_round))
    return rng.permutation(num_rows)[:rows_per_round].astype(np.int32)

  @functools.lru_cache(maxsize=2)
  def permutation(epoch: int) -> np.ndarray:
    rng = np.random.default_rng((seed, epoch))
    return rng.permutation(part(epoch // epochs_per_round))

  def sampler(step: int) -> np.ndarray:
    if step < 0:
      raise ValueError(f'step must be at least 0, got {step}')
    epoch, batch = divmod(step, steps_per_epoch)
    return permutation(epoch)[batch * batch_size :][:batch_size].copy()

  return sampler


def semi_supervised_sampler(
  labelled: np.ndarray, num_labelled: int, batch_size: int, *, seed: int
) -> Sampler:
  """Batches with a fixed number of labelled rows, which come first.

  Labelled and unlabelled rows are permuted apart, each in epochs of its own.

  Args:
    labelled: which rows have a label, bool `[rows]`.
    num_labelled: labelled rows of a batch; the others are unlabelled.
    batch_size: rows of a batch.
    seed: of the permutations.

  Returns:
    `step -> positions`, int32 `[batch_size]`.

  Raises:
    ValueError: a part of the batch has more rows than there are.

  Example:
    >>> labelled = np.array([True, False, False, True])
    >>> semi_supervised_sampler(labelled, 1, 2, seed=0)(0).shape
    (2,)
  """
  parts = []
  for rows, count, name in (
    (np.flatnonzero(labelled), num_labelled, 'labelled'),
    (np.flatnonzero(~labelled), batch_size - num_labelled, 'unlabelled'),
  ):
    if not 1 <= count <= len(rows):
      raise ValueError(
        f'a batch of {batch_size} with {num_labelled} labelled rows has '
        f'{count} {name} rows; there are {len(rows)}'
      )
    part_seed = seed * 2 + (name == 'labelled')
    parts.append((rows, epoch_sampler(len(rows), count, seed=part_seed)))

  def sampler(step: int) -> np.ndarray:
    return np.concatenate([rows[part(step)] for rows, part in parts]).astype(
      np.int32
    )

  return sampler
