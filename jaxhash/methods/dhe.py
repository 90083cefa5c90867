r"""DHE, Deep Hamming Embedding: a RECONSTRUCTION, not the authors' method.

"Deep Hamming Embedding", Pattern Recognition and Artificial Intelligence 2020
:cite:p:`dhe2020`. Only its abstract and its list of references could be read.
The abstract says that a hidden layer is put at the end of a deep CNN, that the
codes come from the activation of each of its units, and that a Hamming
embedding loss, made for codes, keeps what is similar near. The loss itself is
in no source that could be read: what follows is the best-supported reading.
Name it a reconstruction wherever its numbers appear.

With a = sigmoid(logits) and the soft Hamming distance
d_ij = sum_k [a_ik (1 - a_jk) + (1 - a_ik) a_jk],

.. math::

  L = \operatorname{mean}_{i<j} \left[ s_{ij} d_{ij}
    + (1 - s_{ij}) \max(0, m - d_{ij}) \right]
    + \eta \operatorname{mean} \sum_k a_k (1 - a_k),

s_ij = 1 for a label in common, m = K/2, the mean distance of random codes, and
eta = 0. On binary a the distance is Hamming's; of identical rows it is 0 only
if they are binary, so that similar pairs draw each other to the corners.
`distance='l1'` has `sum_k |a_ik - a_jk|` in its place.

Published numbers: none could be read; the abstract claims to be better above
all at short codes, on CIFAR-10 and NUS-WIDE.
"""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.core import HashMethod
from jaxhash.lookup import check_known
from jaxhash.losses import (
  bit_variance_loss,
  l1_distances,
  pairwise_hinge_loss,
  soft_hamming_distances,
)
from jaxhash.methods._pairs import pair_method

__all__ = ['dhe']

DISTANCES = {'soft_hamming': soft_hamming_distances, 'l1': l1_distances}


def dhe(
  num_bits: int,
  *,
  margin: float | None = None,
  distance: str = 'soft_hamming',
  binarization_weight: float = 0.0,
) -> HashMethod:
  """DHE (RECONSTRUCTION), single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss`,
  `quantization_loss` (the last term, before its weight), `similar_pairs`
  (their share), `mean_abs_code` (of a).

  Args:
    num_bits: bits of a code, at least 1.
    margin: m, in bits, above 0; None means num_bits / 2.
    distance: `soft_hamming` or `l1`.
    binarization_weight: eta, at least 0.

  Returns:
    The method.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> dhe(16).reconstruction
    'the Hamming embedding loss, from the abstract alone'
  """
  check_int('num_bits', num_bits, 1)
  least = num_bits / 2 if margin is None else margin
  check_positive(margin=least)
  check_not_negative(binarization_weight=binarization_weight)
  check_known('distance', distance, DISTANCES)

  def sigmoid(
    logits: Float[Array, 'batch bits'], step: Array
  ) -> Float[Array, 'batch bits']:
    del step
    return jax.nn.sigmoid(logits)

  return pair_method(
    num_bits,
    lambda codes, others, pairs: pairwise_hinge_loss(
      codes,
      pairs.similarity,
      others,
      margin=least,
      distance=DISTANCES[distance],
      where=pairs.where,
    ),
    bit_variance_loss,
    binarization_weight,
    activation=sigmoid,
  )._replace(
    reconstruction='the Hamming embedding loss, from the abstract alone'
  )
