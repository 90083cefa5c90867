r"""DSH: similar codes near each other, the others a margin apart.

Haomiao Liu, Ruiping Wang, Shiguang Shan and Xilin Chen, "Deep Supervised
Hashing for Fast Image Retrieval", CVPR 2016 :cite:p:`liu2016dsh`. The equations
are read from the code in DeepHash-pytorch (github.com/swuxyj/DeepHash-pytorch,
MIT).

With logits u, `D_ij = |u_i - v_j|^2` and s_ij = 1 for a label in common,

.. math::

  L = \operatorname{mean}_{ij} \left[ s_{ij} D_{ij}
    + (1 - s_{ij}) \max(0, 2 K - D_{ij}) \right] / 2
    + \alpha \operatorname{mean} \big| |u| - 1 \big|.

What that code does: v are the last codes seen of all train rows (`bank=True`),
alpha = .1, AlexNet; the paper compares the batch with itself, alpha = .01.

Departures: no row is compared with itself (`self_pairs`). Rows of the bank that
have not been seen yet do not count. sign(0) is +1.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 59,000 in the
database, .800.
"""

from __future__ import annotations

from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.core import HashMethod
from jaxhash.losses import (
  pairwise_hinge_loss,
  power_quantization_loss,
  squared_distances,
)
from jaxhash.methods._pairs import pair_method

__all__ = ['dsh']


def dsh(
  num_bits: int,
  *,
  margin: float | None = None,
  quantization_weight: float = 0.1,
  bank: bool = False,
  self_pairs: bool = False,
) -> HashMethod:
  """DSH, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss`,
  `quantization_loss` (before its weight), `similar_pairs` (their share),
  `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    margin: of the squared distance, above 0; None means 2 num_bits, that of
      codes half of whose bits differ.
    quantization_weight: alpha, at least 0.
    bank: compare each row with the last codes of all train rows.
    self_pairs: whether each row is compared with itself, too.

  Returns:
    The method; with a bank its `state` has the last codes of all train rows.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> dsh(16).width
    16
  """
  check_int('num_bits', num_bits, 1)
  least = 2.0 * num_bits if margin is None else margin
  check_positive(margin=least)
  check_not_negative(quantization_weight=quantization_weight)
  return pair_method(
    num_bits,
    lambda codes, others, pairs: pairwise_hinge_loss(
      codes,
      pairs.similarity,
      others,
      margin=least / 2,
      distance=lambda u, v: squared_distances(u, v) / 2,
      where=pairs.where,
    ),
    lambda codes, where: power_quantization_loss(codes, power=1, where=where),
    quantization_weight,
    self_pairs=self_pairs,
    bank=bank,
  )
