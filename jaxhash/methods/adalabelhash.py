r"""AdaLabelHash: codewords that are learned together with the codes.

Huei-Fang Yang, Cheng-Hao Tu and Chu-Song Chen, "Adaptive Labeling for Hash Code
Learning via Neural Networks", ICIP 2019 :cite:p:`yang2019adaptive`, and
"Adaptive Labeling for Deep Learning to Hash", CVPR Workshops 2019
:cite:p:`yang2019adaptivedeep`. The equations are read from the authors'
released code (github.com/ivclab/AdaLabelHash, BSD-3).

With codes h = tanh(logits), codewords c = tanh(E) of a trainable table E and
scores s_nj = <h_n, c_j>,

.. math::

  L &= \frac{\sum_n \sum_{j \in P(n)} \max(0, k - s_{nj} + m_n)}
    {\sum_n |P(n)|}, \\
  m_n &= \max_{j \notin P(n)} s_{nj},

where P(n) are the classes of sample n. There is no quantisation term, no
balance term and no classifier: s grows only as codes and codewords near the
vertices of the hypercube. Classes that look alike come to have codewords that
are near each other, as long as the encoder cannot memorise the train rows: if
it can, the hinge is active between such classes longest and drives their
codewords apart (seen on synthetic features of few rows).

What the authors' code does: k = 1; E starts from U(-.05, .05) (Keras'
Embedding); m_n is at least 0, for masked scores are 0 when the maximum is
taken (`floor_negatives=True`, the default here; False gives the equation).
Encoder VGG-CNN-F, Adam with one learning rate of 1e-5 for network and table,
decayed as lr / (1 + 1e-5 * iteration), batches of 32, at most 180 epochs with
early stopping on the training loss, then three stages at lower rates.

Departures: none in the loss by default; `margin=None` is k = num_bits / 2, as
the configs of this project have it, for scores reach num_bits and a hinge that
ends at 1 leaves many bits undecided. sign(0) is +1. Encoder, optimiser,
schedule and stopping are choices of the run, not of the method.

Published numbers: none were found, neither in a reachable text of the papers
nor in the code. Anchor of the same group, but of another method (SSDH,
supervised semantics-preserving hashing; README of Caffe-DeepBinaryCode):
CIFAR-10, 48 bits, official split, mAP over all of the database .913361.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int8

from jaxhash import binarize
from jaxhash._checks import check_int, check_positive
from jaxhash.codewords import adaptive_codewords, init_adaptive
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import codeword_scores, hardest_negative_hinge_loss
from jaxhash.methods import _common

__all__ = ['adalabelhash']


def adalabelhash(
  num_bits: int,
  *,
  margin: float | None = 1.0,
  floor_negatives: bool = True,
  codeword_scale: float = 0.05,
) -> HashMethod:
  """AdaLabelHash, supervised.

  Rows without a label contribute nothing. Metrics: `loss`, `accuracy` (share
  of the labelled rows whose nearest codeword is one of their own),
  `mean_abs_code` (1 where codes are binary).

  Args:
    num_bits: bits of a code, at least 1.
    margin: k, above 0; None means num_bits / 2.
    floor_negatives: the hardest negative scores at least 0, as in the
      authors' code.
    codeword_scale: the table starts from U(-codeword_scale, codeword_scale).

  Returns:
    The method; its `params` are `{'codewords': E}`, float32
    `[num_classes, num_bits]`.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> method = adalabelhash(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> variables = method.init(jax.random.key(0), info)
    >>> method.codewords(variables).shape
    (10, 16)
  """
  check_int('num_bits', num_bits, 1)
  margin = num_bits / 2 if margin is None else margin
  check_positive(margin=margin, codeword_scale=codeword_scale)

  def init(key: jax.Array, info: Info) -> Variables:
    table = init_adaptive(key, info.num_classes, num_bits, scale=codeword_scale)
    return Variables(params={'codewords': table})

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    codes = jnp.tanh(outputs.logits)
    codewords = adaptive_codewords(variables.params['codewords'])
    value = hardest_negative_hinge_loss(
      codes,
      codewords,
      batch['labels'],
      margin=margin,
      floor_negatives=floor_negatives,
    )
    metrics = {
      'loss': value,
      'accuracy': _common.accuracy(
        codeword_scores(codes, codewords), batch['labels']
      ),
      'mean_abs_code': jnp.abs(codes).mean(),
    }
    return value, Aux(metrics)

  return HashMethod(
    width=num_bits, init=init, loss=loss, codewords=_binary_codewords
  )


def _binary_codewords(variables: Variables) -> Int8[Array, 'classes bits']:
  """The sign of the learned codewords, with sign(0) = +1."""
  return binarize.codes_from_logits(variables.params['codewords'])
