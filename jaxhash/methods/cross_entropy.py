"""Cross-entropy and sign: a classifier on the logits, codes by their signs.

The baseline that Hoe et al. (OrthoHash, NeurIPS 2021
:cite:p:`hoe2021orthohash`) call CE: a linear classifier on real-valued codes v
= W f + b, softmax cross-entropy, and nothing that knows of binary codes; with
batch normalisation of v (CE+BN) give the encoder `head='bn'`.

Published numbers (their supplement, separability at 64 bits,
mean distance between classes less that within): CE 11.70, CE+BN 11.92,
OrthoHash 18.31. CE, ImageNet100, AlexNet, 64 bits, mAP@1000: .434 (benchmark
of CISiPLab/cisip-FIRe).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxhash._checks import check_int
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import classification_loss
from jaxhash.methods import _common

__all__ = ['cross_entropy']


def cross_entropy(num_bits: int) -> HashMethod:
  """Cross-entropy of a linear classifier on the logits.

  Rows without a label contribute nothing. Multi-hot labels: a sigmoid for
  each class. Metrics: `loss`, `accuracy`, `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.

  Returns:
    The method; its `params` are `{'classifier': {'kernel', 'bias'}}`.

  Raises:
    ValueError: `num_bits` is out of its range.

  Example:
    >>> method = cross_entropy(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> variables = method.init(jax.random.key(0), info)
    >>> variables.params['classifier']['kernel'].shape
    (16, 10)
  """
  check_int('num_bits', num_bits, 1)

  def init(key: jax.Array, info: Info) -> Variables:
    classifier = _common.init_classifier(key, num_bits, info.num_classes)
    return Variables(params={'classifier': classifier})

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    classifier = variables.params['classifier']
    logits = _common.zero_unlabelled(outputs.logits, batch['labels'])
    scores = _common.classify(classifier, logits)
    value = classification_loss(scores, batch['labels'])
    metrics = {
      'loss': value,
      'accuracy': _common.accuracy(scores, batch['labels']),
      'mean_abs_code': jnp.abs(logits).mean(),
    }
    return value, Aux(metrics)

  return HashMethod(width=num_bits, init=init, loss=loss)
