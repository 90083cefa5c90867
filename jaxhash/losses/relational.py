"""Losses of a whole batch: its distances, and how it fills the cube."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_not_negative, check_positive
from jaxhash.losses._pairs import gather_rows, own_pairs, pair_rows, total
from jaxhash.losses._rows import (
  check_bits,
  check_rows,
  to_float32,
  zero_outside,
)
from jaxhash.losses.distances import l1_distances, sum_over_bits
from jaxhash.losses.reduce import safe_reduce

__all__ = ['nearest_neighbor_kl_loss', 'relative_distance_loss']


def relative_distance_loss(
  codes: Float[Array, 'batch bits'],
  distances: Float[Array, 'batch others'],
  *,
  weight_scale: float = 0.1,
  weight_power: float = 2.0,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""SHREWD (RECONSTRUCTION): distances of codes in proportion to given ones.

  .. math:: \ell_{ij} = w_{ij} \left| \frac{\|z_i - z_j\|_1}{\tau_z} -
    \frac{d_{ij}}{\tau_y} \right|, \qquad w_{ij} = \left(\frac{\gamma}{\gamma +
    d_{ij}}\right)^\rho

  where tau_z and tau_y are the means of both distances over the pairs that
  count, so that only ratios are matched: the loss is 0 if and only if they
  are in proportion. Gradients flow through tau_z, too, and neither a scale of
  the codes nor an offset changes the value.

  Args:
    codes: z, real-valued codes, `[batch, bits]`.
    distances: d, at least 0, `[batch, others]`, others being the codes of all
      devices. Nothing else is known of the rows, no label.
    weight_scale: gamma, above 0.
    weight_power: rho; 0 weighs all pairs alike.
    where: which pairs count, bool `[batch, others]`; None means all, those of
      a row with itself included.
    axis_name: of the devices that share the batch; see
      `jaxhash.losses.pairwise`.
    reduce_fn: as for `safe_reduce`; None gives `[batch, others]`.

  Returns:
    A scalar, or `[batch, others]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree, or weight_scale is not above 0.

  Example:
    >>> codes = jnp.array([[0.0], [1.0], [3.0]])
    >>> distances = 5 * jnp.abs(codes - codes.T)
    >>> relative_distance_loss(codes, distances).item()
    0.0

  Source: Arponen and Bishop, "SHREWD: Semantic Hierarchy based Relational
  Embeddings for Weakly-supervised Deep Hashing", LLD at ICLR 2019
  :cite:p:`arponen2019shrewd`. Only its abstract could be read: this form is a
  reconstruction.
  """
  check_positive(weight_scale=weight_scale)
  u, v, pairs, (d,) = pair_rows(
    codes, None, where, axis_name, distances=distances
  )
  relative = _relative(l1_distances(u, v), pairs, axis_name)
  wanted = _relative(d, pairs, axis_name)
  weights = (weight_scale / (weight_scale + d)) ** weight_power
  losses = weights * jnp.abs(relative - wanted)
  return safe_reduce(losses, pairs, reduce_fn, axis_name=axis_name)


