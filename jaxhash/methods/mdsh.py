r"""MDSH: hash centers with a least distance, and the cosine to them.

Liangdao Wang, Yan Pan, Cong Liu, Hanjiang Lai, Jian Yin and Ye Liu, "Deep
Hashing with Minimal-Distance-Separated Hash Centers", CVPR 2023
:cite:p:`wang2023mdsh`. The equations are read from the authors' released code
(github.com/Wangld5/Center-Hashing).

With u = tanh(logits), centers o whose distances are at least d (Gilbert and
Varshamov's), and p_n = softmax(sqrt(K) cos(u_n, o)),

.. math::

  L &= -\operatorname{mean}_{n,i} \left[ y_{ni} \log p_{ni}
    + (1 - y_{ni}) \log(1 - p_{ni}) \right] \\
    &+ \beta \sum_{(n,j) \text{ alike}}
    \log\left( 1 + e^{(1 - \cos(u_n, b_j)) / 2} \right) / \#\text{alike} \\
    &+ \lambda \operatorname{mean} (|u| - 1)^2,

where j goes over all train rows and b_j is the last code seen of row j.

What the authors' code does: beta = 1, from the tenth epoch on; lambda = 1e-4;
the last codes are those of a second network, a moving average of the first
(momentum .9), and start as random numbers; the head has batch normalisation
before tanh (give the encoder `head='bn'`); ResNet-50, RMSprop 1e-5 with weight
decay 1e-5, gradients clipped at 5, batches of 64. Centers come from their
search (`codewords='mdsh'`), which takes long for many classes; `separated`
gives centers of at least the same distance from known codes.

Departures: the last codes are the network's own, written after the loss of a
batch and not before it, and rows that have not been seen yet do not count, so
that the second term may begin at once (`pair_from_step`). sign(0) is +1.

Published numbers (in Chen et al. 2025, who compare with it, CIFAR-100,
ResNet-34, mAP@ALL, 16 / 32 / 64 bits): .4388 .4856 .5205.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxhash._checks import check_int, check_not_negative
from jaxhash.core import (
  Aux,
  Batch,
  HashMethod,
  Info,
  Outputs,
  PyTree,
  Variables,
)
from jaxhash.losses import (
  codeword_cosines,
  cosine_one_vs_rest_loss,
  has_label,
  power_quantization_loss,
  safe_reduce,
)
from jaxhash.methods import _common
from jaxhash.methods._bank import Bank, empty_bank, pairs_with, written
from jaxhash.methods._codewords import Source, codeword_source

__all__ = ['mdsh']


def mdsh(
  num_bits: int,
  *,
  codewords: Source = 'separated',
  pair_weight: float = 1.0,
  pair_from_step: int = 0,
  quantization_weight: float = 1e-4,
) -> HashMethod:
  """MDSH, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `center_loss`,
  `pair_loss` and `quantization_loss` (before their weights), `accuracy` (share
  of the labelled rows whose nearest codeword is one of their own),
  `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    codewords: `separated`, `mdsh` (the authors' search) or another
      construction of `jaxhash.codewords`, a .npy file, or an array
      `[classes, num_bits]`.
    pair_weight: beta, at least 0; with 0 there is no bank of codes.
    pair_from_step: the step that beta begins at, at least 0.
    quantization_weight: lambda, at least 0.

  Returns:
    The method; its `state` has the codewords, int8 `[classes, num_bits]`, and
    the bank: the last codes of all train rows.

  Raises:
    ValueError: a hyper-parameter is out of its range; at `init`, there are no
      such codewords for so many classes.

  Example:
    >>> method = mdsh(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(100, int))
    >>> variables = method.init(jax.random.key(0), info)
    >>> variables.state['bank']['codes'].shape
    (100, 16)
  """
  check_int('num_bits', num_bits, 1)
  check_not_negative(
    pair_weight=pair_weight, quantization_weight=quantization_weight
  )
  check_int('pair_from_step', pair_from_step, 0)
  source = codeword_source(codewords, num_bits)

  def init(key: jax.Array, info: Info) -> Variables:
    state: PyTree = {'codewords': source(key, info.num_classes)}
    if pair_weight:
      state['bank'] = empty_bank(info, num_bits)
    return Variables(state=state)

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key
    labels, state = batch['labels'], variables.state
    where = has_label(labels)
    logits = _common.zero_unlabelled(outputs.logits, labels)
    codes = jnp.tanh(logits.astype(jnp.float32))
    center = cosine_one_vs_rest_loss(
      codes, state['codewords'], labels, scale=math.sqrt(num_bits)
    )
    error = power_quantization_loss(codes, where=where)
    value = center + quantization_weight * error
    metrics = {
      'center_loss': center,
      'quantization_loss': error,
      **_common.code_metrics(codes, state['codewords'], labels),
    }
    if pair_weight:
      # The most expensive part by far: a branch, so that it is not computed
      # before its time.
      pair = jax.lax.cond(
        step < pair_from_step,
        lambda: jnp.zeros_like(center),
        lambda: _pair_loss(codes, labels, state['bank']),
      )
      value = value + pair_weight * pair
      metrics['pair_loss'] = pair
    return value, Aux({'loss': value, **metrics}, codes)

  def update(
    variables: Variables,
    outputs: Outputs,
    aux: Aux,
    batch: Batch,
    *,
    key: jax.Array,
    step: jax.Array,
  ) -> PyTree:
    del outputs, key, step
    state = variables.state
    if not pair_weight:
      return state
    bank = state['bank']
    bank = written(bank, aux.arrays, batch['labels'], batch['index'])
    return {**state, 'bank': bank}

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    update=update,
    codewords=_common.fixed_codewords,
  )


def _pair_loss(
  codes: Float[Array, 'batch bits'], labels: Array, bank: Bank
) -> Float[Array, '']:
  """Draws each row to the last codes of the train rows that share a label."""
  similarity, where = pairs_with(bank, labels)
  away = jax.nn.softplus((1 - codeword_cosines(codes, bank['codes'])) / 2)
  return safe_reduce(away, where & (similarity > 0))
