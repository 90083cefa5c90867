"""Losses of samples against one target code each."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int8

from jaxhash.losses._rows import (
  check_bits,
  check_rows,
  to_float32,
  zero_outside,
)
from jaxhash.losses.reduce import safe_reduce

__all__ = ['central_similarity_loss', 'polarization_loss']


def central_similarity_loss(
  logits: Float[Array, 'batch bits'],
  targets: Float[Array, 'batch bits'] | Int8[Array, 'batch bits'],
  *,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """CSQ: binary cross-entropy of each bit with the bit of a target code.

  .. math::
    \\ell_n = \\frac{1}{K} \\sum_k \\mathrm{BCE}\\left(\\frac{\\tanh a_{nk} +
    1}{2}, \\frac{t_{nk} + 1}{2}\\right) = \\frac{1}{K} \\sum_k \\left[
    \\log(1 + e^{2 a_{nk}}) - (t_{nk} + 1) a_{nk} \\right]

  The second form never takes the logarithm of a saturated tanh.

  Args:
    logits: a, real-valued codes before tanh, `[batch, bits]`.
    targets: t, `[batch, bits]` in [-1, 1]: the codeword of each row.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where an argument is).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> targets = jnp.array([[1, -1]], jnp.int8)
    >>> loss = central_similarity_loss(jnp.zeros((1, 2)), targets)
    >>> round(loss.item(), 4)
    0.6931

  Source: Yuan et al., "Central Similarity Quantization for Efficient Image and
  Video Retrieval", CVPR 2020 :cite:p:`yuan2020csq`, equation 4, with the mean
  over bits that the released code has.
  """
  check_bits(logits, targets, 'targets')
  check_rows(logits, where, targets)
  a, t = zero_outside(to_float32(logits), where), to_float32(targets)
  losses = (jax.nn.softplus(2 * a) - (t + 1) * a).mean(axis=-1)
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)


def polarization_loss(
  logits: Float[Array, 'batch bits'],
  targets: Float[Array, 'batch bits'] | Int8[Array, 'batch bits'],
  *,
  margin: float = 1.0,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """DPN: each logit must be beyond a margin on its target's side of 0.

  .. math:: \\ell_n = \\frac{1}{K} \\sum_k \\max(0, m - u_{nk} t_{nk})

  Args:
    logits: u, real-valued codes, `[batch, bits]`.
    targets: t, -1/+1 `[batch, bits]`: the codeword of each row.
    margin: m, above 0.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where an argument is).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> targets = jnp.array([[1, -1]], jnp.int8)
    >>> polarization_loss(jnp.array([[0.5, 0.5]]), targets).item()
    1.0

  Source: Fan et al., "Deep Polarized Network for Supervised Learning of
  Accurate Binary Hashing Codes", IJCAI 2020 :cite:p:`fan2020dpn`. The paper
  sums over bits; the mean is that of the code in DeepHash-pytorch.
  """
  check_bits(logits, targets, 'targets')
  check_rows(logits, where, targets)
  u, t = zero_outside(to_float32(logits), where), to_float32(targets)
  losses = jax.nn.relu(margin - u * t).mean(axis=-1)
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)
