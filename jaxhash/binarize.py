"""Binary codes from real-valued logits, and codes as packed words."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8, UInt8

from jaxhash._checks import (
  check_bits_per_codebook,
  check_int,
  check_not_negative,
)

__all__ = [
  'codes_from_logits',
  'continuation_schedule',
  'half_sign',
  'pack',
  'pack_ids',
  'straight_through',
  'unpack',
  'unpack_ids',
]


def codes_from_logits(
  logits: Float[Array, '*batch bits'],
) -> Int8[Array, '*batch bits']:
  """Binary codes: +1 where a logit is >= 0, else -1; never 0.

  Args:
    logits: real-valued codes, `[..., bits]`; for a sigmoid activation pass
      its argument.

  Returns:
    int8 codes -1/+1 of the same shape. A NaN gives -1; check for it earlier.

  Example:
    >>> codes_from_logits(jnp.array([0.3, 0.0, -0.1])).tolist()
    [1, 1, -1]
  """
  return jnp.where(logits >= 0, jnp.int8(1), jnp.int8(-1))


def straight_through(
  logits: Float[Array, '*batch bits'],
) -> Float[Array, '*batch bits']:
  """The sign of the logits, with the gradient of the identity.

  Args:
    logits: real-valued codes, `[..., bits]`.

  Returns:
    -1/+1 in the dtype of `logits`.

  Example:
    >>> jax.grad(lambda x: straight_through(x).sum())(jnp.array([2.0, -3.0]))
    Array([1., 1.], dtype=float32)
  """
  codes = codes_from_logits(logits).astype(logits.dtype)
  return logits + jax.lax.stop_gradient(codes - logits)


def half_sign(
  logits: Float[Array, 'batch bits'], *, gamma: float = 6.0
) -> Float[Array, 'batch bits']:
  r"""BiHalf: in each bit the greater half of a batch is +1, the other -1.

  .. math:: \frac{\partial L}{\partial U} := \frac{\partial L}{\partial B} +
    \gamma \frac{U - B}{N K}

  So a bit has the greatest entropy that it can have, in each batch. Backwards
  the layer is the identity, and adds the gradient of a quantization term of
  its own, whatever the loss is and however it is weighed. It is for training:
  codes of queries and of the database are `codes_from_logits`.

  Args:
    logits: U, real-valued codes, `[batch, bits]`; the batch is that of one
      device under `jax.shard_map` or `jax.pmap`.
    gamma: what draws the logits to their codes, at least 0.

  Returns:
    B, -1/+1 in the dtype of the logits. Of equal logits the first are +1. Of
    an odd number of rows the middle one is -1, as in the authors' code, so
    that the sum of a bit is -1, else 0. It has no forward-mode derivative.

  Raises:
    ValueError: `gamma` is negative.

  Example:
    >>> half_sign(jnp.array([[0.3], [0.9], [0.1], [-0.4]])).ravel().tolist()
    [1.0, 1.0, -1.0, -1.0]

  Source: Li and van Gemert, "Deep Unsupervised Image Hashing by Maximizing Bit
  Entropy", AAAI 2021 :cite:p:`li2021bihalf`, and the authors' code.
  """
  check_not_negative(gamma=gamma)
  return _half_sign(logits, gamma)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _half_sign(logits: Array, gamma: float) -> Array:
  order = jnp.argsort(logits, axis=0, descending=True, stable=True)
  upper = jnp.argsort(order, axis=0) < len(logits) // 2
  return jnp.where(upper, 1, -1).astype(logits.dtype)


def _half_sign_forward(
  logits: Array, gamma: float
) -> tuple[Array, tuple[Array, Array]]:
  codes = _half_sign(logits, gamma)
  return codes, (logits, codes)


def _half_sign_backward(
  gamma: float, saved: tuple[Array, Array], gradient: Array
) -> tuple[Array]:
  dtype = np.result_type(gradient.dtype, np.float32)
  logits, codes, g = (a.astype(dtype) for a in (*saved, gradient))
  g = g + gamma / max(codes.size, 1) * (logits - codes)
  return (g.astype(gradient.dtype),)


_half_sign.defvjp(_half_sign_forward, _half_sign_backward)


def continuation_schedule(
  rate: float = 0.005, power: float = 0.5, every: int = 200
) -> Callable[[Array | int], Array]:
  """How steep a tanh is at each step, so that it becomes a sign by and by.

  .. math:: \\beta_t = (1 + r \\, t')^p, \\qquad t' = n \\lfloor t / n \\rfloor

  Args:
    rate: r, at least 0.
    power: p, at least 0.
    every: n, steps between two changes, at least 1.

  Returns:
    `step -> beta`, float32, 1 at step 0: a schedule as optax has them, to be
    used as `tanh(beta * logits)`.

  Raises:
    ValueError: a number is out of its range.

  Example:
    >>> beta = continuation_schedule(rate=0.005, every=200)
    >>> [round(beta(step).item(), 3) for step in (0, 199, 200, 600)]
    [1.0, 1.0, 1.414, 2.0]

  Source: Cao et al., "HashNet: Deep Learning to Hash by Continuation", ICCV
  2017 :cite:p:`cao2017hashnet`; the numbers are those of the authors' released
  code.
  """
  check_not_negative(rate=rate, power=power)
  check_int('every', every, 1)

  def beta(step: Array | int) -> Array:
    changed = jnp.asarray(step) // every * every
    return (1.0 + rate * changed.astype(jnp.float32)) ** power

  return beta


def pack(
  codes: Int8[Array | np.ndarray, '*batch bits'],
) -> UInt8[Array, '*batch bytes']:
  """Packs codes into bytes in `numpy.packbits` order, +1 as 1.

  Args:
    codes: int8 -1/+1, `[..., bits]`; the last byte is padded with zero bits.

  Returns:
    uint8 `[..., ceil(bits / 8)]`.

  Example:
    >>> pack(jnp.array([[1, -1, -1, -1, -1, -1, -1, 1, 1]], jnp.int8)).tolist()
    [[129, 128]]
  """
  return jnp.packbits(codes > 0, axis=-1)


def unpack(
  packed: UInt8[Array | np.ndarray, '*batch bytes'], num_bits: int
) -> Int8[Array, '*batch bits']:
  """The inverse of `pack`.

  Args:
    packed: uint8 `[..., ceil(num_bits / 8)]`.
    num_bits: bits of a code; the padding is dropped.

  Returns:
    int8 -1/+1, `[..., num_bits]`.

  Raises:
    ValueError: `packed` has not `ceil(num_bits / 8)` bytes a row.

  Example:
    >>> unpack(jnp.array([[129, 128]], jnp.uint8), 9).tolist()
    [[1, -1, -1, -1, -1, -1, -1, 1, 1]]
  """
  _check_bytes(packed, num_bits)
  bits = jnp.unpackbits(packed, axis=-1, count=num_bits)
  return jnp.where(bits > 0, jnp.int8(1), jnp.int8(-1))


def pack_ids(
  ids: UInt8[Array | np.ndarray, '*batch subspaces'], bits_per_codebook: int
) -> UInt8[Array, '*batch bytes']:
  """Packs the codes of a product quantiser, which are ids of codewords.

  Args:
    ids: uint8 below `2 ** bits_per_codebook`, `[..., subspaces]`.
    bits_per_codebook: log2 of the codewords of a codebook, 1 to 8; 8 packs
      nothing.

  Returns:
    uint8 `[..., ceil(subspaces * bits_per_codebook / 8)]`, an id after another,
    its highest bit first; the last byte is padded with zero bits.

  Raises:
    ValueError: `bits_per_codebook` is not from 1 to 8.

  Example:
    >>> pack_ids(jnp.array([[1, 15, 7]], jnp.uint8), 4).tolist()
    [[31, 112]]
  """
  check_bits_per_codebook(bits_per_codebook)
  bits = jnp.unpackbits(ids[..., None], axis=-1)[..., -bits_per_codebook:]
  return jnp.packbits(bits.reshape(*ids.shape[:-1], -1), axis=-1)


def unpack_ids(
  packed: UInt8[Array | np.ndarray, '*batch bytes'],
  num_subspaces: int,
  bits_per_codebook: int,
) -> UInt8[Array, '*batch subspaces']:
  """The inverse of `pack_ids`.

  Args:
    packed: uint8 `[..., ceil(num_subspaces * bits_per_codebook / 8)]`.
    num_subspaces: ids of a code.
    bits_per_codebook: of an id, 1 to 8.

  Returns:
    uint8 `[..., num_subspaces]`.

  Raises:
    ValueError: `bits_per_codebook` is not from 1 to 8, or `packed` has another
      number of bytes a row.

  Example:
    >>> unpack_ids(jnp.array([[31, 112]], jnp.uint8), 3, 4).tolist()
    [[1, 15, 7]]
  """
  check_bits_per_codebook(bits_per_codebook)
  num_bits = num_subspaces * bits_per_codebook
  _check_bytes(packed, num_bits)
  bits = jnp.unpackbits(packed, axis=-1, count=num_bits)
  bits = bits.reshape(*packed.shape[:-1], num_subspaces, bits_per_codebook)
  spare = [(0, 0)] * (bits.ndim - 1) + [(8 - bits_per_codebook, 0)]
  return jnp.packbits(jnp.pad(bits, spare), axis=-1)[..., 0]


def _check_bytes(packed: jax.Array | np.ndarray, num_bits: int) -> None:
  if packed.shape[-1] != -(-num_bits // 8):
    raise ValueError(
      f'{num_bits} bits are {-(-num_bits // 8)} bytes a row, got '
      f'{packed.shape[-1]}'
    )
