"""Exact nearest neighbours of real-valued vectors."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash._checks import check_int
from jaxhash.lookup import check_known
from jaxhash.search.codes import AnyArray, read_array

__all__ = ['nearest_vectors']

METRICS = ('euclidean', 'cosine')
ENTRIES = 2**23  # of a table of distances, at once
SPARE = 8  # candidates beyond k, whose order is settled without rounding


def nearest_vectors(
  query: AnyArray,
  database: AnyArray,
  k: int,
  *,
  metric: str = 'euclidean',
) -> tuple[np.ndarray, np.ndarray]:
  """The k nearest vectors of each query, of all that there are.

  Candidates come from matrix products about the mean of the database, and are
  put in order by differences: of two that are equally near but for the
  rounding of a product, either may be left out where they are the last ones.
  Queries x database x dims multiplications; memory does not grow with the
  database beyond itself.

  Args:
    query: `[queries, dims]`, finite, any float dtype.
    database: `[items, dims]`, at least k, likewise.
    k: how many of them.
    metric: `euclidean`, squared distances; or `cosine`, of vectors that are
      made of unit length first, so that it is 2 less twice the cosine.

  Returns:
    Squared distances, float32 `[queries, k]`, rising, and positions in the
    database, int32 `[queries, k]`; of equally near ones the first come first.

  Raises:
    ValueError: shapes, dtypes or values are not as above, or k is more than
      there are.

  Example:
    >>> database = np.array([[0.0], [1.0], [3.0]], np.float32)
    >>> distances, rows = nearest_vectors(database[:1], database, 2)
    >>> distances.tolist(), rows.tolist()
    ([[0.0, 1.0]], [[0, 1]])
  """
  check_int('k', k, 1)
  check_known('metric', metric, METRICS)
  queries, items = _vectors(query, 'query'), _vectors(database, 'database')
  if queries.shape[1] != items.shape[1]:
    raise ValueError(
      f'query has vectors of length {queries.shape[1]}, database of '
      f'{items.shape[1]}'
    )
  if k > len(items):
    raise ValueError(f'k must be at most the {len(items)} vectors, got {k}')
  if metric == 'cosine':
    queries, items = _unit(queries), _unit(items)
  distances, rows = _nearest(jnp.asarray(queries), jnp.asarray(items), k)
  return np.asarray(distances), np.asarray(rows)


@functools.partial(jax.jit, static_argnums=2)
def _nearest(
  query: jax.Array, items: jax.Array, k: int
) -> tuple[jax.Array, jax.Array]:
  middle = items.mean(axis=0, keepdims=True)
  squares = jnp.square(items - middle).sum(axis=1)
  count = min(k + SPARE, len(items))

  def of_block(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    products = jnp.matmul(
      rows - middle, (items - middle).T, precision=jax.lax.Precision.HIGHEST
    )
    _, near = jax.lax.top_k(2 * products - squares[None], count)
    near = jnp.sort(near, axis=1)
    exact = jnp.square(rows[:, None] - items[near]).sum(axis=2)
    order = jnp.argsort(exact, axis=1, stable=True)[:, :k]
    return (
      jnp.take_along_axis(exact, order, axis=1),
      jnp.take_along_axis(near, order, axis=1).astype(jnp.int32),
    )

  # So many queries at a time that their distances and differences are few.
  most = max(len(items), count * items.shape[1])
  size = max(1, min(len(query), ENTRIES // most))
  blocks = -(-len(query) // size)
  padded = jnp.pad(query, ((0, blocks * size - len(query)), (0, 0)))
  found = jax.lax.map(of_block, padded.reshape(blocks, size, -1))
  distances, order = (x.reshape(blocks * size, k)[: len(query)] for x in found)
  return distances, order


def _vectors(array: AnyArray, name: str) -> np.ndarray:
  """Checked, as float32."""
  values = read_array(array)
  if (
    values.ndim != 2
    or 0 in values.shape
    or not jnp.issubdtype(values.dtype, jnp.floating)
  ):
    raise ValueError(
      f'{name} must be float [n, dims], got {values.dtype} {list(values.shape)}'
    )
  vectors = np.asarray(values, np.float32)
  finite = np.isfinite(vectors).all(axis=1)
  if not finite.all():
    raise ValueError(f'{name} row {finite.argmin()} is not finite')
  return vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
  lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
  return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
