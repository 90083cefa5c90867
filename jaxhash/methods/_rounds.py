"""What methods share that learn codes in closed form, round by round."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxhash.core import Info

__all__ = [
  'Groups',
  'Places',
  'Sample',
  'empty_sample',
  'label_groups',
  'places',
  'sampled',
  'soft_ratio',
  'soft_sums',
]

GROUPS_AT_A_TIME = 1024

Groups = dict[str, Array]
Sample = dict[str, Array]


def label_groups(info: Info) -> Groups:
  """Train rows with the same labels.

  A sum over all rows that are similar to another one is then a sum over
  groups: never a matrix of rows by rows, nor one of all groups by all groups.

  Returns:
    `of`, the group of each train row, int32 `[num_train]`; `labels` of each
    group, multi-hot int8 `[groups, classes]`, but where rows have one label
    each, so that a group is similar to itself alone; and of each group, float32
    `[groups]`, `known`, 1 but where there is no label, which is similar to
    none; `counts`, its rows, 0 where not known; and `partners`, the rows that
    are similar to it. Of multi-hot labels there are empty groups at the end, so
    that seeds with other train rows have mostly as many.
  """
  if info.labels.ndim == 1:  # the last group is of the rows without a label
    classes = info.num_classes
    labels = jnp.asarray(info.labels, jnp.int32)
    of = jnp.where(labels < 0, classes, labels)
    sets = None
    known = jnp.ones(classes + 1).at[-1].set(0.0)
  else:
    unique, inverse = np.unique(
      np.asarray(info.labels) > 0, axis=0, return_inverse=True
    )
    of = jnp.asarray(inverse.reshape(-1), jnp.int32)
    empty = -len(unique) % GROUPS_AT_A_TIME
    sets = jnp.pad(jnp.asarray(unique, jnp.int8), ((0, empty), (0, 0)))
    known = sets.any(axis=1).astype(jnp.float32)
  counts = known * jax.ops.segment_sum(jnp.ones(len(of)), of, len(known))
  return {
    'of': of,
    **({} if sets is None else {'labels': sets}),
    'known': known,
    'counts': counts,
    'partners': _sums_of_similar(sets, counts[:, None])[:, 0],
  }


def soft_ratio(
  groups: Groups, sample: Places | None = None
) -> Float[Array, '']:
  """How many pairs are similar for each that is not.

  Args:
    groups: of all train rows.
    sample: rows that are compared with all train rows; None for all of them.

  Returns:
    n1 / n0, by which a pair that is not similar counts as -n1 / n0 and a
    similar one as 1, so that all add up to 0. At most the number of train rows,
    which it is where every pair is similar.
  """
  counts = groups['counts']
  rows = counts
  if sample is not None:
    rows = jax.ops.segment_sum(sample.counts, sample.of, len(counts))
  # Products first: sums of counts of pairs would exceed what float32 counts.
  share = rows / jnp.maximum(rows.sum(), 1.0)
  similar = share @ (groups['partners'] / jnp.maximum(counts.sum(), 1.0))
  return similar / jnp.maximum(1 - similar, 1 / jnp.maximum(counts.sum(), 1.0))


def soft_sums(
  groups: Groups,
  values: Float[Array, 'rows bits'],
  of: Int[Array, 'rows'],
  ratio: Float[Array, ''],
) -> Float[Array, 'groups bits']:
  r"""Sums of values, weighted by how similar their rows are to each group.

  .. math:: \sum_i \tilde S_{gi} v_i, \qquad
    \tilde S_{gi} = 1 \text{ or } -n_1 / n_0

  Args:
    groups: of all train rows.
    values: v, one for each row.
    of: their groups; a row without a label does not count.
    ratio: of `soft_ratio`.

  Returns:
    A sum for each group.
  """
  sums = jax.ops.segment_sum(values, of, len(groups['known']))
  sums = sums * groups['known'][:, None]
  similar = _sums_of_similar(groups.get('labels'), sums)
  return (1 + ratio) * similar - ratio * sums.sum(0)[None]


class Places(NamedTuple):
  """What a round has seen, place by place.

  Attributes:
    rows: train row of each place, int32 `[places]`.
    of: its group, int32 `[places]`.
    counts: 1 where the row has a label and no later place has the same row,
      else 0, float32 `[places]`.
  """

  rows: Int[Array, 'places']
  of: Int[Array, 'places']
  counts: Float[Array, 'places']


def empty_sample(info: Info, **widths: int) -> Sample:
  """Room for what a round finds out of the rows that it sees.

  Args:
    info: says how many rows a round has.
    **widths: of what is kept of each row, by name.
  """
  num_train = len(info.labels)
  rows = info.rows_per_round or num_train
  values = {name: jnp.zeros((rows, n)) for name, n in widths.items()}
  return {'rows': jnp.full(rows, num_train, jnp.int32), **values}


def sampled(
  sample: Sample, index: Int[Array, 'batch'], step: Array, **values: Array
) -> Sample:
  """The sample with the rows of a batch, in place of those an epoch ago."""
  batches = max(1, len(sample['rows']) // len(index))
  start = step % batches * len(index)
  new = {'rows': index, **values}
  return {
    name: jax.lax.dynamic_update_slice_in_dim(
      room, jax.lax.stop_gradient(new[name]).astype(room.dtype), start, 0
    )
    for name, room in sample.items()
  }


def places(sample: Sample, groups: Groups) -> Places:
  """The rows of a sample, each once: where it was seen last."""
  rows, num_train = sample['rows'], len(groups['of'])
  numbers = jnp.arange(len(rows), dtype=jnp.int32)
  last = jnp.full(num_train, -1).at[rows].max(numbers, mode='drop')
  seen = (rows < num_train) & (last.at[rows].get(mode='clip') == numbers)
  of = groups['of'].at[rows].get(mode='clip')
  return Places(rows, of, jnp.where(seen, groups['known'][of], 0.0))


def _sums_of_similar(
  labels: Int[Array, 'groups classes'] | None,
  values: Float[Array, 'groups n'],
) -> Float[Array, 'groups n']:
  """For each group the sum of the values of those that share a label."""
  if labels is None:
    return values
  labels = labels.astype(jnp.float32)

  def of_one(own: Array) -> Array:
    similar = (jnp.matmul(labels, own) > 0).astype(jnp.float32)
    return jnp.matmul(similar, values, precision=jax.lax.Precision.HIGHEST)

  return jax.lax.map(of_one, labels, batch_size=GROUPS_AT_A_TIME)
