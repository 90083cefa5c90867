"""Binary codes by discrete cyclic coordinate descent (DCC).

Methods that learn the codes themselves, and not only a network that gives them,
end in a binary quadratic problem: ADSH, DSDH, SCHN and SDH. Of one bit at a
time, the others kept, it has a closed form. So has the classifier that DSDH and
SDH alternate it with.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from jaxhash._checks import check_int

__all__ = ['coordinate_descent', 'ridge_regression']


def coordinate_descent(
  codes: Shaped[Array, 'items bits'],
  gram: Float[Array, '_ _'],
  linear: Float[Array, '_ _'],
  *,
  num_sweeps: int = 1,
) -> Float[Array, 'items bits']:
  r"""Minimises a quadratic function of binary codes, one bit after another.

  .. math:: \min_{B \in \{-1, 1\}^{n \times K}} \mathrm{tr}(B G B^T)
    - 2\, \mathrm{tr}(B Q^T), \qquad
    b_k \leftarrow \mathrm{sign}(q_k - \sum_{l \ne k} G_{lk} b_l)

  Each update is exact: as :math:`b_{ik}^2 = 1`, the diagonal of G does not
  matter, and no code with another bit k is better. So the value never grows
  once all bits are -1 or +1. :math:`\min_B \|A - B W\|_F^2` is of this form
  with :math:`G = W W^T` and :math:`Q = A W^T`.

  Args:
    codes: B to start from, -1/+1, or 0 for a bit that has no value yet,
      `[items, bits]`.
    gram: G, symmetric, `[bits, bits]`.
    linear: Q, `[items, bits]`.
    num_sweeps: how often each bit is updated, at least 1.

  Returns:
    float32 -1/+1 `[items, bits]`; sign(0) is +1.

  Raises:
    ValueError: the shapes do not fit, or `num_sweeps` is less than 1.

  Example:
    >>> linear = jnp.array([[2.0, -1.0], [-0.5, 0.1]])
    >>> gram = jnp.array([[1.0, 3.0], [3.0, 1.0]])
    >>> coordinate_descent(jnp.zeros((2, 2)), gram, linear).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]

  Source: Shen et al., "Supervised Discrete Hashing", CVPR 2015
  :cite:p:`shen2015sdh`, section 2.2.
  """
  check_int('num_sweeps', num_sweeps, 1)
  items, bits = codes.shape
  if gram.shape != (bits, bits) or linear.shape != (items, bits):
    raise ValueError(
      f'codes {list(codes.shape)} want gram [{bits}, {bits}] and linear '
      f'[{items}, {bits}], got {list(gram.shape)} and {list(linear.shape)}'
    )
  gram = gram.astype(jnp.float32) * (1.0 - jnp.eye(bits))
  linear = linear.astype(jnp.float32)

  def update(i: jax.Array, codes: jax.Array) -> jax.Array:
    k = i % bits
    others = jnp.matmul(codes, gram[:, k], precision=jax.lax.Precision.HIGHEST)
    bit = jnp.where(linear[:, k] >= others, 1.0, -1.0)
    return codes.at[:, k].set(bit)

  return jax.lax.fori_loop(
    0, num_sweeps * bits, update, codes.astype(jnp.float32)
  )


def ridge_regression(
  codes: Float[Array, 'items bits'],
  targets: Float[Array, 'items classes'],
  decay: Float[Array, ''] | float,
) -> Float[Array, 'bits classes']:
  r"""The linear classifier that reads codes best.

  .. math:: \min_W \|Y - B W\|_F^2 + \lambda \|W\|_F^2, \qquad
    W = (B^T B + \lambda I)^{-1} B^T Y

  Args:
    codes: B, `[items, bits]`; a row of zeros does not count.
    targets: Y, `[items, classes]`.
    decay: lambda, above 0.

  Returns:
    W, float32 `[bits, classes]`.

  Example:
    >>> codes = jnp.array([[1.0, -1.0], [-1.0, -1.0]])
    >>> ridge_regression(codes, codes[:, :1], 2.0).round(3).tolist()
    [[0.5], [0.0]]
  """
  codes, targets = codes.astype(jnp.float32), targets.astype(jnp.float32)
  highest = jax.lax.Precision.HIGHEST
  gram = jnp.matmul(codes.T, codes, precision=highest)
  moment = jnp.matmul(codes.T, targets, precision=highest)
  return jax.scipy.linalg.solve(
    gram + decay * jnp.eye(codes.shape[1]), moment, assume_a='pos'
  )
