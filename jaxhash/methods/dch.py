r"""DCH: similar pairs within a small Hamming radius, by Cauchy's distribution.

Yue Cao, Mingsheng Long, Bin Liu and Jianmin Wang, "Deep Cauchy Hashing for
Hamming Space Retrieval", CVPR 2018 :cite:p:`cao2018dch`. The equations are read
from the code in DeepHash-pytorch (github.com/swuxyj/DeepHash-pytorch, MIT).

With logits u, d_ij = K/2 (1 - min(cos(u_i, u_j), .99)), s_ij = 1 for a label in
common, and weights w_ij = n / n_similar or n / n_dissimilar,

.. math::

  L = \operatorname{mean}_{ij} w_{ij} \left[ s_{ij} \log \frac{d_{ij}}{\gamma}
    + \log\left( 1 + \frac{\gamma}{d_{ij}} \right) \right]
    + \lambda \operatorname{mean}
    \log\left( 1 + \frac{d(|u|, 1)}{\gamma} \right).

What that code does: gamma = 20, lambda = .1, AlexNet.

Departures: no row is compared with itself (`self_pairs`); the cosine of `|u|`
to the corner (1, ..., 1) is not bounded. sign(0) is +1.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 59,000 in the
database, .810; NUS-WIDE-21 mAP@5000 .794; ImageNet100 mAP@1000 .586; COCO
mAP@5000 .670. The paper's own break ties by real-valued features.
"""

from __future__ import annotations

from jaxhash._checks import check_not_negative, check_positive
from jaxhash.core import HashMethod
from jaxhash.losses import (
  balance_weights,
  cauchy_cross_entropy_loss,
  cauchy_quantization_loss,
)
from jaxhash.methods._pairs import pair_method

__all__ = ['dch']


def dch(
  num_bits: int,
  *,
  gamma: float = 20.0,
  quantization_weight: float = 0.1,
  self_pairs: bool = False,
) -> HashMethod:
  """DCH, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss`,
  `quantization_loss` (before its weight), `similar_pairs` (their share),
  `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    gamma: scale of Cauchy's distribution, in bits, above 0.
    quantization_weight: lambda, at least 0.
    self_pairs: whether each row is compared with itself, too.

  Returns:
    The method.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> dch(16, gamma=5.0).width
    16
  """
  check_positive(gamma=gamma)
  check_not_negative(quantization_weight=quantization_weight)
  return pair_method(
    num_bits,
    lambda codes, others, pairs: cauchy_cross_entropy_loss(
      codes,
      pairs.similarity,
      others,
      gamma=gamma,
      weights=balance_weights(pairs.similarity, where=pairs.where),
      where=pairs.where,
    ),
    lambda codes, where: cauchy_quantization_loss(
      codes, gamma=gamma, where=where
    ),
    quantization_weight,
    self_pairs=self_pairs,
  )
