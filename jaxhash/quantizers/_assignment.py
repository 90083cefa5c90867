"""The nearest codewords of vectors."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_bits_per_codebook, check_int

__all__ = [
  'Assignment',
  'Codebooks',
  'Mask',
  'Vectors',
  'assign',
  'check_sizes',
  'num_subspaces',
]

Codebooks = Float[Array, 'subspaces codewords width']
Vectors = Float[Array, 'n dimensions']
Mask = Bool[Array, ' n']

# Entries of a table of distances that are held at once.
TABLE = 2**22


class Assignment(NamedTuple):
  """What `assign` finds.

  Attributes:
    ids: of the nearest codewords, uint8 `[n, subspaces]`.
    errors: squared distances to them, float32 `[n, subspaces]`; 0 for a row
      that does not count.
    counts: rows of each codeword, float32 `[subspaces, codewords]`.
    shifts: from each codeword to the mean of its rows, float32, as codebooks;
      0 for one without rows.
    error: mean squared distance of a row to its reconstruction, float32, over
      the rows that count; 0 if there are none.
    unused: share of codewords that no row has, float32.
  """

  ids: Array
  errors: Array
  counts: Array
  shifts: Array
  error: Array
  unused: Array


def num_subspaces(length: int, num_bits: int, bits_per_codebook: int) -> int:
  """How many parts vectors are cut into for a code of so many bits.

  Args:
    length: of a vector.
    num_bits: of a code.
    bits_per_codebook: of each part.

  Returns:
    `num_bits / bits_per_codebook`.

  Raises:
    ValueError: that is no whole number, or the vectors cannot be cut so.

  Example:
    >>> num_subspaces(64, 32, 8)
    4
    >>> num_subspaces(64, 20, 8)
    Traceback (most recent call last):
      ...
    ValueError: num_bits must be a multiple of bits_per_codebook, got 20 and 8
  """
  check_bits_per_codebook(bits_per_codebook)
  if num_bits % bits_per_codebook:
    raise ValueError(
      f'num_bits must be a multiple of bits_per_codebook, got {num_bits} and '
      f'{bits_per_codebook}'
    )
  parts = num_bits // bits_per_codebook
  if length % parts:
    raise ValueError(
      f'vectors of length {length} cannot be cut into {parts} equal parts, as '
      f'{num_bits} bits want, {bits_per_codebook} each'
    )
  return parts


def check_sizes(length: int, num_subspaces: int, num_codewords: int) -> None:
  """Raises a ValueError where there are no such codebooks."""
  check_int('num_subspaces', num_subspaces, 1)
  if num_codewords not in [2**bits for bits in range(1, 9)]:
    raise ValueError(
      f'num_codewords must be a power of two from 2 to 256, got {num_codewords}'
    )
  if length < 1 or length % num_subspaces:
    raise ValueError(
      f'vectors of length {length} cannot be cut into {num_subspaces} equal '
      'parts'
    )


@jax.jit
def assign(
  codebooks: Codebooks, vectors: Vectors, where: Mask | None = None
) -> Assignment:
  """The nearest codewords of vectors, and what their update needs.

  Distances are compared by matrix products about the mean of the codewords, of
  so many rows at a time that the table of distances stays small; the errors
  are taken from differences.

  Args:
    codebooks: float.
    vectors: float, at least one.
    where: rows that count; what the others hold, NaN included, does not matter.

  Returns:
    The assignment; of equally near codewords, the first.

  Raises:
    ValueError: the sizes do not fit, or as `fit_codebooks`.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[2.0], [4.0]]])
    >>> found = assign(codebooks, jnp.array([[0.75, 3.5], [0.0, 4.0]]))
    >>> found.ids.tolist(), found.error.item(), found.unused.item()
    ([[1, 1], [0, 1]], 0.15625, 0.25)
  """
  num_subspaces, num_codewords, width = codebooks.shape
  n, length = vectors.shape
  check_sizes(length, num_subspaces, num_codewords)
  if num_subspaces * width != length:
    raise ValueError(
      f'codebooks {list(codebooks.shape)} do not fit vectors of length {length}'
    )
  codebooks = codebooks.astype(jnp.float32)
  where = jnp.ones(n, bool) if where is None else where
  size = min(n, max(1, TABLE // (num_subspaces * num_codewords)))

  def cut(x: jax.Array) -> jax.Array:
    x = jnp.pad(x, [(0, -n % size)] + [(0, 0)] * (x.ndim - 1))
    return x.reshape(-1, size, *x.shape[1:])

  sums, (ids, errors) = jax.lax.scan(
    partial(_assign_block, codebooks),
    jnp.zeros([num_subspaces, num_codewords, 1 + width]),
    (cut(vectors), cut(where)),
  )
  counts, errors = sums[..., 0], errors.reshape(-1, num_subspaces)[:n]
  num_rows = jnp.maximum(where.sum(dtype=jnp.int32), 1).astype(jnp.float32)
  return Assignment(
    ids.reshape(-1, num_subspaces)[:n],
    errors,
    counts,
    shifts=sums[..., 1:] / jnp.maximum(counts, 1)[..., None],
    error=errors.sum() / num_rows,
    unused=(counts == 0).astype(jnp.float32).mean(),
  )


def _assign_block(codebooks, sums, block):
  vectors, where = block
  vectors = jnp.where(where[:, None], vectors.astype(jnp.float32), 0.0)
  parts = jnp.split(vectors, len(codebooks), axis=1)
  found = [_nearest(*pair, where) for pair in zip(parts, codebooks)]
  ids, errors, added = map(jnp.stack, zip(*found))
  return sums + added, (ids.T, errors.T)


def _nearest(part, codebook, where):
  """Ids and errors of rows in a subspace; by codeword, rows and residuals."""
  middle = codebook.mean(axis=0, keepdims=True)
  codewords = codebook - middle
  # Of |x - c|^2, |x|^2 is the same for all.
  distances = jnp.square(codewords).sum(axis=1)[None] - 2 * jnp.matmul(
    part - middle, codewords.T, precision=jax.lax.Precision.HIGHEST
  )
  least = distances.min(axis=1, keepdims=True)
  numbers = jnp.arange(len(codebook), dtype=jnp.int32)
  # On CPUs far faster than an argmin.
  ids = jnp.where(distances <= least, numbers[None], len(codebook)).min(axis=1)
  weight = where.astype(jnp.float32)[:, None]
  residual = (part - codebook[ids]) * weight
  # Sums of residuals keep digits that sums of vectors would lose.
  sums = jax.lax.platform_dependent(
    jnp.append(weight, residual, axis=1),
    ids,
    cpu=partial(jax.ops.segment_sum, num_segments=len(codebook)),
    # Elsewhere the order in which rows are added is not always the same.
    default=partial(_sum_by_id, num_ids=len(codebook)),
  )
  return ids.astype(jnp.uint8), jnp.square(residual).sum(axis=1), sums


def _sum_by_id(rows, ids, num_ids):
  members = jax.nn.one_hot(ids, num_ids, dtype=rows.dtype)
  return jnp.matmul(members.T, rows, precision=jax.lax.Precision.HIGHEST)
