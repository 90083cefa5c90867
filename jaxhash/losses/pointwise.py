"""Losses of samples against the codewords of their classes."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from jaxhash.losses.labels import multi_hot
from jaxhash.losses.reduce import safe_reduce

__all__ = ['codeword_scores', 'hardest_negative_hinge_loss']


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
  if codes.shape[-1] != codewords.shape[-1]:
    raise ValueError(
      f'codes have {codes.shape[-1]} bits, codewords {codewords.shape[-1]}'
    )
  dtype = np.result_type(codes.dtype, codewords.dtype, np.float32)
  # A product of so few columns costs nothing, and at the default precision of
  # GPUs and TPUs it would lose the third decimal of the margin.
  return jnp.matmul(
    codes.astype(dtype), codewords.astype(dtype).T, precision='highest'
  )


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

  Source: Yang, Tu and Chen, "Adaptive Labeling for Deep Learning to Hash",
  CVPR Workshops 2019; the equation is read from their released code.

  Departures: the code only has the floor. A sample that has every class has
  no negative: m is then 0 with the floor, as in the code, and minus infinity
  without it, so that such a sample contributes nothing. Where two negatives
  are equally hard they share the gradient.
  """
  _check_rows(codes, labels, where)
  own = multi_hot(labels, codewords.shape[0])
  pairs = own if where is None else own & where[:, None]
  codes = jnp.where(pairs.any(axis=-1, keepdims=True), codes, 0.0)
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


def _check_rows(codes: Array, labels: Array, where: Array | None) -> None:
  """A single label or mask would broadcast over the batch unseen."""
  rows = codes.shape[0]
  if labels.shape[0] != rows:
    raise ValueError(f'{rows} codes, but {labels.shape[0]} labels')
  if where is not None and where.shape != (rows,):
    raise ValueError(f'where must be [{rows}], got {list(where.shape)}')
