r"""GreedyHash: a classifier on the binary code itself.

Shupeng Su, Chao Zhang, Kai Han and Yonghong Tian, "Greedy Hash: Towards Fast
Optimization for Accurate Hash Coding in CNN", NeurIPS 2018
:cite:p:`su2018greedyhash`. The equations are read from the authors' released
code (github.com/ssppp/GreedyHash).

With logits u, codes b = sign(u) and a linear classifier W,

.. math::

  L = \operatorname{CE}(W b) + \alpha \operatorname{mean} \big| |u| - 1 \big|^3,

where the gradient of b passes to u unchanged (straight-through): each bit takes
the greedy discrete step, and the penalty keeps u near b.

What the authors' code does: alpha = .1 (1 on ImageNet), SGD with momentum .9,
learning rate 1e-3, a tenth of it every 30 epochs (80 on ImageNet).

Departures: sign(0) is +1. Multi-hot labels get a sigmoid for each class.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 59,000 in the
database, .817; the official split .932; ImageNet100 mAP@1000 .678.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxhash._checks import check_int, check_not_negative
from jaxhash.binarize import straight_through
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import (
  classification_loss,
  has_label,
  power_quantization_loss,
)
from jaxhash.methods import _common

__all__ = ['greedyhash']


def greedyhash(num_bits: int, *, penalty_weight: float = 0.1) -> HashMethod:
  """GreedyHash, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`,
  `classification_loss`, `penalty` (before its weight), `accuracy`,
  `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    penalty_weight: alpha, at least 0.

  Returns:
    The method; its `params` are `{'classifier': {'kernel', 'bias'}}`.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> method = greedyhash(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> variables = method.init(jax.random.key(0), info)
    >>> variables.params['classifier']['kernel'].shape
    (16, 10)
  """
  check_int('num_bits', num_bits, 1)
  check_not_negative(penalty_weight=penalty_weight)

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
    labels, classifier = batch['labels'], variables.params['classifier']
    logits = _common.zero_unlabelled(outputs.logits, labels)
    logits = logits.astype(jnp.float32)
    scores = _common.classify(classifier, straight_through(logits))
    classification = classification_loss(scores, labels)
    penalty = power_quantization_loss(logits, power=3, where=has_label(labels))
    value = classification + penalty_weight * penalty
    metrics = {
      'loss': value,
      'classification_loss': classification,
      'penalty': penalty,
      'accuracy': _common.accuracy(scores, labels),
      'mean_abs_code': jnp.abs(logits).mean(),
    }
    return value, Aux(metrics)

  return HashMethod(width=num_bits, init=init, loss=loss)
