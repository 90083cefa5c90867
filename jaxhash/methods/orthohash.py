r"""OrthoHash: one loss, the cosine to a fixed binary codeword.

Jiun Tian Hoe, Kam Woh Ng, Tianyu Zhang, Chee Seng Chan, Yi-Zhe Song and Tao
Xiang, "One Loss for All: Deep Hashing with a Single Cosine Similarity based
Learning Objective", NeurIPS 2021 :cite:p:`hoe2021orthohash`. The equations are
read from the authors' released code (github.com/kamwoh/orthohash, BSD-3) and
their supplement.

With v = BN(W f), W without bias, and fixed codewords o of the classes in
{-1, 1}^K,

.. math::

  L = -\frac{1}{N} \sum_n \sum_i t_{ni} \log \operatorname{softmax}_i
    \left( s (\cos(v_n, o_i) - m y_{ni}) \right),

t_ni = y_ni / sum_j y_nj. `angular=True` is OrthoArc: the margin is added to the
angle. As `|v - b|^2 = 2K (1 - cos(v, b))` for `|v|^2 = K`, the loss is also a
bound on the quantisation error, and no other term is needed. Batch
normalisation balances the bits: give the encoder `head='bn'`, which has W
without bias.

What the authors' code does: s = 8 and m = .2 whatever the number of bits, by
default codewords whose bits are fair coins (`bernoulli`), Adam 1e-4 (backbone
1e-5) with weight decay 5e-4, batches of 256, 100 epochs, a tenth of the rate
after 80. AlexNet. Their supplement recommends s = sqrt(2) log(C - 1)
(`scale=None`) and finds that codewords by MaxHD or from a Hadamard matrix score
alike (Table 4). On a new database the head's statistics are computed anew:
`encoders.heads.reestimate_norm`.

Departures: sign(0) is +1. For multi-label rows the code trains on the first
label alone unless the data set is NUS-WIDE; here all of them count.

Published numbers (supplement, AlexNet, mAP@1000 on ImageNet100, mAP@5000 on
the others; 16 / 32 / 64 / 128 bits, Bernoulli codewords): ImageNet100 .608
.679 .711 .718, NUS-WIDE .804 .830 .845 .850, COCO .706 .759 .776 .777.
CIFAR-10, 64 bits, .824 (README).
"""

from __future__ import annotations

import math

import jax

from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.lookup import check_known
from jaxhash.losses import (
  cosine_margin_loss,
  cosine_quantization_loss,
  has_label,
  power_quantization_loss,
)
from jaxhash.methods import _common
from jaxhash.methods._codewords import Source, codeword_source

__all__ = ['orthohash']

QUANTIZATION = ('cosine', 'l1', 'l2')


def orthohash(
  num_bits: int,
  *,
  codewords: Source = 'bernoulli',
  scale: float | None = 8.0,
  margin: float = 0.2,
  angular: bool = False,
  quantization_weight: float = 0.0,
  quantization: str = 'cosine',
) -> HashMethod:
  """OrthoHash, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `accuracy` (share
  of the labelled rows whose nearest codeword is one of their own),
  `mean_abs_code`, and `quantization_loss`, before its weight.

  Args:
    num_bits: bits of a code, at least 1.
    codewords: `bernoulli`, `maxhd`, `hadamard` or another construction of
      `jaxhash.codewords`, a .npy file, or an array `[classes, num_bits]`.
    scale: s, above 0; None means sqrt(2) log(classes - 1), of at least 3
      classes.
    margin: m, at least 0; in radians where it is angular.
    angular: OrthoArc in place of OrthoCos.
    quantization_weight: of a quantisation term, at least 0.
    quantization: `cosine`, `l1` or `l2`: the form of that term.

  Returns:
    The method; its `state` has the codewords, int8 `[classes, num_bits]`.

  Raises:
    ValueError: a hyper-parameter is out of its range; at `init`, there are no
      such codewords for so many classes.

  Example:
    >>> import jax.numpy as jnp
    >>> method = orthohash(16, margin=0.3)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> variables = method.init(jax.random.key(0), info)
    >>> method.codewords(variables).shape
    (10, 16)
  """
  check_int('num_bits', num_bits, 1)
  check_positive(scale=1.0 if scale is None else scale)
  check_not_negative(margin=margin, quantization_weight=quantization_weight)
  check_known('quantization', quantization, QUANTIZATION)
  source = codeword_source(codewords, num_bits)

  def init(key: jax.Array, info: Info) -> Variables:
    return Variables(state={'codewords': source(key, info.num_classes)})

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    logits, labels = outputs.logits, batch['labels']
    words = variables.state['codewords']
    value = cosine_margin_loss(
      logits,
      words,
      labels,
      scale=_scale(scale, len(words)),
      margin=margin,
      angular=angular,
    )
    where = has_label(labels)
    if quantization == 'cosine':
      error = cosine_quantization_loss(logits, where=where)
    else:
      power = 1 if quantization == 'l1' else 2
      error = power_quantization_loss(logits, power=power, where=where)
    if quantization_weight:
      value = value + quantization_weight * error
    metrics = {
      'loss': value,
      'quantization_loss': error,
      **_common.code_metrics(logits, words, labels),
    }
    return value, Aux(metrics)

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    codewords=_common.fixed_codewords,
  )


def _scale(scale: float | None, num_classes: int) -> float:
  if scale is not None:
    return scale
  return math.sqrt(2) * math.log(max(num_classes, 3) - 1)
