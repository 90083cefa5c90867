"""Terms that draw real-valued codes to the corners of the cube."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_int, check_positive
from jaxhash.binarize import codes_from_logits
from jaxhash.losses._rows import (
  check_rows,
  to_float32,
  unit_rows,
  zero_outside,
)
from jaxhash.losses.reduce import safe_reduce

__all__ = [
  'bit_variance_loss',
  'cauchy_quantization_loss',
  'cosine_quantization_loss',
  'log_cosh_quantization_loss',
  'power_quantization_loss',
]


def power_quantization_loss(
  codes: Float[Array, 'batch bits'],
  *,
  power: int = 2,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """A power of the distance of each bit from -1 or +1.

  .. math:: \\ell_n = \\frac{1}{K} \\sum_k \\big| |u_{nk}| - 1 \\big|^p

  Args:
    codes: u, real-valued codes, `[batch, bits]`.
    power: p, at least 1: 1 in DSH, 2 in CSQ (of tanh) and SHC, 3 in
      GreedyHash.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree, or `power` is out of range.

  Example:
    >>> power_quantization_loss(jnp.array([[3.0, -1.0]])).item()
    2.0
  """
  check_int('power', power, 1)
  check_rows(codes, where)
  u = zero_outside(to_float32(codes), where)
  losses = (jnp.abs(jnp.abs(u) - 1) ** power).mean(axis=-1)
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)


def cosine_quantization_loss(
  logits: Float[Array, 'batch bits'],
  *,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """One less the cosine of each row and its binary code.

  .. math:: \\ell_n = 1 - \\cos(v_n, \\mathrm{sign}(v_n))

  Args:
    logits: v, real-valued codes, `[batch, bits]`.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the logits are); 1 for a
    row of zeros.

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> loss = cosine_quantization_loss(jnp.array([[3.0, 4.0]]))
    >>> round(loss.item(), 4)
    0.0101

  Source: the option `cs` of OrthoHash's released code, whose default weight
  is 0.
  """
  check_rows(logits, where)
  v = zero_outside(to_float32(logits), where)
  signs = jax.lax.stop_gradient(codes_from_logits(v)).astype(v.dtype)
  losses = 1 - (unit_rows(v) * unit_rows(signs)).sum(axis=-1)
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)


def log_cosh_quantization_loss(
  codes: Float[Array, 'batch bits'],
  *,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """DHN: a smooth form of the distance of each bit from -1 or +1.

  .. math:: \\ell_n = \\frac{1}{K} \\sum_k \\log \\cosh(|u_{nk}| - 1)

  Args:
    codes: u, real-valued codes, `[batch, bits]`.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> loss = log_cosh_quantization_loss(jnp.array([[3.0, -1.0]]))
    >>> round(loss.item(), 4)
    0.6625

  Source: Zhu et al., "Deep Hashing Network for Efficient Similarity Retrieval",
  AAAI 2016 :cite:p:`zhu2016dhn`, equation 5.
  """
  check_rows(codes, where)
  x = jnp.abs(zero_outside(to_float32(codes), where)) - 1
  size = jnp.abs(x)  # log cosh x without the exponential of a large x
  log_cosh = size + jax.nn.softplus(-2 * size) - math.log(2)
  return safe_reduce(log_cosh.mean(axis=-1), where=where, reduce_fn=reduce_fn)


def cauchy_quantization_loss(
  codes: Float[Array, 'batch bits'],
  *,
  gamma: float = 20.0,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """DCH: Cauchy's distribution of the angle between `|u|` and a corner.

  .. math::
    \\ell_n = \\log\\left(1 + \\frac{d_n}{\\gamma}\\right), \\qquad
    d_n = \\frac{K}{2} (1 - \\cos(|u_n|, 1))

  Args:
    codes: u, real-valued codes, `[batch, bits]`.
    gamma: as for `cauchy_cross_entropy_loss`, above 0.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> loss = cauchy_quantization_loss(jnp.array([[3.0, 0.0]]), gamma=1.0)
    >>> round(loss.item(), 4)
    0.2569

  Source: Cao et al., "Deep Cauchy Hashing for Hamming Space Retrieval", CVPR
  2018 :cite:p:`cao2018dch`, equation 7. The released code bounds this cosine,
  too, by .99, beyond which it has no gradient; here it is not bounded.
  """
  check_positive(gamma=gamma)
  cosine_loss = cosine_quantization_loss(codes, where=where, reduce_fn=None)
  losses = jnp.log1p(codes.shape[1] / 2 * cosine_loss / gamma)
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)


def bit_variance_loss(
  codes: Float[Array, 'batch bits'],
  *,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  """The variance of the bits of a code, each 1 with a probability.

  .. math:: \\ell_n = \\sum_k a_{nk} (1 - a_{nk})

  half of the soft Hamming distance of a row to itself: 0 for binary codes.

  Args:
    codes: a, `[batch, bits]` in [0, 1], say sigmoid(logits).
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> bit_variance_loss(jnp.array([[0.5, 1.0]])).item()
    0.25
  """
  check_rows(codes, where)
  a = zero_outside(to_float32(codes), where)
  losses = (a * (1 - a)).sum(axis=-1)
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)
