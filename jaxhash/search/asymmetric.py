"""Distances of real-valued queries to binary codes and to product quantisers.

Gordo, Perronnin, Gong and Lazebnik, "Asymmetric Distances for Binary
Embeddings", PAMI 2014 :cite:p:`gordo2014asymmetric` (only the abstract was at
hand); Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor
Search", PAMI 2011 :cite:p:`jegou2011pq`.

A product quantiser cuts a vector into subspaces of equal width and names in
each one the nearest of its codewords. ADC compares a vector with quantised
ones, SDC quantised ones with each other, both by sums of table entries.

Values are checked where there are any yet. Under a transformation there are
none: there an id that is out of range gives NaN, not some other codeword.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int8, Int32, UInt8

__all__ = [
  'adc_distances',
  'asymmetric_distances',
  'lookup_tables',
  'quantize',
  'reconstruct',
  'sdc_distances',
  'table_distances',
]

AnyArray = Array | np.ndarray
Vectors = Float[AnyArray, 'q dimensions']
Codebooks = Float[AnyArray, 'subspaces codewords width']
QIds = UInt8[AnyArray, 'q subspaces'] | Int32[AnyArray, 'q subspaces']
Ids = UInt8[AnyArray, 'n subspaces'] | Int32[AnyArray, 'n subspaces']


def asymmetric_distances(
  query_logits: Float[AnyArray, 'query bits'],
  database_codes: Int8[AnyArray, 'database bits'],
) -> Float32[Array, 'query database']:
  """Distances (K - <u, b>) / 2 of real-valued queries u to binary codes b.

  The Hamming distance if u is a code. The items of one query come in the order
  of minus the inner product, which is usual in deep hashing, and of the sum of
  `|u_k|` over the bits whose sign differs. Departure: the idea of Gordo et al.,
  a query that is not binarised, but neither of their two distances.

  Args:
    query_logits: float `[query, bits]`, finite; tanh puts queries on one scale.
    database_codes: int8 -1/+1, `[database, bits]`.

  Returns:
    float32 `[query, database]`; from 0 to bits if logits are from -1 to 1.

  Raises:
    ValueError: an input is empty or not as above, or the bits differ.

  Example:
    >>> codes = jnp.array([[1, 1], [1, -1]], jnp.int8)
    >>> asymmetric_distances(jnp.array([[0.5, 1.0]]), codes).tolist()
    [[0.25, 1.25]]
  """
  _check(query_logits, 'query logits', 'row bit')
  _check(database_codes, 'database codes', 'row bit', 'int8')
  (_, bits), (_, other) = query_logits.shape, database_codes.shape
  if bits != other:
    raise ValueError(f'query logits have {bits} bits, database codes {other}')
  query = jnp.asarray(query_logits, jnp.float32)
  database = jnp.asarray(database_codes, jnp.float32)
  return (bits - jnp.matmul(query, database.T, precision='highest')) / 2


def lookup_tables(
  query: Vectors, codebooks: Codebooks, *, metric: str = 'euclidean'
) -> Float32[Array, 'q subspaces codewords']:
  """Distances of the parts of each query to the codewords of each subspace.

  Args:
    query: float `[query, dimensions]`, finite.
    codebooks: float `[subspaces, codewords, dimensions / subspaces]`, finite.
    metric: `euclidean`, squared and taken from differences, so that no digits
      cancel; or `inner_product`, the negative one.

  Returns:
    float32 `[query, subspaces, codewords]`; at least 0 if Euclidean.

  Raises:
    ValueError: an input is empty or not as above, or they do not fit.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[2.0], [4.0]]])
    >>> lookup_tables(jnp.array([[1.0, 4.0]]), codebooks).tolist()
    [[[1.0, 0.0], [4.0, 0.0]]]
  """
  _check_vectors(query, 'query', codebooks)
  return _tables(query, codebooks, metric)


def table_distances(
  tables: Float[AnyArray, 'q subspaces codewords'], ids: Ids
) -> Float32[Array, 'q n']:
  """Sums of the table entries that the ids name.

  Args:
    tables: float `[query, subspaces, codewords]`, finite.
    ids: `[database, subspaces]`, 0 to codewords - 1; uint8 to 256, or int32.

  Returns:
    float32 `[query, database]`; nothing with subspaces as well is ever held.

  Raises:
    ValueError: an input is empty or not as above, or they do not fit.

  Example:
    >>> tables = jnp.array([[[1.0, 0.0], [4.0, 0.0]]])
    >>> table_distances(tables, jnp.array([[0, 0], [0, 1]], jnp.uint8)).tolist()
    [[5.0, 1.0]]
  """
  _check(tables, 'tables', 'query subspace codeword')
  _check_ids(ids, 'ids', tables.shape[1:])
  return _sum_entries(tables, ids)


def adc_distances(
  query: Vectors, codebooks: Codebooks, ids: Ids, *, metric: str = 'euclidean'
) -> Float32[Array, 'q n']:
  """Asymmetric: distances of vectors to the reconstructions of quantised ones.

  Departures from Jegou et al.: squared, and no expected error is added.

  Args:
    query, codebooks, metric: as for `lookup_tables`.
    ids: as for `table_distances`.

  Returns:
    float32 `[query, database]`.

  Raises:
    ValueError: as for `lookup_tables` and `table_distances`.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[2.0], [4.0]]])
    >>> ids = jnp.array([[0, 0], [0, 1]], jnp.uint8)
    >>> adc_distances(jnp.array([[1.0, 4.0]]), codebooks, ids).tolist()
    [[5.0, 1.0]]
  """
  _check_vectors(query, 'query', codebooks)
  _check_ids(ids, 'ids', codebooks.shape)
  return _sum_entries(_tables(query, codebooks, metric), ids)


def sdc_distances(
  query_ids: QIds, codebooks: Codebooks, ids: Ids, *, metric: str = 'euclidean'
) -> Float32[Array, 'q n']:
  """Symmetric: distances between the reconstructions of quantised vectors.

  Args:
    query_ids: as `ids`, `[query, subspaces]`.
    codebooks, metric: as for `lookup_tables`.
    ids: as for `table_distances`.

  Returns:
    float32 `[query, database]`.

  Raises:
    ValueError: as for `adc_distances`.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[2.0], [4.0]]])
    >>> ids = jnp.array([[0, 0], [0, 1]], jnp.uint8)
    >>> sdc_distances(ids, codebooks, ids).tolist()
    [[0.0, 4.0], [4.0, 0.0]]
  """
  query = _codewords(codebooks, query_ids, 'query ids')
  return adc_distances(query, codebooks, ids, metric=metric)


def reconstruct(codebooks: Codebooks, ids: Ids) -> Float[Array, 'n dimensions']:
  """The vectors that ids stand for: their codewords, side by side.

  Args:
    codebooks: as for `lookup_tables`.
    ids: as for `table_distances`.

  Returns:
    `[database, dimensions]`, of the dtype of the codebooks.

  Raises:
    ValueError: as for `adc_distances`.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[2.0], [4.0]]])
    >>> reconstruct(codebooks, jnp.array([[1, 0]], jnp.uint8)).tolist()
    [[1.0, 2.0]]
  """
  return _codewords(codebooks, ids, 'ids')


def quantize(vectors: Vectors, codebooks: Codebooks) -> QIds:
  """Ids of the nearest codeword in each subspace, the lowest of equally near.

  Args:
    vectors: float `[n, dimensions]`, finite.
    codebooks: as for `lookup_tables`.

  Returns:
    `[n, subspaces]`, uint8 if there are at most 256 codewords, else int32.

  Raises:
    ValueError: as for `lookup_tables`.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[2.0], [4.0]]])
    >>> quantize(jnp.array([[0.9, 3.0]]), codebooks).tolist()
    [[1, 0]]
  """
  _check_vectors(vectors, 'vectors', codebooks)
  return _nearest(vectors, codebooks)


@jax.jit(static_argnames='metric')
def _tables(query, codebooks, metric: str) -> jax.Array:
  if metric not in ('euclidean', 'inner_product'):
    raise ValueError(f'metric must be euclidean or inner_product, got {metric}')
  subspaces, _, width = codebooks.shape
  parts = query.astype(jnp.float32).reshape(-1, subspaces, 1, width)
  codewords = codebooks.astype(jnp.float32)[None]
  # Compiled, each is one loop; only gradients hold an array with the width.
  if metric == 'euclidean':
    return jnp.square(parts - codewords).sum(-1)
  return -(parts * codewords).sum(-1)


@jax.jit
def _sum_entries(tables, ids) -> jax.Array:
  result = jnp.zeros((len(tables), len(ids)), jnp.float32)
  for m in range(ids.shape[1]):
    result += _pick(tables[:, m].astype(jnp.float32).T, ids[:, m]).T
  return result


def _codewords(codebooks, ids, name: str) -> jax.Array:
  _check(codebooks, 'codebooks', 'subspace codeword dimension')
  _check_ids(ids, name, codebooks.shape)
  parts = [_pick(codebooks[m], ids[:, m]) for m in range(len(codebooks))]
  return jnp.concatenate(parts, axis=1)


def _pick(rows, ids) -> jax.Array:
  return jnp.asarray(rows).at[ids].get(mode='fill', wrap_negative_indices=False)


@jax.jit
def _nearest(vectors, codebooks) -> jax.Array:
  def nearest(vector):
    return _tables(vector[None], codebooks, 'euclidean')[0].argmin(axis=-1)

  ids = jax.lax.map(nearest, vectors, batch_size=1024)  # to bound the tables
  return ids.astype(jnp.uint8 if codebooks.shape[1] <= 256 else jnp.int32)


def _check(x, name: str, axes: str, dtypes: str = 'float', last: int = 0):
  kind = 'float' if jnp.issubdtype(x.dtype, jnp.floating) else x.dtype.name
  shape, names = list(x.shape), axes.split()
  form = f'{dtypes} [{", ".join(f"{axis}s" for axis in names)}], not empty'
  if x.ndim != len(names) or 0 in shape or kind not in dtypes.split(' or '):
    raise ValueError(f'{name} must be {form}; got {x.dtype} {shape}')
  if isinstance(x, jax.core.Tracer):
    return
  # While a function is traced, even operations on constants are staged.
  with jax.ensure_compile_time_eval():
    values = jnp.asarray(x)
    if dtypes == 'float':
      bad, wanted = ~jnp.isfinite(values), 'finite'
    elif dtypes == 'int8':
      bad, wanted = jnp.abs(values) != 1, '-1 or +1'
    else:
      bad, wanted = (values < 0) | (values > last), f'from 0 to {last}'
    if bool(bad.any()):
      index = np.unravel_index(int(bad.argmax()), shape)
      place = ', '.join(f'{axis} {i}' for axis, i in zip(names, index))
      raise ValueError(f'{name} must be {wanted}, but {place} is {x[index]}')


def _check_vectors(vectors, name: str, codebooks) -> None:
  _check(vectors, name, 'row dimension')
  _check(codebooks, 'codebooks', 'subspace codeword dimension')
  subspaces, _, width = codebooks.shape
  if (got := vectors.shape[1]) != subspaces * width:
    raise ValueError(f'{name} must be {subspaces} x {width} long, got {got}')


def _check_ids(ids, name: str, shape: tuple[int, ...]) -> None:
  dtypes = 'uint8 or int32' if shape[1] <= 256 else 'int32'
  _check(ids, name, 'row subspace', dtypes, shape[1] - 1)
  if (got := ids.shape[1]) != shape[0]:
    raise ValueError(f'{name} must have {shape[0]} subspaces, got {got}')