def nearest_neighbor_kl_loss(
  codes: Float[Array, 'batch bits'],
  reference: Float[Array, 'reference bits'],
  *,
  epsilon: float = 1e-4,
  where: Bool[Array, 'batch'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""Empirical divergence of codes from a sample of what they should be.

  .. math:: \hat D = \frac{K}{B} \sum_i \left[ \log \nu_i - \log \rho_i \right]
    + \log \frac{M}{B - 1}

  with the Euclidean distances of code i to the nearest of the M reference rows
  (nu) and to the nearest of the B - 1 other codes (rho). It estimates the
  Kullback-Leibler divergence of the codes' distribution from that of the
  reference, in nats: small where codes are near to the reference, and apart.
  The gradient flows through both distances, to both neighbours.

  Args:
    codes: z, real-valued codes, `[batch, bits]`.
    reference: the whole of it, the same on every device, `[reference, bits]`;
      SHREWD draws it from Beta(.1, .1), a fresh one at each step.
    epsilon: added in quadrature to each distance, at least 0, so that the
      logarithm of a repeated row, and its gradient, is finite.
    where: which rows count, bool `[batch]`; None means all.
    axis_name: of the devices that share the batch; see
      `jaxhash.losses.pairwise`.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`, whose mean is the
      estimate.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the codes are). 0 where
    fewer than two rows count.

  Raises:
    ValueError: the shapes do not agree, the reference is empty, or epsilon is
      negative.

  Example:
    >>> codes = jnp.array([[0.1, 0.2], [0.9, 0.8], [0.5, 0.4]])
    >>> corners = jnp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> round(nearest_neighbor_kl_loss(codes, corners).item(), 4)
    -0.1484

  Source: Perez-Cruz, "Kullback-Leibler Divergence Estimation of Continuous
  Distributions", ISIT 2008 :cite:p:`perezcruz2008divergence`, equation 14 with
  k = 1. That SHREWD's empirical divergence is this one is a reconstruction.
  """
  check_not_negative(epsilon=epsilon)
  check_rows(codes, where)
  check_bits(codes, reference, 'the reference')
  if not reference.shape[0]:
    raise ValueError('the reference must have at least one row, got none')
  rows = jnp.ones(codes.shape[0], bool) if where is None else where
  z = zero_outside(to_float32(codes), rows)
  every, counts = gather_rows(z, axis_name), gather_rows(rows, axis_name)
  others = counts[None] & ~own_pairs(len(z), len(every), axis_name)
  rho = _nearest_distance(z, every, others, epsilon)
  target = reference.astype(z.dtype)
  nu = _nearest_distance(z, target, None, epsilon)
  batch = counts.sum()
  share = len(reference) / jnp.maximum(batch - 1, 1).astype(z.dtype)
  losses = z.shape[1] * (jnp.log(nu) - jnp.log(rho)) + jnp.log(share)
  return safe_reduce(losses, rows & (batch > 1), reduce_fn, axis_name=axis_name)


def _relative(
  distances: Float[Array, 'batch others'],
  pairs: Bool[Array, 'batch others'],
  axis_name: str | None,
) -> Float[Array, 'batch others']:
  """Distances over their mean; as they are where all are 0.

  Dividing by the greatest first keeps the square of a very small mean within
  float32, and changes no gradient.
  """
  greatest = jax.lax.stop_gradient(jnp.where(pairs, distances, 0.0)).max()
  if axis_name is not None:
    greatest = jax.lax.pmax(greatest, axis_name)
  distances = distances / jnp.where(greatest == 0, 1.0, greatest)
  summed = total(jnp.where(pairs, distances, 0.0), axis_name)
  mean = summed / total(pairs.astype(summed.dtype), axis_name).clip(1)
  return distances / jnp.where(mean == 0, 1.0, mean)


def _nearest_distance(
  codes: Float[Array, 'batch bits'],
  others: Float[Array, 'others bits'],
  where: Bool[Array, 'batch others'] | None,
  epsilon: float,
) -> Float[Array, 'batch']:
  """The distance to the nearest of the others.

  The search has no gradient, only the distance to what it found: one row, so
  that the gradient costs next to nothing. Differences are squared one by one,
  since a matrix product cannot tell rows that nearly agree.
  """
  u, v = jax.lax.stop_gradient((codes, others))
  squares = sum_over_bits(jnp.square, u, v)
  if where is not None:
    squares = jnp.where(where, squares, jnp.inf)
  nearest = others[squares.argmin(axis=-1)]
  square = jnp.square(codes - nearest).sum(axis=-1) + epsilon**2
  # 0 where epsilon is 0 and a row is repeated: its logarithm says so.
  positive = square > 0
  return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
