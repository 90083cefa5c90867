"""Lloyd's alternation: assignments, and the means of what was assigned."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxhash._checks import check_int
from jaxhash.quantizers._assignment import (
  Assignment,
  Codebooks,
  Mask,
  Vectors,
  assign,
  check_sizes,
)

__all__ = ['fit_codebooks', 'step', 'update']


@jax.jit
def update(
  codebooks: Codebooks, found: Assignment, vectors: Vectors, key: Key[Array, '']
) -> Codebooks:
  """Means of the rows of each codeword, and new places for empty ones.

  An empty codeword moves to a row, drawn with a probability in proportion to
  its error, each row at most once a subspace. No row has left the codeword that
  it was assigned to, so the error never grows; if there are no more rows, or
  none has an error, a codeword stays where it is.

  Args:
    codebooks: that the rows were assigned to.
    found: by `assign`.
    vectors: those that were assigned.
    key: of the rows that are drawn.

  Returns:
    float32 codebooks of the same shape.

  Example:
    >>> codebooks = jnp.array([[[0.0], [9.0]]])
    >>> vectors = jnp.array([[0.0], [3.0]])
    >>> found = assign(codebooks, vectors)
    >>> update(codebooks, found, vectors, jax.random.key(0)).tolist()
    [[[1.5], [3.0]]]
  """
  means = codebooks.astype(jnp.float32) + found.shifts
  empty = found.counts == 0
  seed = partial(_seed, means, empty, found.errors, vectors, key)
  return jax.lax.cond(empty.any(), seed, lambda: means)


def _seed(means, empty, errors, vectors, key):
  parts = vectors.astype(jnp.float32).reshape(len(vectors), len(means), -1)
  # The greatest of log weights plus Gumbel noise are draws by weight.
  scores = jnp.log(errors) + jax.random.gumbel(key, errors.shape)
  best = jax.lax.top_k(scores.T, min(means.shape[1], len(errors)))
  # Which draw a codeword would take, were it empty; NaN if there is none.
  rank = jnp.cumsum(empty, axis=1, dtype=jnp.int32) - 1
  scores, rows = (
    jnp.take_along_axis(x, rank, axis=1, mode='fill') for x in best
  )
  drawn = jax.vmap(lambda part, row: part[row], (1, 0))(parts, rows)
  return jnp.where((empty & jnp.isfinite(scores))[..., None], drawn, means)


def step(
  codebooks: Codebooks,
  vectors: Vectors,
  key: Key[Array, ''],
  where: Mask | None = None,
) -> Codebooks:
  """One step of Lloyd's alternation: `assign`, then `update`.

  Args:
    codebooks: float.
    vectors: float, at least one.
    key: of the places that empty codewords move to.
    where: rows that count.

  Returns:
    float32 codebooks of the same shape, of which the error is not greater; if
    no row counts, those that were given.

  Raises:
    ValueError: as `assign`.

  Example:
    >>> codebooks = jnp.array([[[0.0], [4.0]]])
    >>> vectors = jnp.array([[0.0], [1.0], [5.0]])
    >>> step(codebooks, vectors, jax.random.key(0)).tolist()
    [[[0.5], [5.0]]]
  """
  return update(codebooks, assign(codebooks, vectors, where), vectors, key)


@partial(jax.jit, static_argnums=(2, 3, 4))
def fit_codebooks(
  vectors: Vectors,
  key: Key[Array, ''],
  num_subspaces: int,
  num_codewords: int,
  num_iterations: int,
  where: Mask | None = None,
) -> tuple[Codebooks, Float[Array, ' errors'], Float[Array, '']]:
  """Codebooks of vectors: the parts of random rows, then steps of Lloyd.

  Args:
    vectors: float, at least one; if fewer count than there are codewords, some
      codewords are equal.
    key: of the first codewords and of new places for empty ones.
    num_subspaces: M, at least 1; divides the length of a vector.
    num_codewords: of each subspace, a power of two from 2 to 256.
    num_iterations: at least 0.
    where: as for `assign`.

  Returns:
    The codebooks; the error before the first iteration and after each, float32
    `[num_iterations + 1]`, which never grows; and the share of codewords that
    no row has in the end.

  Raises:
    ValueError: a number is out of range.

  Example:
    >>> vectors = jax.random.normal(jax.random.key(0), [100, 4])
    >>> found = fit_codebooks(vectors, jax.random.key(1), 2, 16, 10)
    >>> [x.shape for x in found]
    [(2, 16, 2), (11,), ()]
  """
  n, length = vectors.shape
  check_sizes(length, num_subspaces, num_codewords)
  check_int('num_iterations', num_iterations, 0)
  where = jnp.ones(n, bool) if where is None else where
  first, rest = jax.random.split(key)
  order = jnp.argsort(jnp.where(where, jax.random.uniform(first, [n]), 2.0))
  count = jnp.maximum(where.sum(dtype=jnp.int32), 1)
  rows = order[jnp.arange(num_codewords, dtype=jnp.int32) % count]
  drawn = jnp.where(where[rows, None], vectors[rows].astype(jnp.float32), 0.0)
  codebooks = drawn.reshape(num_codewords, num_subspaces, -1).swapaxes(0, 1)

  def iterate(state, key):
    codebooks, found = state
    codebooks = update(codebooks, found, vectors, key)
    return (codebooks, assign(codebooks, vectors, where)), found.error

  (codebooks, found), errors = jax.lax.scan(
    iterate,
    (codebooks, assign(codebooks, vectors, where)),
    jax.random.split(rest, num_iterations),
  )
  return codebooks, jnp.append(errors, found.error), found.unused
