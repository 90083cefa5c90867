"""Codewords of sets of classes, for images with several labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int8, Integer

from jaxhash.losses.labels import multi_hot

__all__ = ['majority_codewords']


def majority_codewords(
  key: jax.Array,
  codewords: Int8[Array, 'classes bits'] | Float[Array, 'classes bits'],
  labels: Integer[Array, 'batch']
  | Integer[Array, 'batch classes']
  | Float[Array, 'batch classes']
  | Bool[Array, 'batch classes'],
) -> Int8[Array, 'batch bits']:
  """The codeword of each row's set of classes: the majority, bit by bit.

  .. math::
    b_n = \\operatorname{sign} \\sum_{j \\in P(n)} c_j, \\qquad
    \\operatorname{sign}(0) = t, \\quad t \\sim U\\{-1, +1\\}^K

  with the same t for every row.

  Args:
    key: random key of t: keep it for the whole training.
    codewords: -1/+1 `[classes, bits]`.
    labels: int `[batch]` or multi-hot `[batch, classes]`, as for
      `losses.multi_hot`.

  Returns:
    int8 -1/+1 `[batch, bits]`; a row with one label has its codeword. A row
    without a label has t: mask it in the loss.

  Raises:
    ValueError: multi-hot labels of another number of classes.

  Example:
    >>> codewords = jnp.array([[1, 1, 1], [1, -1, 1], [1, -1, -1]], jnp.int8)
    >>> labels = jnp.array([[0, 1, 0], [1, 1, 1]])
    >>> majority_codewords(jax.random.key(0), codewords, labels).tolist()
    [[1, -1, 1], [1, -1, 1]]

  Source: CSQ, Yuan et al., "Central Similarity Quantization for Efficient Image
  and Video Retrieval", CVPR 2020 :cite:p:`yuan2020csq`; their code draws t
  once.
  """
  ties = tie_break(key, codewords.shape[1])
  return majority(codewords, labels, ties)


def tie_break(key: jax.Array, num_bits: int) -> Int8[Array, 'bits']:
  """The random code that breaks ties, int8 -1/+1 `[num_bits]`."""
  return jax.random.rademacher(key, (num_bits,), jnp.int8)


def majority(
  codewords: Int8[Array, 'classes bits'] | Float[Array, 'classes bits'],
  labels: Array,
  ties: Int8[Array, 'bits'],
) -> Int8[Array, 'batch bits']:
  """`majority_codewords` with ties that have been drawn before."""
  own = multi_hot(labels, codewords.shape[0])
  # The sign of each first, so that sums are whole numbers: never a near tie.
  signs = jnp.where(codewords >= 0, jnp.int8(1), jnp.int8(-1))
  votes = jnp.matmul(
    own.astype(jnp.int8), signs, preferred_element_type=jnp.int32
  )
  signs_of_votes = jnp.where(votes > 0, jnp.int8(1), jnp.int8(-1))
  return jnp.where(votes == 0, ties[None], signs_of_votes)
