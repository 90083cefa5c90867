r"""DTSH: a similar row must score above every dissimilar one.

Xiaofang Wang, Yi Shi and Kris M. Kitani, "Deep Supervised Hashing with Triplet
Labels", ACCV 2016 :cite:p:`wang2016dtsh`. The equations are read from the code
in DeepHash-pytorch (github.com/swuxyj/DeepHash-pytorch, MIT).

With logits u and T_ipn = <u_i, u_p> - <u_i, u_n> - alpha for rows p similar to
the anchor i and rows n that are not,

.. math::

  L = \operatorname{mean}_i \operatorname{mean}_{pn} \log(1 + e^{-T_{ipn}})
    + \lambda \operatorname{mean} (u - \operatorname{sign}(u))^2,

over the anchors that have both.

What that code does: alpha = 5, lambda = 1, RMSprop 1e-5, AlexNet; the paper has
half of the inner products (`scale=.5`).

Departures: no row is its own positive (`self_pairs`). T is not clipped to
[-100, 50], beyond which that code has no gradient. sign(0) is +1.

All triplets of a batch are formed: time and memory grow with its third power.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 54,000 in the
database, .800; NUS-WIDE-21 mAP@5000 .829; ImageNet100 mAP@1000 .631; COCO
mAP@5000 .760; MIRFlickr .753.
"""

from __future__ import annotations

from jaxhash._checks import check_not_negative, check_positive
from jaxhash.core import HashMethod
from jaxhash.losses import power_quantization_loss, triplet_likelihood_loss
from jaxhash.methods._pairs import pair_method

__all__ = ['dtsh']


def dtsh(
  num_bits: int,
  *,
  margin: float = 5.0,
  scale: float = 1.0,
  quantization_weight: float = 1.0,
  self_pairs: bool = False,
) -> HashMethod:
  """DTSH, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss` (of the
  triplets), `quantization_loss` (before its weight), `similar_pairs` (their
  share), `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    margin: alpha, at least 0.
    scale: of the inner products, above 0.
    quantization_weight: lambda, at least 0.
    self_pairs: whether a row is a positive of its own.

  Returns:
    The method.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> dtsh(16).width
    16
  """
  check_not_negative(margin=margin, quantization_weight=quantization_weight)
  check_positive(scale=scale)
  return pair_method(
    num_bits,
    lambda codes, others, pairs: triplet_likelihood_loss(
      codes,
      pairs.similarity,
      others,
      margin=margin,
      scale=scale,
      where=pairs.where,
    ),
    power_quantization_loss,
    quantization_weight,
    self_pairs=self_pairs,
  )
