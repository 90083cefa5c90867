r"""DPN: every logit is pushed beyond a margin on its target's side of 0.

Lixin Fan, Kam Woh Ng, Ce Ju, Tianyu Zhang and Chee Seng Chan, "Deep Polarized
Network for Supervised Learning of Accurate Binary Hashing Codes", IJCAI 2020
:cite:p:`fan2020dpn`. The equations are read from the code of DeepHash-pytorch
(MIT); the authors' own repository carries no licence and was not read.

With logits u and the target t of the row's class in {-1, 1}^K,

.. math:: L = \operatorname{mean} \max(0, m - u t), \qquad m = 1.

The targets are random codes with K/2 signs of each kind (`balanced`); the
paper's p is that share, .5. Optionally they move: the target of each class
becomes the sign of the sum of its rows' logits (`update_every`).

Departures: mean over bits, as in DeepHash-pytorch, where the paper sums. The
sums of a round of `update_every` steps, of the logits as they are, take the
place of a pass over all of the train set, where DeepHash-pytorch first makes
the logits -1, 0 or 1. A row with several labels has the majority of their
targets. The ternary DPN-T, whose codes have zeros, is not here. sign(0) is +1.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10 with a database
of 54,000 .787, NUS-WIDE-21 mAP@5000 .818, ImageNet100 mAP@1000 .688.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxhash._checks import check_int, check_positive
from jaxhash.binarize import codes_from_logits
from jaxhash.codewords.majority import tie_break
from jaxhash.core import (
  Aux,
  Batch,
  HashMethod,
  Info,
  Outputs,
  PyTree,
  Variables,
  keep_state,
)
from jaxhash.losses import has_label, multi_hot, polarization_loss
from jaxhash.methods import _common
from jaxhash.methods._codewords import Source, codeword_source

__all__ = ['dpn']


def dpn(
  num_bits: int,
  *,
  codewords: Source = 'balanced',
  margin: float = 1.0,
  update_every: int | None = None,
) -> HashMethod:
  """DPN, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `accuracy` (share
  of the labelled rows whose nearest codeword is one of their own),
  `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    codewords: `balanced` (the paper's) or another construction of
      `jaxhash.codewords`, a .npy file, or an array `[classes, num_bits]`.
    margin: m, above 0.
    update_every: steps after which the targets become the signs of the sums
      of the logits of their classes since then, say those of an epoch; None
      keeps them.

  Returns:
    The method; its `state` has the codewords, int8 `[classes, num_bits]`, the
    code that breaks the ties of several labels, and where targets move the
    sums.

  Raises:
    ValueError: a hyper-parameter is out of its range; at `init`, there are no
      such codewords for so many classes.

  Example:
    >>> method = dpn(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> words = method.codewords(method.init(jax.random.key(0), info))
    >>> abs(words.sum(axis=1)).max().item()
    0
  """
  check_int('num_bits', num_bits, 1)
  check_positive(margin=margin)
  if update_every is not None:
    check_int('update_every', update_every, 1)
  source = codeword_source(codewords, num_bits)

  def init(key: jax.Array, info: Info) -> Variables:
    words_key, tie_key = jax.random.split(key)
    words = source(words_key, info.num_classes)
    state = {'codewords': words, 'tie_break': tie_break(tie_key, num_bits)}
    if update_every is not None:
      state['sums'] = jnp.zeros(words.shape, jnp.float32)
    return Variables(state=state)

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
    value = polarization_loss(
      logits,
      _common.target_codes(variables, labels),
      margin=margin,
      where=has_label(labels),
    )
    metrics = {'loss': value, **_common.code_metrics(logits, words, labels)}
    return value, Aux(metrics)

  def update(
    variables: Variables,
    outputs: Outputs,
    aux: Aux,
    batch: Batch,
    *,
    key: jax.Array,
    step: jax.Array,
  ) -> PyTree:
    del aux, key
    state = variables.state
    words = state['codewords']
    labels = batch['labels']
    own = multi_hot(labels, len(words)).astype(jnp.float32)
    logits = _common.zero_unlabelled(outputs.logits, labels)
    sums = state['sums'] + own.T @ logits.astype(jnp.float32)
    # A class that was not seen has sums of 0 and keeps its target.
    moved = jnp.where(sums == 0, words, codes_from_logits(sums))
    assert update_every is not None
    last = (step + 1) % update_every == 0
    return {
      **state,
      'codewords': jnp.where(last, moved, words),
      'sums': jnp.where(last, 0.0, sums),
    }

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    update=keep_state if update_every is None else update,
    codewords=_common.fixed_codewords,
  )
