"""What the methods on pairs share: with whom each row is compared."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxhash._checks import check_int, check_not_negative
from jaxhash.core import (
  Aux,
  Batch,
  HashMethod,
  Info,
  Outputs,
  PyTree,
  Variables,
)
from jaxhash.losses import (
  Pairs,
  has_label,
  label_pairs,
  pairwise_likelihood_loss,
  safe_reduce,
)
from jaxhash.methods import _common
from jaxhash.methods._bank import empty_bank, pairs_with, written

__all__ = ['as_they_are', 'likelihood', 'pair_method']

Codes = Float[Array, 'batch bits']
Others = Float[Array, 'others bits']


def as_they_are(logits: Codes, step: Array) -> Codes:
  """The logits, at any step."""
  del step
  return logits


def likelihood(codes: Codes, others: Others | None, pairs: Pairs) -> Array:
  """The pair loss of DPSH and DHN."""
  return pairwise_likelihood_loss(
    codes, pairs.similarity, others, where=pairs.where
  )


def pair_method(
  num_bits: int,
  pair_loss: Callable[[Codes, Others | None, Pairs], Array],
  penalty: Callable[..., Array],
  penalty_weight: float,
  *,
  activation: Callable[[Codes, Array], Codes] = as_they_are,
  soft: bool = False,
  self_pairs: bool = False,
  bank: bool = False,
) -> HashMethod:
  """A loss of pairs and a weighted penalty of each row.

  Rows without a label are in no pair and have no penalty. Metrics: `loss`,
  `pair_loss`, `quantization_loss` (the penalty before its weight),
  `similar_pairs` (their share of those that count), `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    pair_loss: `(codes, others, pairs) -> scalar`; `others` is None where the
      batch is compared with itself.
    penalty: `(codes, where=rows) -> scalar`.
    penalty_weight: at least 0.
    activation: `(logits, step) -> codes`.
    soft: as for `losses.label_pairs`.
    self_pairs: whether each row is compared with itself, too.
    bank: compare the batch with the last codes of all train rows, which have
      no gradient, and not with itself.

  Returns:
    The method. With a bank its `state` has it; a row that has not been seen is
    in no pair. Time and memory of a step grow with the train rows.
  """
  check_int('num_bits', num_bits, 1)
  check_not_negative(penalty_weight=penalty_weight)

  def init(key: jax.Array, info: Info) -> Variables:
    del key
    _common.check_views(info, 1)
    return Variables(state={'bank': empty_bank(info, num_bits)} if bank else {})

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key
    labels = batch['labels']
    rows = has_label(labels)
    logits = _common.zero_unlabelled(outputs.logits, labels)
    codes = activation(logits.astype(jnp.float32), step)
    state, others = variables.state, None
    if bank:
      index = batch['index']
      last = written(state['bank'], codes, labels, index)
      state, others = {'bank': last}, last['codes']
      pairs = pairs_with(last, labels, soft=soft)
      if not self_pairs:
        own = index[:, None] == jnp.arange(len(others), dtype=index.dtype)[None]
        pairs = pairs._replace(where=pairs.where & ~own)
    else:
      pairs = label_pairs(labels, soft=soft, self_pairs=self_pairs)
    pair = pair_loss(codes, others, pairs)
    error = penalty(codes, where=rows)
    value = pair + penalty_weight * error
    count = jnp.maximum(pairs.where.sum(), 1)
    similar = (pairs.where & (pairs.similarity > 0)).sum()
    metrics = {
      'loss': value,
      'pair_loss': pair,
      'quantization_loss': error,
      'similar_pairs': similar / count,
      'mean_abs_code': safe_reduce(jnp.abs(codes).mean(axis=1), rows),
    }
    return value, Aux(metrics, state)

  def update(
    variables: Variables,
    outputs: Outputs,
    aux: Aux,
    batch: Batch,
    *,
    key: jax.Array,
    step: jax.Array,
  ) -> PyTree:
    del variables, outputs, batch, key, step
    return aux.arrays

  return HashMethod(width=num_bits, init=init, loss=loss, update=update)
