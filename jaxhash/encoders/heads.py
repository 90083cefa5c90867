"""Hash heads: from features to logits, always in float32."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ['HEADS', 'HashHead']

HEADS = ('linear', 'bn')


class HashHead(nn.Module):
  """The last layer of an encoder.

  `linear` is a dense layer with bias. `bn` is OrthoHash's (Hoe et al.,
  "One Loss for All", NeurIPS 2021, section 3.3 and released code): a dense
  layer without bias, initialised from N(0, .01^2), then batch normalisation,
  which balances every bit and makes the codes independent of a constant added
  to them.

  Departures: `linear` starts from LeCun's normal with zero bias, not from
  torch's uniform. The running variance of `bn` is the biased one.

  Attributes:
    width: number of logits.
    kind: `linear` or `bn`.
  """

  width: int
  kind: str = 'linear'

  @nn.compact
  def __call__(
    self, features: Float[Array, 'batch features'], train: bool
  ) -> Float[Array, 'batch width']:
    """Logits in float32, whatever the dtype of the features."""
    features = features.astype(jnp.float32)
    if self.kind == 'linear':
      return nn.Dense(self.width, name='dense')(features)
    logits = nn.Dense(
      self.width,
      use_bias=False,
      kernel_init=jax.nn.initializers.normal(0.01),
      name='dense',
    )(features)
    # E[x^2] - E[x]^2 would lose the small variance of these logits in float32.
    return nn.BatchNorm(
      use_running_average=not train,
      momentum=0.9,
      epsilon=1e-5,
      use_fast_variance=False,
      name='norm',
    )(logits)
