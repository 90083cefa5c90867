"""The rows of a batch that count, and checks that all losses share."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

__all__ = [
  'check_bits',
  'check_rows',
  'to_float32',
  'unit_rows',
  'zero_outside',
]


def check_bits(codes: Array, others: Array, name: str) -> None:
  """Raises a ValueError where two arrays differ in their number of bits."""
  if codes.shape[-1] != others.shape[-1]:
    raise ValueError(
      f'codes have {codes.shape[-1]} bits, {name} {others.shape[-1]}'
    )


def check_rows(
  codes: Array, where: Array | None, labels: Array | None = None
) -> None:
  """A single label or mask would broadcast over the batch unseen."""
  rows = codes.shape[0]
  if labels is not None and labels.shape[0] != rows:
    raise ValueError(f'{rows} codes, but {labels.shape[0]} labels')
  if where is not None and where.shape != (rows,):
    raise ValueError(f'where must be [{rows}], got {list(where.shape)}')


def to_float32(values: Array) -> Array:
  """Values in float32, in float64 where they are float64."""
  return values.astype(np.result_type(values.dtype, np.float32))


def zero_outside(
  values: Float[Array, 'batch bits'], rows: Bool[Array, 'batch'] | None
) -> Float[Array, 'batch bits']:
  """Zeros in rows that do not count: a NaN there reaches no gradient."""
  return values if rows is None else jnp.where(rows[:, None], values, 0.0)


def unit_rows(values: Float[Array, 'rows bits']) -> Float[Array, 'rows bits']:
  """Rows of length 1; rows of zeros stay so.

  Dividing by the greatest entry first keeps the squares of very large and
  very small values within float32, and changes no gradient: the result does
  not depend on the length of a row.
  """
  greatest = jax.lax.stop_gradient(
    jnp.abs(values).max(axis=-1, keepdims=True, initial=0.0)
  )
  values = values / jnp.where(greatest == 0, 1.0, greatest)
  square = jnp.square(values).sum(axis=-1, keepdims=True)
  return values / jnp.sqrt(jnp.where(square == 0, 1.0, square))
