r"""DHN: the likelihood of pairs, and a smooth pull to the corners.

Han Zhu, Mingsheng Long, Jianmin Wang and Yue Cao, "Deep Hashing Network for
Efficient Similarity Retrieval", AAAI 2016 :cite:p:`zhu2016dhn`. The equations
are read from the code in DeepHash-pytorch (github.com/swuxyj/DeepHash-pytorch,
MIT).

With logits u, theta_ij = <u_i, v_j> / 2 and s_ij = 1 for a label in common,

.. math::

  L = \operatorname{mean}_{ij} \left[ \log(1 + e^{\theta_{ij}})
    - s_{ij} \theta_{ij} \right]
    + \alpha \operatorname{mean} \log \cosh(|u| - 1):

DPSH with another penalty.

What that code does: alpha = .1, RMSprop 1e-5, 90 epochs, AlexNet.

Departures: those of `jaxhash.methods.dpsh`.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 54,000 in the
database, .781; NUS-WIDE-21 mAP@5000 .841; ImageNet100 mAP@1000 .486; MIRFlickr
.775.
"""

from __future__ import annotations

from jaxhash._checks import check_not_negative
from jaxhash.core import HashMethod
from jaxhash.losses import log_cosh_quantization_loss
from jaxhash.methods._pairs import likelihood, pair_method

__all__ = ['dhn']


def dhn(
  num_bits: int,
  *,
  quantization_weight: float = 0.1,
  bank: bool = False,
  self_pairs: bool = False,
) -> HashMethod:
  """DHN, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss`,
  `quantization_loss` (before its weight), `similar_pairs` (their share),
  `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    quantization_weight: alpha, at least 0.
    bank: compare each row with the last codes of all train rows.
    self_pairs: whether each row is compared with itself, too.

  Returns:
    The method; with a bank its `state` has the last codes of all train rows.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> dhn(16).width
    16
  """
  check_not_negative(quantization_weight=quantization_weight)
  return pair_method(
    num_bits,
    likelihood,
    log_cosh_quantization_loss,
    quantization_weight,
    self_pairs=self_pairs,
    bank=bank,
  )
