r"""CSQ: every bit is drawn to the bit of the class's hash center.

Li Yuan, Tao Wang, Xiaopeng Zhang, Francis EH Tay, Zequn Jie, Wei Liu and Jiashi
Feng, "Central Similarity Quantization for Efficient Image and Video Retrieval",
CVPR 2020 :cite:p:`yuan2020csq`. The equations are read from the authors'
released code (github.com/yuanli2333/Hadamard-Matrix-for-hashing, MIT) and
DeepHash-pytorch's.

With a = W f(x) + b, u = tanh(a) and the center c of the row's class,

.. math::

  L = \operatorname{mean} \operatorname{BCE}
    \left( \frac{u + 1}{2}, \frac{c + 1}{2} \right)
    + \lambda \operatorname{mean} (|u| - 1)^2.

Centers are rows of a Hadamard matrix and their negatives where there are
enough (classes <= 2 K, K a power of two), else balanced random codes. A row
with several labels has the majority of their centers, bit by bit, ties broken
by one random code (equation 3 of the paper).

What the authors' code does: lambda = 1e-4 (paper: .05 and others for video),
mean over bits, ResNet-50, RMSprop 1e-5. It ships its centers as files: give
such centers by `codewords=`.

Where no draw of random centers is as the authors ask, the last is taken, in
which two classes may have the same center: with many classes for the bits give
`separated`.

Departures: which rows of the Hadamard matrix are taken, and their signs, is
random (see `codewords.central`); for the first rows, as published, give
`codewords.hadamard(None, ...)` as an array. The cross-entropy is computed from
a, which never saturates, in place of u; the two agree. The pairwise term of
the released code, which the paper does not have, is left out. sign(0) is +1.

Published numbers (README of the authors, ResNet-50, 16 / 32 / 64 bits):
ImageNet100 mAP@1000 .851 .865 .873, COCO mAP@5000 .796 .838 .861 (its queries
lie in the database), NUS-WIDE mAP@5000 .810 .825 .839. DeepHash-pytorch,
AlexNet, ImageNet100 .596 (16 bits), .706 (64).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxhash._checks import check_int, check_not_negative
from jaxhash.codewords.majority import tie_break
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import (
  central_similarity_loss,
  has_label,
  power_quantization_loss,
)
from jaxhash.methods import _common
from jaxhash.methods._codewords import Source, codeword_source

__all__ = ['csq']


def csq(
  num_bits: int,
  *,
  codewords: Source = 'central',
  quantization_weight: float = 1e-4,
) -> HashMethod:
  """CSQ, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `center_loss`,
  `quantization_loss` (before its weight), `accuracy` (share of the labelled
  rows whose nearest codeword is one of their own), `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    codewords: `central` (the paper's) or another construction of
      `jaxhash.codewords`, a .npy file, or an array `[classes, num_bits]`.
    quantization_weight: lambda, at least 0.

  Returns:
    The method; its `state` has the codewords, int8 `[classes, num_bits]`, and
    the code that breaks the ties of several labels.

  Raises:
    ValueError: a hyper-parameter is out of its range; at `init`, there are no
      such codewords for so many classes.

  Example:
    >>> method = csq(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> words = method.codewords(method.init(jax.random.key(0), info))
    >>> (words[0] != words[1]).sum().item()  # rows of a Hadamard matrix
    8
  """
  check_int('num_bits', num_bits, 1)
  check_not_negative(quantization_weight=quantization_weight)
  source = codeword_source(codewords, num_bits)

  def init(key: jax.Array, info: Info) -> Variables:
    words_key, tie_key = jax.random.split(key)
    return Variables(
      state={
        'codewords': source(words_key, info.num_classes),
        'tie_break': tie_break(tie_key, num_bits),
      }
    )

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    logits, labels = outputs.logits, batch['labels']
    words = variables.state['codewords']
    where = has_label(labels)
    codes = jnp.tanh(logits)
    targets = _common.target_codes(variables, labels)
    center = central_similarity_loss(logits, targets, where=where)
    error = power_quantization_loss(codes, where=where)
    value = center + quantization_weight * error
    metrics = {
      'loss': value,
      'center_loss': center,
      'quantization_loss': error,
      **_common.code_metrics(codes, words, labels),
    }
    return value, Aux(metrics)

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    codewords=_common.fixed_codewords,
  )
