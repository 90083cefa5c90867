r"""DPSH: the likelihood of pairs, and codes near to the corners.

Wu-Jun Li, Sheng Wang and Wang-Cheng Kang, "Feature Learning based Deep
Supervised Hashing with Pairwise Labels", IJCAI 2016 :cite:p:`li2016dpsh`. The
equations are read from the code in DeepHash-pytorch
(github.com/swuxyj/DeepHash-pytorch, MIT).

With logits u, theta_ij = <u_i, v_j> / 2 and s_ij = 1 for a label in common,

.. math::

  L = \operatorname{mean}_{ij} \left[ \log(1 + e^{\theta_{ij}})
    - s_{ij} \theta_{ij} \right]
    + \alpha \operatorname{mean} (u - \operatorname{sign}(u))^2.

What that code does: v are the last codes seen of all train rows, those of the
batch included, without a gradient (`bank=True`); alpha = .1, RMSprop 1e-5,
batches of 128, 150 epochs, AlexNet.

Departures: by default the batch is compared with itself, and no row with
itself (`self_pairs`), since with many classes most similar pairs of a batch
would be of that kind. Rows of the bank that have not been seen yet do not
count, where the code compares with zeros, of no class. sign(0) is +1.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 54,000 in the
database, .775; NUS-WIDE-21 mAP@5000 .844; ImageNet100 mAP@1000 .502; COCO
mAP@5000 .711; MIRFlickr .781.
"""

from __future__ import annotations

from jaxhash._checks import check_not_negative
from jaxhash.core import HashMethod
from jaxhash.losses import power_quantization_loss
from jaxhash.methods._pairs import likelihood, pair_method

__all__ = ['dpsh']


def dpsh(
  num_bits: int,
  *,
  quantization_weight: float = 0.1,
  bank: bool = False,
  self_pairs: bool = False,
) -> HashMethod:
  """DPSH, single-label and multi-label.

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
    >>> dpsh(16, bank=True).width
    16
  """
  check_not_negative(quantization_weight=quantization_weight)
  return pair_method(
    num_bits,
    likelihood,
    power_quantization_loss,
    quantization_weight,
    self_pairs=self_pairs,
    bank=bank,
  )
