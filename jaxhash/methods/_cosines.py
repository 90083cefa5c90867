"""What the methods share whose codes keep the cosines of features."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxhash._checks import check_int
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import paired_cosine_loss
from jaxhash.methods import _common
from jaxhash.methods._features import feature_source

__all__ = ['cosine_method']

Codes = Float[Array, 'batch bits']


def cosine_method(
  num_bits: int,
  codes_of: Callable[[Codes], Codes],
  features: str,
  *,
  penalty: Callable[[Codes], Array] | None = None,
  penalty_weight: float = 0.0,
) -> HashMethod:
  """Row i of the first half of a batch is compared with row i of the second.

  Metrics: `loss`, `cosine_loss`, `mean_abs_code`, and `penalty` (before its
  weight) where there is one.

  Args:
    num_bits: bits of a code, at least 1.
    codes_of: from logits to binary codes that have a gradient.
    features: as for `bihalf`.
    penalty: `(logits) -> scalar`, or None.
    penalty_weight: at least 0.

  Returns:
    The method; no label is looked at.
  """
  check_int('num_bits', num_bits, 1)
  source = feature_source(features)

  def init(key: jax.Array, info: Info) -> Variables:
    del key
    _common.check_views(info, 1)
    if info.inputs.shape[0] % 2:
      raise ValueError(
        'this method compares the halves of a batch: batch_size must be even, '
        f'got {info.inputs.shape[0]}'
      )
    return Variables(state=source.init(info))

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    logits = outputs.logits.astype(jnp.float32)
    seen = source.of_batch(variables.state, batch)
    cosine = paired_cosine_loss(codes_of(logits), seen)
    metrics = {
      'cosine_loss': cosine,
      'mean_abs_code': jnp.abs(logits).mean(),
    }
    value = cosine
    if penalty is not None:
      metrics['penalty'] = penalty(logits)
      value += penalty_weight * metrics['penalty']
    return value, Aux({'loss': value, **metrics})

  return HashMethod(width=num_bits, init=init, loss=loss)
