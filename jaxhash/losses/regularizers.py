"""Terms that draw real-valued codes to the corners of the cube."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_int
from jaxhash.binarize import codes_from_logits
from jaxhash.losses._rows import (
  check_rows,
  to_float32,
  unit_rows,
  zero_outside,
)
from jaxhash.losses.reduce import safe_reduce

__all__ = ['cosine_quantization_loss', 'power_quantization_loss']


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
