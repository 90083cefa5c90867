"""Pairs of rows from labels: how similar they are, and which of them count."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from jaxhash.losses._pairs import gather_rows, own_pairs, total
from jaxhash.losses._rows import check_rows
from jaxhash.losses.distances import inner_products
from jaxhash.losses.labels import has_label, multi_hot
from jaxhash.similarity import relevance

__all__ = ['Pairs', 'balance_weights', 'label_pairs', 'row_pairs']


class Pairs(NamedTuple):
  """Each row of a batch with each of the rows that it is compared with.

  Attributes:
    similarity: from 0 to 1, float32 `[batch, others]`.
    where: which pairs count, bool `[batch, others]`.
  """

  similarity: Float[Array, 'batch others']
  where: Bool[Array, 'batch others']


def label_pairs(
  labels: Shaped[Array, 'batch'] | Shaped[Array, 'batch classes'],
  other_labels: Shaped[Array, 'others']
  | Shaped[Array, 'others classes']
  | None = None,
  *,
  soft: bool = False,
  self_pairs: bool = False,
  where: Bool[Array, 'batch'] | None = None,
  axis_name: str | None = None,
) -> Pairs:
  """The pairs of a batch with itself, or with other rows.

  A pair counts if both of its rows do, and have a label.

  Args:
    labels: int `[batch]`, negative for unknown, or multi-hot
      `[batch, classes]`, all zero for unknown.
    other_labels: of the same kind, of the rows to compare with; None compares
      the batch with itself.
    soft: the similarity is the cosine of the label vectors (IDHN); otherwise
      1 for a label in common, 0 for none. The same for int labels.
    self_pairs: whether a row of the batch is compared with itself; without
      effect on other rows.
    where: which rows of the batch count, bool `[batch]`; None means all.
    axis_name: of the devices that share the batch, under `jax.shard_map` or
      `jax.pmap`: the others are then the rows of all of them.

  Returns:
    What the losses on pairs take.

  Raises:
    ValueError: the labels are of different kinds, or `where` is not `[batch]`.

  Example:
    >>> pairs = label_pairs(jnp.array([0, 0, -1]))
    >>> pairs.similarity[0].tolist(), pairs.where[0].tolist()
    ([1.0, 1.0, 0.0], [False, True, False])
  """
  check_rows(labels, where)
  rows = has_label(labels) if where is None else has_label(labels) & where
  if other_labels is None:
    other_labels = gather_rows(labels, axis_name)
    counts = row_pairs(rows, self_pairs=self_pairs, axis_name=axis_name)
  else:
    counts = rows[:, None] & has_label(other_labels)[None]
  similar = relevance(labels, other_labels)
  if soft and labels.ndim == 2:
    a, b = (multi_hot(x, x.shape[1]) for x in (labels, other_labels))
    a, b = a.astype(jnp.float32), b.astype(jnp.float32)
    # Whole numbers: of equal rows the cosine is 1, and not nearly so.
    squares = a.sum(axis=-1)[:, None] * b.sum(axis=-1)[None]
    cosines = inner_products(a, b) / jnp.sqrt(jnp.maximum(squares, 1.0))
    return Pairs(cosines, counts)
  return Pairs(similar.astype(jnp.float32), counts)


def row_pairs(
  rows: Bool[Array, 'batch'],
  *,
  self_pairs: bool = False,
  axis_name: str | None = None,
) -> Bool[Array, 'batch others']:
  """The pairs of a batch with itself both of whose rows count.

  Args:
    rows: which rows count, bool `[batch]`.
    self_pairs: whether a row is paired with itself.
    axis_name: of the devices that share the batch; the others are then the
      rows of all of them.

  Returns:
    bool `[batch, others]`, the `where` of the losses on pairs.

  Raises:
    ValueError: the mask is not `[batch]`.

  Example:
    >>> row_pairs(jnp.array([True, True, False])).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
  """
  if rows.ndim != 1:
    raise ValueError(f'rows must be [batch], got {list(rows.shape)}')
  others = gather_rows(rows, axis_name)
  counts = rows[:, None] & others[None]
  if self_pairs:
    return counts
  return counts & ~own_pairs(len(rows), len(others), axis_name)


def balance_weights(
  similarity: Float[Array, 'batch others'],
  *,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
) -> Float[Array, 'batch others']:
  r"""Weights by which similar and dissimilar pairs count alike.

  .. math:: w_{ij} = s_{ij} \frac{n}{\sum s} + (1 - s_{ij}) \frac{n}{\sum (1 -
    s)}

  over the n pairs that count. Where there are none of a kind, those of the
  other weigh 1.

  Args:
    similarity: s, from 0 to 1, `[batch, others]`.
    where: which pairs count, bool `[batch, others]`; None means all.
    axis_name: of the devices that share the batch.

  Returns:
    `[batch, others]`, in the dtype of the similarity.

  Raises:
    ValueError: `where` has another shape than the similarity.

  Example:
    >>> balance_weights(jnp.array([[1.0, 0.0, 0.0]])).tolist()
    [[3.0, 1.5, 1.5]]

  Source: HashNet's and DCH's weights of the class imbalance.
  """
  counts = jnp.ones(similarity.shape, bool) if where is None else where
  if counts.shape != similarity.shape:
    raise ValueError(
      f'where must be {list(similarity.shape)} as the similarity, got '
      f'{list(counts.shape)}'
    )
  s = jnp.where(counts, similarity, 0.0)
  number = total(counts.astype(s.dtype), axis_name)

  def share(kind: Array) -> Array:
    part = total(jnp.where(counts, kind, 0.0), axis_name)
    return jnp.where(part > 0, number / jnp.where(part > 0, part, 1.0), 0.0)

  return s * share(s) + (1 - s) * share(1 - s)
