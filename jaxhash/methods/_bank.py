"""The last codes of all train rows, to compare a batch with."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from jaxhash.core import Info
from jaxhash.losses import Pairs, has_label, label_pairs

__all__ = ['Bank', 'empty_bank', 'pairs_with', 'written']

Bank = dict[str, Array]


def empty_bank(info: Info, num_bits: int) -> Bank:
  """A bank of which no row has been seen.

  Returns:
    `labels` of the train rows, their last `codes`, float32
    `[num_train, num_bits]`, and which of them have been `seen`.
  """
  rows = len(info.labels)
  return {
    'labels': jnp.asarray(info.labels),
    'codes': jnp.zeros((rows, num_bits), jnp.float32),
    'seen': jnp.zeros(rows, bool),
  }


def written(
  bank: Bank,
  codes: Float[Array, 'batch bits'],
  labels: Shaped[Array, 'batch ...'],
  index: Shaped[Array, 'batch'],
) -> Bank:
  """The bank with the codes of a batch, without a gradient.

  A row without a label has not been seen.
  """
  codes = jax.lax.stop_gradient(codes)
  return {
    **bank,
    'codes': bank['codes'].at[index].set(codes),
    'seen': bank['seen'].at[index].set(has_label(labels)),
  }


def pairs_with(
  bank: Bank, labels: Shaped[Array, 'batch ...'], *, soft: bool = False
) -> Pairs:
  """Each row of a batch with all train rows that have been seen."""
  pairs = label_pairs(labels, bank['labels'], soft=soft)
  return pairs._replace(where=pairs.where & bank['seen'][None])
