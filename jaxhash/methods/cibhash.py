r"""CIBHash: two views of a picture have one code, and no other has it.

Zexuan Qiu, Qinliang Su, Zijing Ou, Jianxing Yu and Changyou Chen, "Unsupervised
Hashing with Contrastive Information Bottleneck", IJCAI 2021
:cite:p:`qiu2021cibhash`. The equations are read from the authors' released code
(github.com/zexuanqiu/CIBHash).

With probabilities p = sigmoid(u) of the bits and codes z = sign(p - 1/2), whose
gradient passes to p unchanged, of two augmentations of each row,

.. math::

  L = \text{NT-Xent}(z; \text{cosine, temperature } \tau)
    + \frac{\beta}{2} \operatorname{mean}_i
    \left[ D(p_{i1} \,\|\, p_{i2}) + D(p_{i2} \,\|\, p_{i1}) \right],

with D the divergence of Bernoulli variables, summed over the bits, of which the
second argument has no gradient.

What the authors' code does: tau = .3, beta = .001; VGG-16's fc7, frozen, then
layers of 1024 and K; Adam 1e-3, batches of 64, 60 epochs.

Departures: the divergence is computed of logits, not of probabilities plus
1e-8. sign(0) is +1.

Published numbers: those of the paper were not at hand.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.binarize import straight_through
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import bernoulli_kl_loss, nt_xent_loss
from jaxhash.methods import _common

__all__ = ['cibhash']


def cibhash(
  num_bits: int, *, temperature: float = 0.3, kl_weight: float = 0.001
) -> HashMethod:
  """CIBHash, without labels; `pipeline.views` must be 2.

  Metrics: `loss`, `contrastive_loss`, `kl_loss` (before its weight),
  `mean_abs_code`, of 2p - 1.

  Args:
    num_bits: bits of a code, at least 1.
    temperature: tau, above 0.
    kl_weight: beta, at least 0.

  Returns:
    The method.

  Raises:
    ValueError: a hyper-parameter is out of its range; or, at `init`, there are
      not two views of each row.

  Example:
    >>> cibhash(16).width
    16
  """
  check_int('num_bits', num_bits, 1)
  check_positive(temperature=temperature)
  check_not_negative(kl_weight=kl_weight)

  def init(key: jax.Array, info: Info) -> Variables:
    del key
    _common.check_views(info, 2)
    return Variables()

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del variables, batch, key, step
    logits = outputs.logits.astype(jnp.float32)
    probabilities = jax.nn.sigmoid(logits)
    contrastive = nt_xent_loss(
      straight_through(probabilities - 0.5), temperature=temperature
    )
    first, second = jnp.split(logits, 2)
    divergence = bernoulli_kl_loss(first, second, stop_reference=True)
    value = contrastive + kl_weight * divergence
    metrics = {
      'loss': value,
      'contrastive_loss': contrastive,
      'kl_loss': divergence,
      'mean_abs_code': jnp.abs(2 * probabilities - 1).mean(),
    }
    return value, Aux(metrics)

  return HashMethod(width=num_bits, init=init, loss=loss)
