r"""GreedyHash without labels: cosines of binary codes as those of features.

Shupeng Su, Chao Zhang, Kai Han and Yonghong Tian, "Greedy Hash: Towards Fast
Optimization for Accurate Hash Coding in CNN", NeurIPS 2018
:cite:p:`su2018greedyhash`. The equations are read from the authors' released
code (github.com/ssppp/GreedyHash).

With logits u, codes b = sign(u) whose gradient passes to u unchanged, and
features x of a frozen network, row i of the first half of the batch is compared
with row i of the second:

.. math::

  L = \operatorname{mean}_i \left( \cos(b_i, b_{i + N/2})
    - \cos(x_i, x_{i + N/2}) \right)^2
    + \alpha \operatorname{mean} \big| |u| - 1 \big|^3.

What the authors' code does: alpha = .1; VGG-16's fc7, frozen, and one linear
layer; SGD with momentum .9, learning rate 1e-4, 200 epochs.

Departures: sign(0) is +1; the features are those that the run is given.

Published numbers (as DeepHash-pytorch gives them; CIFAR-10, 50,000 train rows,
mAP@1000 at 16, 32 and 64 bits): .410, .467, .476.
"""

from __future__ import annotations

import functools

from jaxhash._checks import check_not_negative
from jaxhash.binarize import straight_through
from jaxhash.core import HashMethod
from jaxhash.losses import power_quantization_loss
from jaxhash.methods._cosines import cosine_method

__all__ = ['greedyhash_unsupervised']


def greedyhash_unsupervised(
  num_bits: int, *, penalty_weight: float = 0.1, features: str = 'inputs'
) -> HashMethod:
  """GreedyHash, without labels.

  Batches must have an even number of rows. Metrics: `loss`, `cosine_loss`,
  `penalty` (before its weight), `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    penalty_weight: alpha, at least 0.
    features: as for `bihalf`.

  Returns:
    The method.

  Raises:
    ValueError: a hyper-parameter is out of its range, or the file is wrong.

  Example:
    >>> greedyhash_unsupervised(16).width
    16
  """
  check_not_negative(penalty_weight=penalty_weight)
  return cosine_method(
    num_bits,
    straight_through,
    features,
    penalty=functools.partial(power_quantization_loss, power=3),
    penalty_weight=penalty_weight,
  )
