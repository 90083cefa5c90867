"""Cross-entropy of the scores of a classifier."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from jaxhash.losses._rows import check_rows, to_float32, zero_outside
from jaxhash.losses.labels import multi_hot
from jaxhash.losses.reduce import safe_reduce

__all__ = ['classification_loss']


def classification_loss(
  scores: Float[Array, 'batch classes'],
  labels: Shaped[Array, 'batch'] | Shaped[Array, 'batch classes'],
  *,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """Softmax cross-entropy; for multi-hot labels sigmoid cross-entropy.

  .. math::
    \\ell_n = -\\log \\mathrm{softmax}(s_n)_{y_n} \\qquad \\text{or} \\qquad
    \\ell_n = \\frac{1}{C} \\sum_i \\mathrm{BCE}(\\sigma(s_{ni}), y_{ni})

  Args:
    scores: of the classes, before softmax, `[batch, classes]`.
    labels: int `[batch]` or multi-hot `[batch, classes]`; a row without a
      label (-1, or all zeros) contributes nothing.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the scores are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> scores = jnp.zeros((1, 4))
    >>> round(classification_loss(scores, jnp.array([2])).item(), 4)
    1.3863
  """
  check_rows(scores, where, labels)
  own = multi_hot(labels, scores.shape[1])
  rows = own.any(axis=-1) if where is None else own.any(axis=-1) & where
  scores = zero_outside(to_float32(scores), rows)
  if labels.ndim == 1:
    log_p = jax.nn.log_softmax(scores)
    losses = -jnp.where(own, log_p, 0.0).sum(axis=-1)
  else:
    own_scores = jnp.where(own, scores, 0.0)
    losses = (jax.nn.softplus(scores) - own_scores).mean(axis=-1)
  return safe_reduce(losses, where=rows, reduce_fn=reduce_fn)
