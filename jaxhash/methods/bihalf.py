r"""BiHalf: codes of which every bit halves the batch, without labels.

Yunqiang Li and Jan van Gemert, "Deep Unsupervised Image Hashing by Maximizing
Bit Entropy", AAAI 2021 :cite:p:`li2021bihalf`. The equations are read from the
authors' released code
(github.com/liyunqianggyn/Deep-Unsupervised-Image-Hashing).

With codes B, +1 for the greater half of a batch in each bit and -1 for the
other (`binarize.half_sign`), and features x of a frozen network, row i of the
first half of the batch is compared with row i of the second:

.. math::

  L &= \operatorname{mean}_i \left( \cos(b_i, b_{i + N/2})
    - \cos(x_i, x_{i + N/2}) \right)^2, \\
  \frac{dL}{dU} &:= \frac{dL}{dB} + \frac{\gamma (U - B)}{N K}.

What the authors' code does: gamma = 6; VGG-16's fc7, frozen, and one linear
layer; SGD with momentum .9 and weight decay 5e-4, learning rate 1e-4, a tenth
of it every 120 of 300 epochs. At test time codes are the sign of U.

Departures: sign(0) is +1; the features are those that the run is given.

Published number (as DeepHash-pytorch gives it; CIFAR-10, 50,000 train rows, 64
bits): mAP@1000 .593.
"""

from __future__ import annotations

import functools

from jaxhash._checks import check_not_negative
from jaxhash.binarize import half_sign
from jaxhash.core import HashMethod
from jaxhash.methods._cosines import cosine_method

__all__ = ['bihalf']


def bihalf(
  num_bits: int, *, gamma: float = 6.0, features: str = 'inputs'
) -> HashMethod:
  """BiHalf, without labels.

  Batches must have an even number of rows. Metrics: `loss`, `cosine_loss`, the
  same, `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    gamma: what draws the logits to their codes, at least 0.
    features: whose cosines the codes are to keep: `inputs`, those of the
      encoder, or a .npy file of vectors of all rows of the data set. Those of
      train rows are then in the state, and in every checkpoint.

  Returns:
    The method.

  Raises:
    ValueError: a hyper-parameter is out of its range, or the file is wrong.

  Example:
    >>> bihalf(16).width
    16
  """
  check_not_negative(gamma=gamma)
  return cosine_method(
    num_bits, functools.partial(half_sign, gamma=gamma), features
  )
