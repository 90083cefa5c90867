r"""IDHN: how many labels two rows share decides how near their codes are.

Zheng Zhang, Qin Zou, Yuewei Lin, Long Chen and Song Wang, "Improved Deep
Hashing with Soft Pairwise Similarity for Multi-label Image Retrieval", IEEE TMM
2020 :cite:p:`zhang2020idhn`. The equations are read from the code in
DeepHash-pytorch (github.com/swuxyj/DeepHash-pytorch, MIT).

With `v = u / (1 + |u|)` of the logits u, s_ij the cosine of the label vectors
and t_ij = alpha <v_i, v_j>,

.. math::

  \ell_{ij} &= \begin{cases}
    \log(1 + e^{t_{ij}}) - s_{ij} t_{ij}
      & \text{where } s_{ij} \text{ is 0 or 1,} \\
    \gamma (t_{ij} + K - 2 s_{ij} K)^2 & \text{elsewhere,}
  \end{cases} \\
  L &= \operatorname{mean}_{ij} \ell_{ij}
    + \lambda \operatorname{mean} (1 - |v|).

What that code does: alpha = .5, gamma = lambda = .1, AlexNet.

Departures: no row is compared with itself (`self_pairs`). sign(0) is +1. Of int
labels no pair is in between, and the squares never count.

Published numbers: none could be found in the sources that were read.
"""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from jaxhash._checks import check_not_negative, check_positive
from jaxhash.core import HashMethod
from jaxhash.losses import power_quantization_loss, quantified_similarity_loss
from jaxhash.methods._pairs import pair_method

__all__ = ['idhn']


def idhn(
  num_bits: int,
  *,
  scale: float = 0.5,
  soft_weight: float = 0.1,
  quantization_weight: float = 0.1,
  self_pairs: bool = False,
) -> HashMethod:
  """IDHN, for multi-label rows.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss`,
  `quantization_loss` (before its weight), `similar_pairs` (the share that has
  a label in common), `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    scale: alpha, above 0.
    soft_weight: gamma, at least 0.
    quantization_weight: lambda, at least 0.
    self_pairs: whether each row is compared with itself, too.

  Returns:
    The method.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> idhn(16).width
    16
  """
  check_positive(scale=scale)
  check_not_negative(
    soft_weight=soft_weight, quantization_weight=quantization_weight
  )

  def soft_sign(
    logits: Float[Array, 'batch bits'], step: Array
  ) -> Float[Array, 'batch bits']:
    del step
    return jax.nn.soft_sign(logits)

  return pair_method(
    num_bits,
    lambda codes, others, pairs: quantified_similarity_loss(
      codes,
      pairs.similarity,
      others,
      scale=scale,
      soft_weight=soft_weight,
      where=pairs.where,
    ),
    lambda codes, where: power_quantization_loss(codes, power=1, where=where),
    quantization_weight,
    activation=soft_sign,
    soft=True,
    self_pairs=self_pairs,
  )
