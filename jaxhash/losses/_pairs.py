"""The pairs of rows that a loss compares, on one device or on several."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from jaxhash.losses._rows import check_bits, to_float32, zero_outside

__all__ = ['gather_rows', 'own_pairs', 'pair_rows', 'total']


def gather_rows(
  rows: Shaped[Array, 'batch ...'], axis_name: str | None
) -> Shaped[Array, 'rows ...']:
  """The rows of all devices along an axis, in the order of the devices."""
  if axis_name is None:
    return rows
  return jax.lax.all_gather(rows, axis_name, tiled=True)


def own_pairs(
  batch: int, others: int, axis_name: str | None
) -> Bool[Array, 'batch others']:
  """Which of the others, those of `gather_rows`, is a row itself."""
  first = 0 if axis_name is None else batch * jax.lax.axis_index(axis_name)
  own = first + jnp.arange(batch)
  return own[:, None] == jnp.arange(others)[None]


def total(values: Array, axis_name: str | None) -> Array:
  """The sum of all values, over the devices of an axis too."""
  summed = values.sum()
  return summed if axis_name is None else jax.lax.psum(summed, axis_name)


def pair_rows(
  codes: Float[Array, 'batch bits'],
  others: Float[Array, 'others bits'] | None,
  where: Bool[Array, '...'] | None,
  axis_name: str | None,
  **values: Array | None,
) -> tuple[
  Float[Array, 'batch bits'],
  Float[Array, 'rows bits'],
  Bool[Array, 'batch rows'],
  list[Float[Array, 'batch rows']],
]:
  """Both sides of the pairs, and which pairs count.

  Args:
    codes: rows of this device.
    others: what they are compared with; None: the codes of all devices.
    where: which pairs count; None means all.
    axis_name: of the devices that share a batch.
    **values: what has a value for each pair, by its name in errors; None: 1.

  Returns:
    float32 rows, zeros in those of which no pair counts; the pairs that count;
    and the values, zeros for the others: a NaN there reaches no gradient.

  Raises:
    ValueError: the shapes do not agree.
  """
  if others is None:
    others = gather_rows(codes, axis_name)
  check_bits(codes, others, 'others')
  pairs = (codes.shape[0], others.shape[0])
  for name, array in {**values, 'where': where}.items():
    if array is not None and array.shape != pairs:
      raise ValueError(
        f'{pairs[0]} codes and {pairs[1]} others need a value for each pair, '
        f'{list(pairs)}; {name} is {list(array.shape)}'
      )
  counts = jnp.ones(pairs, bool) if where is None else where
  u = zero_outside(to_float32(codes), counts.any(axis=1))
  v = zero_outside(to_float32(others), counts.any(axis=0))
  dtype = jnp.result_type(u, v)
  kept = [
    jnp.where(counts, 1.0 if value is None else value.astype(dtype), 0.0)
    for value in values.values()
  ]
  return u, v, counts, kept
