r"""HashNet: a tanh that becomes a sign, pairs weighted by how rare they are.

Zhangjie Cao, Mingsheng Long, Jianmin Wang and Philip S. Yu, "HashNet: Deep
Learning to Hash by Continuation", ICCV 2017 :cite:p:`cao2017hashnet`. The
equations are read from the authors' released code (github.com/thuml/HashNet)
and that in DeepHash-pytorch.

With logits a, v = tanh(beta_t a) and s_ij = 1 for a label in common,

.. math::

  L &= \operatorname{mean}_{ij} w_{ij} \left[
    \log(1 + e^{\alpha \langle v_i, v_j \rangle})
    - s_{ij} \alpha \langle v_i, v_j \rangle \right], \\
  w_{ij} &= \begin{cases}
    n / n_\text{similar} & \text{for similar pairs,} \\
    n / n_\text{dissimilar} & \text{for the others,}
  \end{cases}

and beta_t = (1 + .005 t)^.5 rises with the step t, every 200 steps.

What the authors' code does: alpha = 10 / K, the weight of similar pairs is a
number given for each data set, SGD with momentum .9, hash layer 10 times the
rate, half the rate every 2,000 steps, batches of 256; DeepHash-pytorch has
alpha = .1, the weights above, and the last codes of all train rows
(`bank=True`).

Departures: no row is compared with itself (`self_pairs`). Rows of the bank
that have not been seen yet do not count. sign(0) is +1.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 54,000 in the
database, .782; NUS-WIDE-21 mAP@5000 .830; ImageNet100 mAP@1000 .644; COCO
mAP@5000 .724.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxhash._checks import check_int, check_positive
from jaxhash.binarize import continuation_schedule
from jaxhash.core import HashMethod
from jaxhash.losses import (
  Pairs,
  balance_weights,
  pairwise_likelihood_loss,
  power_quantization_loss,
)
from jaxhash.methods._pairs import pair_method

__all__ = ['hashnet']


def hashnet(
  num_bits: int,
  *,
  scale: float | None = None,
  balanced: bool = True,
  continuation_rate: float = 0.005,
  continuation_power: float = 0.5,
  continuation_every: int = 200,
  continuation: Callable[[Array], Array] | None = None,
  bank: bool = False,
  self_pairs: bool = False,
) -> HashMethod:
  """HashNet, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss`,
  `quantization_loss` (of the codes, only to look at), `similar_pairs` (their
  share), `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    scale: alpha, above 0; None means 10 / num_bits.
    balanced: whether similar and dissimilar pairs count alike, however many
      there are of each.
    continuation_rate: of `binarize.continuation_schedule`; 0 is a plain tanh.
    continuation_power: of the same.
    continuation_every: of the same, in steps.
    continuation: `step -> beta`, any optax schedule, in place of these three.
    bank: compare each row with the last codes of all train rows.
    self_pairs: whether each row is compared with itself, too.

  Returns:
    The method; with a bank its `state` has the last codes of all train rows.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> import optax
    >>> hashnet(16, continuation=optax.linear_schedule(1.0, 10.0, 1000)).width
    16
  """
  check_int('num_bits', num_bits, 1)
  alpha = 10 / num_bits if scale is None else scale
  check_positive(scale=alpha)
  beta = continuation or continuation_schedule(
    continuation_rate, continuation_power, continuation_every
  )

  def tanh(
    logits: Float[Array, 'batch bits'], step: Array
  ) -> Float[Array, 'batch bits']:
    return jnp.tanh(jnp.asarray(beta(step), logits.dtype) * logits)

  def pair_loss(codes: Array, others: Array | None, pairs: Pairs) -> Array:
    weights = None
    if balanced:
      weights = balance_weights(pairs.similarity, where=pairs.where)
    return pairwise_likelihood_loss(
      codes,
      pairs.similarity,
      others,
      scale=alpha,
      weights=weights,
      where=pairs.where,
    )

  return pair_method(
    num_bits,
    pair_loss,
    power_quantization_loss,
    0.0,
    activation=tanh,
    self_pairs=self_pairs,
    bank=bank,
  )
