"""Hash heads: from features to logits, always in float32."""

from __future__ import annotations

from collections.abc import Iterable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxhash.core import PyTree

# No function: `jaxhash.lookup` takes every listed one of this package for an
# encoder that a config may name.
__all__ = ['HEADS', 'HashHead']

#: What `head` may be, a dense layer or one with batch normalisation.
HEADS = ('linear', 'bn')


class HashHead(nn.Module):
  """The last layer of an encoder.

  `linear` is a dense layer with bias. `bn` is OrthoHash's (Hoe et al., "One
  Loss for All", NeurIPS 2021 :cite:p:`hoe2021orthohash`, section 3.3 and
  released code): a dense layer without bias, initialised from N(0, .01^2), then
  batch normalisation, which balances every bit and makes the codes independent
  of a constant added to them.

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


def reestimate_norm(
  params: PyTree,
  state: PyTree,
  features: Iterable[Float[Array | np.ndarray, 'rows features']],
  *,
  variance: bool = True,
  reset_affine: bool = True,
) -> tuple[PyTree, PyTree]:
  """Fits the statistics of a `bn` head to the rows of another database.

  On data of another kind than the encoder was trained on, the running mean is
  no longer the mean of the logits, and bits lose their balance. OrthoHash
  computes the statistics anew on the database that is to be searched.

  Args:
    params: of an encoder with a head of the kind `bn`.
    state: of the same encoder.
    features: the penultimate features of the rows, `Outputs.features`, in
      blocks `[rows, features]`; at least two rows in all.
    variance: whether to compute the variance too, or the mean alone.
    reset_affine: whether scale and offset become 1 and 0, as in the paper.

  Returns:
    The params and the state, with another head; nothing is changed in place.

  Raises:
    ValueError: the head has no norm, the features are of another length or
      not finite, or there are fewer than two rows.

  Example:
    >>> from jaxhash.encoders.mlp import mlp
    >>> encoder = mlp(4, hidden=(), head='bn')
    >>> x = jax.random.normal(jax.random.key(0), (100, 3)) + 5
    >>> params, state = encoder.init(jax.random.key(1), x)
    >>> params, state = reestimate_norm(params, state, [x])
    >>> outputs, _ = encoder.apply(params, state, x, train=False)
    >>> abs(outputs.logits.mean(axis=0)).max().item() < 1e-3
    True

  Source: Hoe et al., "One Loss for All", NeurIPS 2021
  :cite:p:`hoe2021orthohash`, supplement, Table 6. The variance is the biased
  one, as that of training is here.
  """
  head = params.get('head', {})
  if 'norm' not in head:
    raise ValueError(
      "there is no norm to fit: the encoder needs head='bn', its head has "
      f'{", ".join(sorted(head)) or "no parameters"}'
    )
  kernel = np.asarray(head['dense']['kernel'], np.float64)
  count, mean, square = 0, np.zeros(kernel.shape[1]), np.zeros(kernel.shape[1])
  for block in features:
    rows = np.asarray(block, np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(kernel):
      raise ValueError(
        f'features must be [rows, {len(kernel)}], got {list(rows.shape)}'
      )
    if not np.isfinite(rows).all():
      raise ValueError('the features are not finite')
    if not len(rows):
      continue
    logits = rows @ kernel
    # Blocks are merged by their means and sums of squares about them.
    seen, count = count, count + len(rows)
    difference = logits.mean(axis=0) - mean
    mean = mean + difference * (len(rows) / count)
    square += np.square(logits - logits.mean(axis=0)).sum(axis=0)
    square += np.square(difference) * (seen * len(rows) / count)
  if count < 2:
    raise ValueError(f'statistics need at least 2 rows, got {count}')
  before = state['batch_stats']['head']['norm']
  statistics = {
    'mean': jnp.asarray(mean, jnp.float32),
    'var': jnp.asarray(square / count, jnp.float32)
    if variance
    else before['var'],
  }
  if reset_affine:
    norm = {k: jnp.full_like(v, k == 'scale') for k, v in head['norm'].items()}
    params = {**params, 'head': {**head, 'norm': norm}}
  batch_stats = {**state['batch_stats'], 'head': {'norm': statistics}}
  return params, {**state, 'batch_stats': batch_stats}
