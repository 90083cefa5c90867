"""The one reduction of all losses, sound when everything is masked."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = ['safe_reduce']


def safe_reduce(
  values: Float[Array, '*shape'],
  where: Bool[Array, '*shape'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
  *,
  axis_name: str | None = None,
) -> Float[Array, '...']:
  """Reduces the values that `where` selects.

  .. math:: \\sum_i w_i v_i \\big/ \\max(1, \\sum_i w_i)

  for `jnp.mean`. With nothing selected the result and its gradient are 0. A
  NaN that is not selected reaches neither the result nor the gradient with
  respect to `values`; one that is selected is not hidden.

  Args:
    values: float, any shape.
    where: which values count, bool, the same shape; None means all.
    reduce_fn: `jnp.mean`, `jnp.sum`, or another reduction that takes `where=`
      and gives 0 for zeros; None keeps the values, with 0 where they do not
      count.
    axis_name: of the devices, under `jax.shard_map` or `jax.pmap`, whose
      values are reduced together; None for those of this device alone.

  Returns:
    A scalar in the dtype of `values`, or their own shape for None.

  Raises:
    ValueError: `where` has another shape than `values`, or a reduction over
      devices is neither `jnp.mean` nor `jnp.sum`.

  Example:
    >>> values = jnp.array([1.0, jnp.nan, 3.0])
    >>> safe_reduce(values, jnp.array([True, False, True])).item()
    2.0
    >>> safe_reduce(values, jnp.zeros(3, bool)).item()
    0.0

  Source: the idea and the name are those of `safe_reduce` in google/rax.
  """
  if where is None:
    where = jnp.ones(values.shape, bool)
  if where.shape != values.shape:
    raise ValueError(
      f'where must have the shape of values {values.shape}, got {where.shape}'
    )
  values = jnp.where(where, values, 0.0)
  if reduce_fn is None:
    return values
  if axis_name is not None:
    return _over_devices(values, where, reduce_fn, axis_name)
  if values.size == 0:
    return jnp.zeros((), values.dtype)
  # With nothing selected all values are 0 by now: reducing all of them is
  # sound, where a mean of none would be 0 / 0.
  return reduce_fn(values, where=where | ~where.any())


def _over_devices(
  values: Float[Array, '*shape'],
  where: Bool[Array, '*shape'],
  reduce_fn: Callable[..., Array],
  axis_name: str,
) -> Float[Array, '']:
  """The mean or the sum over all devices, each with its own count."""
  if reduce_fn not in (jnp.mean, jnp.sum):
    raise ValueError(
      f'over the devices of {axis_name!r} values are reduced by jnp.mean or '
      f'jnp.sum, or with None not at all; got {reduce_fn!r}'
    )
  summed = jax.lax.psum(values.sum(), axis_name)
  if reduce_fn is jnp.sum:
    return summed
  count = jax.lax.psum(where.sum(), axis_name)
  return summed / jnp.maximum(count, 1).astype(summed.dtype)
