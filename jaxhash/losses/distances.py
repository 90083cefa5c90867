"""Distances between real-valued codes, each of one set to each of another."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxhash.losses._rows import check_bits, to_float32

__all__ = [
  'inner_products',
  'l1_distances',
  'soft_hamming_distances',
  'squared_distances',
  'sum_over_bits',
]


def inner_products(
  codes: Float[Array, 'batch bits'], others: Float[Array, 'others bits']
) -> Float[Array, 'batch others']:
  """Inner products, accumulated in float32.

  Args:
    codes: `[batch, bits]`, any float dtype.
    others: `[others, bits]`, any float dtype.

  Returns:
    `[batch, others]`, float32 (float64 where an argument is).

  Raises:
    ValueError: the numbers of bits differ.

  Example:
    >>> inner_products(jnp.array([[1.0, -0.5]]), jnp.eye(2)).tolist()
    [[1.0, -0.5]]
  """
  check_bits(codes, others, 'others')
  dtype = np.result_type(codes.dtype, others.dtype, np.float32)
  # A product of so few columns costs nothing, and at the default precision of
  # GPUs and TPUs it would lose the third decimal of a margin.
  return jnp.matmul(
    codes.astype(dtype), others.astype(dtype).T, precision='highest'
  )


def soft_hamming_distances(
  codes: Float[Array, 'batch bits'], others: Float[Array, 'others bits']
) -> Float[Array, 'batch others']:
  r"""The number of bits that differ, if each is 1 with a probability.

  .. math:: d_{ij} = \sum_k \left[ a_{ik} (1 - b_{jk}) + (1 - a_{ik}) b_{jk}
    \right]

  the expected Hamming distance of independent bits; on bits of 0 and 1 it is
  the Hamming distance itself. That of a row to itself, :math:`2 \sum_k a_k (1
  - a_k)`, is 0 for such bits only.

  Args:
    codes: a, `[batch, bits]` in [0, 1], say sigmoid(logits).
    others: b, `[others, bits]` in [0, 1].

  Returns:
    `[batch, others]` from 0 to bits, float32 (float64 where an argument is).

  Raises:
    ValueError: the numbers of bits differ.

  Example:
    >>> codes = jnp.array([[1.0, 0.0], [0.5, 0.5]])
    >>> soft_hamming_distances(codes, codes).tolist()
    [[0.0, 1.0], [1.0, 1.0]]
  """
  a, b = to_float32(codes), to_float32(others)
  both = inner_products(a, b)
  return a.sum(axis=-1)[:, None] + b.sum(axis=-1)[None] - 2 * both


def l1_distances(
  codes: Float[Array, 'batch bits'], others: Float[Array, 'others bits']
) -> Float[Array, 'batch others']:
  r"""Sums of absolute differences.

  .. math:: d_{ij} = \sum_k |u_{ik} - v_{jk}|

  Args:
    codes: u, `[batch, bits]`.
    others: v, `[others, bits]`.

  Returns:
    `[batch, others]`, float32 (float64 where an argument is).

  Raises:
    ValueError: the numbers of bits differ.

  Example:
    >>> l1_distances(jnp.array([[1.0, -0.5]]), jnp.eye(2)).tolist()
    [[0.5, 2.5]]
  """
  return sum_over_bits(jnp.abs, codes, others)


def squared_distances(
  codes: Float[Array, 'batch bits'], others: Float[Array, 'others bits']
) -> Float[Array, 'batch others']:
  r"""Squared Euclidean distances, by one matrix product.

  .. math:: d_{ij} = \|u_i\|^2 + \|v_j\|^2 - 2 \langle u_i, v_j \rangle

  Of rows that nearly agree it keeps about the seventh decimal of their square
  lengths, no more.

  Args:
    codes: u, `[batch, bits]`.
    others: v, `[others, bits]`.

  Returns:
    `[batch, others]`, at least 0, float32 (float64 where an argument is).

  Raises:
    ValueError: the numbers of bits differ.

  Example:
    >>> squared_distances(jnp.array([[1.0, -0.5]]), jnp.eye(2)).tolist()
    [[0.25, 3.25]]
  """
  u, v = to_float32(codes), to_float32(others)
  product = inner_products(u, v)
  squares = jnp.square(u).sum(axis=-1)[:, None]
  return jax.nn.relu(squares + jnp.square(v).sum(axis=-1)[None] - 2 * product)


def sum_over_bits(
  fn: Callable[[Array], Array],
  codes: Float[Array, 'batch bits'],
  others: Float[Array, 'others bits'],
) -> Float[Array, 'batch others']:
  """A function of the difference in each bit, summed over the bits.

  Bit by bit: with an array `[batch, others, bits]` in between the gradient
  takes ten times as long on a CPU.

  Args:
    fn: of an array, value by value.
    codes: `[batch, bits]`, any float dtype.
    others: `[others, bits]`, any float dtype.

  Returns:
    `[batch, others]`, float32 (float64 where an argument is).

  Raises:
    ValueError: the numbers of bits differ.

  Example:
    >>> sum_over_bits(jnp.square, jnp.array([[1.0, -0.5]]), jnp.eye(2))
    Array([[0.25, 3.25]], dtype=float32)
  """
  check_bits(codes, others, 'others')
  u, v = to_float32(codes), to_float32(others)

  def add(summed: Array, bit: tuple[Array, Array]) -> tuple[Array, None]:
    return summed + fn(bit[0][:, None] - bit[1][None]), None

  first = fn(u[:, :1] - v[:, :1].T)
  return jax.lax.scan(add, first, (u.T[1:], v.T[1:]))[0]
