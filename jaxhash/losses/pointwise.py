"""Losses of samples against the codewords of all classes."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int8, Shaped

from jaxhash.losses._rows import (
  check_bits,
  check_rows,
  to_float32,
  unit_rows,
  zero_outside,
)
from jaxhash.losses.distances import inner_products
from jaxhash.losses.labels import multi_hot
from jaxhash.losses.reduce import safe_reduce

__all__ = [
  'codeword_cosines',
  'codeword_scores',
  'cosine_margin_loss',
  'cosine_one_vs_rest_loss',
  'hardest_negative_hinge_loss',
]

LARGEST_COSINE = 0.99999  # beyond it the angle has no finite gradient


def codeword_scores(
  codes: Float[Array, 'batch bits'],
  codewords: Float[Array, 'classes bits'],
) -> Float[Array, 'batch classes']:
  """Inner products of codes and codewords, accumulated in float32.

  Args:
    codes: real-valued codes, `[batch, bits]`, any float dtype.
    codewords: real-valued codewords, `[classes, bits]`, any float dtype.

  Returns:
    Scores `[batch, classes]`, float32 (float64 where an argument is).

  Raises:
    ValueError: codes and codewords differ in their number of bits.

  Example:
    >>> codeword_scores(jnp.array([[1.0, -0.5]]), jnp.eye(2)).tolist()
    [[1.0, -0.5]]
  """
  check_bits(codes, codewords, 'codewords')
  return inner_products(codes, codewords)


def codeword_cosines(
  logits: Float[Array, 'batch bits'],
  codewords: Float[Array, 'classes bits'] | Int8[Array, 'classes bits'],
) -> Float[Array, 'batch classes']:
  """Cosines of the angles between logits and codewords.

  .. math:: \\cos_{ni} = \\frac{\\langle v_n, o_i \\rangle}{\\|v_n\\| \\|o_i\\|}

  Args:
    logits: real-valued codes before any activation, `[batch, bits]`.
    codewords: `[classes, bits]`, binary (int8 -1/+1) or real-valued.

  Returns:
    Cosines `[batch, classes]`, float32 (float64 where an argument is); 0 for
    a row of zeros, with a finite gradient.

  Raises:
    ValueError: logits and codewords differ in their number of bits.

  Example:
    >>> codeword_cosines(jnp.array([[3.0, 0.0]]), jnp.eye(2)).tolist()
    [[1.0, 0.0]]
  """
  return codeword_scores(
    unit_rows(to_float32(logits)), unit_rows(to_float32(codewords))
  )


def cosine_margin_loss(
  logits: Float[Array, 'batch bits'],
  codewords: Float[Array, 'classes bits'] | Int8[Array, 'classes bits'],
  labels: Shaped[Array, 'batch'] | Shaped[Array, 'batch classes'],
  *,
  scale: float = 8.0,
  margin: float = 0.2,
  angular: bool = False,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """OrthoHash: the own codeword must be nearest in angle, by a margin.

  .. math::
    \\ell_n = -\\sum_i t_{ni} \\log \\mathrm{softmax}_i(s (\\cos_{ni} -
    m y_{ni})), \\qquad t_{ni} = y_{ni} / \\sum_j y_{nj}

  for a sample n with classes y (0 or 1). The cosine to a binary codeword is
  also 1 less half the mean squared quantisation error, so that no term for
  quantisation is needed.

  Args:
    logits: v, real-valued codes before any activation, `[batch, bits]`.
    codewords: o, `[classes, bits]`, binary (int8 -1/+1) or real-valued.
    labels: int `[batch]` or multi-hot `[batch, classes]`, of which each own
      class has the same share of the target ("label smoothing"); a row
      without a label (-1, or all zeros) contributes nothing.
    scale: s, the inverse temperature.
    margin: m, subtracted from the cosine of every own class.
    angular: OrthoArc: the margin is added to the angle of every own class, in
      radians, its cosine clipped at .99999 on either side.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where an argument is).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> words = jnp.array([[1, 1], [1, -1]], jnp.int8)
    >>> logits = jnp.array([[2.0, 2.0]])
    >>> loss = cosine_margin_loss(
    ...   logits, words, jnp.array([0]), scale=1.0, margin=0.0
    ... )
    >>> round(loss.item(), 4)
    0.3133

  Source: Hoe et al., "One Loss for All: Deep Hashing with a Single Cosine
  Similarity based Learning Objective", NeurIPS 2021 :cite:p:`hoe2021orthohash`,
  equations 5 and 6; the multi-label form is read from the authors' released
  code.
  """
  check_rows(logits, where, labels)
  own = multi_hot(labels, codewords.shape[0])
  rows = own.any(axis=-1) if where is None else own.any(axis=-1) & where
  cosines = codeword_cosines(zero_outside(logits, rows), codewords)
  if angular:
    clipped = cosines.clip(-LARGEST_COSINE, LARGEST_COSINE)
    shifted = jnp.cos(jnp.arccos(clipped) + margin)
  else:
    shifted = cosines - margin
  log_p = jax.nn.log_softmax(scale * jnp.where(own, shifted, cosines))
  losses = -jnp.where(own, log_p, 0.0).sum(axis=-1) / _counts(own, log_p.dtype)
  return safe_reduce(losses, where=rows, reduce_fn=reduce_fn)


def cosine_one_vs_rest_loss(
  logits: Float[Array, 'batch bits'],
  codewords: Float[Array, 'classes bits'] | Int8[Array, 'classes bits'],
  labels: Shaped[Array, 'batch'] | Shaped[Array, 'batch classes'],
  *,
  scale: float,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """MDSH: binary cross-entropy of each class on a softmax of cosines.

  .. math::
    \\ell_n = -\\frac{1}{C} \\sum_i \\left[ y_{ni} \\log p_{ni} + (1 - y_{ni})
    \\log (1 - p_{ni}) \\right], \\quad p_n = \\mathrm{softmax}(s \\cos_n)

  Args:
    logits: real-valued codes, `[batch, bits]`; MDSH gives them after tanh.
    codewords: `[classes, bits]`, binary (int8 -1/+1) or real-valued.
    labels: int `[batch]` or multi-hot `[batch, classes]`; a row without a
      label (-1, or all zeros) contributes nothing.
    scale: s; MDSH has the square root of the number of bits.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where an argument is).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> words = jnp.array([[1, 1], [1, -1]], jnp.int8)
    >>> loss = cosine_one_vs_rest_loss(
    ...   jnp.array([[2.0, 2.0]]), words, jnp.array([0]), scale=1.0
    ... )
    >>> round(loss.item(), 4)
    0.3133

  Source: Wang et al., "Deep Hashing with Minimal-Distance-Separated Hash
  Centers", CVPR 2023 :cite:p:`wang2023mdsh`; the mean over classes and the
  scale are read from the authors' released code
  (github.com/Wangld5/Center-Hashing).

  Departures: 1 - p of the best class is computed from the others, and never 0,
  where the code would give infinity.
  """
  check_rows(logits, where, labels)
  own = multi_hot(labels, codewords.shape[0])
  rows = own.any(axis=-1) if where is None else own.any(axis=-1) & where
  cosines = codeword_cosines(zero_outside(logits, rows), codewords)
  scores = scale * cosines
  log_p = jax.nn.log_softmax(scores)
  # Of the best class 1 - p may be too small to be told from 0: it is the sum
  # of the others. Their own p are at most a half.
  best = jax.nn.one_hot(scores.argmax(axis=-1), scores.shape[1], dtype=bool)
  others = jax.nn.logsumexp(
    jnp.where(best, -jnp.inf, scores), axis=-1, keepdims=True
  )
  every = jax.nn.logsumexp(scores, axis=-1, keepdims=True)
  rest = jnp.log1p(-jnp.where(best, 0.0, jnp.exp(log_p)))
  log_rest = jnp.where(best, others - every, rest)
  losses = -jnp.where(own, log_p, log_rest).mean(axis=-1)
  return safe_reduce(losses, where=rows, reduce_fn=reduce_fn)


def hardest_negative_hinge_loss(
  codes: Float[Array, 'batch bits'],
  codewords: Float[Array, 'classes bits'],
  labels: Shaped[Array, 'batch'] | Shaped[Array, 'batch classes'],
  *,
  margin: float = 1.0,
  floor_negatives: bool = True,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """Each codeword of a sample's own must beat the best of the others.

  .. math::
    \\ell_{nj} = \\max(0, k - s_{nj} + m_n), \\quad j \\in P(n), \\qquad
    m_n = \\max_{j \\notin P(n)} s_{nj}, \\qquad s_{nj} = \\langle h_n, c_j
    \\rangle

  for a sample n with classes P(n), code h, codewords c and margin k. It is
  reduced over the pairs (sample, own class): the mean divides by the number
  of such pairs, not of samples.

  Args:
    codes: real-valued codes, `[batch, bits]`, say `tanh(logits)`.
    codewords: real-valued codewords, `[classes, bits]`.
    labels: int `[batch]` or multi-hot `[batch, classes]`; a row without a
      label (-1, or all zeros) contributes nothing.
    margin: k.
    floor_negatives: m is at least 0, as in the authors' released code, so
      that a score below 0 is not pushed any lower. False gives the equation
      above.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch, classes]`, 0 outside
      of the pairs.

  Returns:
    A scalar, or `[batch, classes]`; float32 (float64 where an argument is).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> codes = jnp.array([[1.0, 1.0], [1.0, -1.0]])
    >>> codewords = jnp.array([[0.5, 0.5], [0.5, -0.5]])
    >>> hardest_negative_hinge_loss(
    ...   codes, codewords, jnp.array([0, 1]), margin=1.5
    ... ).item()
    0.5

  Source: Yang, Tu and Chen, "Adaptive Labeling for Deep Learning to Hash", CVPR
  Workshops 2019 :cite:p:`yang2019adaptivedeep`; the equation is read from their
  released code.

  Departures: the code only has the floor. A sample that has every class has
  no negative: m is then 0 with the floor, as in the code, and minus infinity
  without it, so that such a sample contributes nothing. Where two negatives
  are equally hard they share the gradient.
  """
  check_rows(codes, where, labels)
  own = multi_hot(labels, codewords.shape[0])
  pairs = own if where is None else own & where[:, None]
  codes = zero_outside(codes, pairs.any(axis=-1))
  scores = codeword_scores(codes, codewords)
  hardest = jnp.max(
    scores,
    axis=-1,
    keepdims=True,
    where=~own,
    initial=0.0 if floor_negatives else -jnp.inf,
  )
  hinge = jax.nn.relu(margin - scores + hardest)
  return safe_reduce(hinge, where=pairs, reduce_fn=reduce_fn)


def _counts(own: Bool[Array, 'batch classes'], dtype: np.dtype) -> Array:
  """The number of classes of each row, at least 1."""
  return jnp.maximum(own.sum(axis=-1), 1).astype(dtype)
