"""The predicted class as a binary number: the baseline that says the least.

Alexandre Sablayrolles, Matthijs Douze, Nicolas Usunier and Herve Jegou, "How
should we evaluate supervised hashing?", ICASSP 2017
:cite:p:`sablayrolles2017evaluate` (arXiv 1609.06753). They show that to encode
the output of a classifier in ceil(log2 C) bits beats most supervised hashing
methods where queries are of the classes that were trained on: such a protocol
measures classification. Any method whose mAP is not above this one's has learnt
nothing that a class label does not say.

A linear classifier on the encoder's features; the code is the number of its
best class, most significant bit first. The logits of the encoder are not used.

Departure: more than ceil(log2 C) bits may be asked for; the others are constant
and change no ranking.

Published numbers: none are comparable; the paper's are of GIST and CNN features
of its own.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8

from jaxhash._checks import check_int
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import classification_loss
from jaxhash.methods import _common

__all__ = ['class_bits']


def class_bits(num_bits: int) -> HashMethod:
  """The predicted class in ceil(log2 classes) bits, single-label.

  Rows without a label contribute nothing. Metrics: `loss`, `accuracy`.

  Args:
    num_bits: bits of a code, at least ceil(log2 classes).

  Returns:
    The method; its `params` are `{'classifier': {'kernel', 'bias'}}`, on the
    features.

  Raises:
    ValueError: `num_bits` is out of its range; at `init`, it is too small for
      the classes, or the labels are multi-hot.

  Example:
    >>> method = class_bits(4)
    >>> outputs = Outputs(jnp.ones((1, 8)), jnp.ones((1, 4)))
    >>> info = Info(None, outputs, 10, jnp.zeros(1, int))
    >>> variables = method.init(jax.random.key(0), info)
    >>> method.encode(variables, outputs).shape
    (1, 4)
  """
  check_int('num_bits', num_bits, 1)

  def init(key: jax.Array, info: Info) -> Variables:
    if info.labels.ndim != 1:
      raise ValueError(
        'class_bits encodes one class of each row, so it needs int labels '
        f'[num_train], got {list(info.labels.shape)}'
      )
    needed = (info.num_classes - 1).bit_length()
    if num_bits < needed:
      raise ValueError(
        f'class_bits needs {needed} bits for {info.num_classes} classes, got '
        f'{num_bits}'
      )
    num_features = info.outputs.features.shape[-1]
    classifier = _common.init_classifier(key, num_features, info.num_classes)
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
    features = _common.zero_unlabelled(outputs.features, batch['labels'])
    scores = feature_scores(variables, outputs._replace(features=features))
    value = classification_loss(scores, batch['labels'])
    metrics = {
      'loss': value,
      'accuracy': _common.accuracy(scores, batch['labels']),
    }
    return value, Aux(metrics)

  def encode(
    variables: Variables, outputs: Outputs
  ) -> Int8[Array, 'batch bits']:
    predicted = feature_scores(variables, outputs).argmax(axis=-1)
    shifts = jnp.arange(num_bits - 1, -1, -1, dtype=predicted.dtype)
    bits = (predicted[:, None] >> jnp.minimum(shifts, 30)[None]) & 1
    return jnp.where(bits > 0, jnp.int8(1), jnp.int8(-1))

  return HashMethod(width=num_bits, init=init, loss=loss, encode=encode)


def feature_scores(
  variables: Variables, outputs: Outputs
) -> Float[Array, 'batch classes']:
  """Scores of the classes from the features, float32."""
  return _common.classify(variables.params['classifier'], outputs.features)
