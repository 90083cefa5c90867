"""Optimised product quantisation.

Ge, He, Ke and Sun, "Optimized Product Quantization for Approximate Nearest
Neighbor Search", CVPR 2013 :cite:p:`ge2013opq`.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxhash import quantizers, search
from jaxhash._checks import check_int
from jaxhash.lookup import check_known
from jaxhash.shallow import base
from jaxhash.shallow.pq import (
  PQModel,
  distance,
  encode,
  symmetric_distance,
)

__all__ = [
  'PQModel',
  'balanced_rotation',
  'distance',
  'encode',
  'fit',
  'symmetric_distance',
]


def fit(
  features: base.Features,
  key: Key[Array, ''],
  *,
  num_bits: int,
  bits_per_codebook: int = 8,
  num_iterations: int = 50,
  num_first_iterations: int = 25,
  start: str = 'pca',
) -> PQModel:
  r"""Learns a rotation of the features together with their quantiser.

  .. math:: \min_{R, C, b} \sum_i \| x_i R - c(b_i) \|^2, \quad R^T R = I

  After a product quantiser was fitted to the rotation that it starts from, each
  iteration takes a step of Lloyd for the codebooks, and then the best rotation
  for the reconstructions, :math:`R = U V^T` with :math:`U S V^T = X^T \hat X`
  (the non-parametric solution). Neither lets the error grow, so it is at most
  that of PQ from the same start.

  Args:
    features: float `[items, features]`.
    key: of the rows that the codewords begin at, and of the places that empty
      codewords move to.
    num_bits: of a code; a multiple of `bits_per_codebook`.
    bits_per_codebook: from 1 to 8.
    num_iterations: rotations, at least 0.
    num_first_iterations: of Lloyd before the first rotation, at least 0.
    start: `pca`, the parametric solution of `balanced_rotation`; or `identity`.

  Returns:
    The model; `errors` never grow.

  Raises:
    ValueError: as `pq.fit`, or `start` is not known.

  Departures: the features are centred first. How many steps of Lloyd there are
  before the first rotation, and that there is one between two, are choices of
  this library.

  Example:
    >>> features = jax.random.normal(jax.random.key(0), [100, 8])
    >>> model = fit(
    ...   features, jax.random.key(1), num_bits=8, bits_per_codebook=4
    ... )
    >>> encode(model, features).shape, model.errors.shape
    ((100, 2), (51,))
  """
  base.check_fit(features, num_bits)
  check_int('num_iterations', num_iterations, 0)
  check_int('num_first_iterations', num_first_iterations, 0)
  parts = quantizers.num_subspaces(
    features.shape[1], num_bits, bits_per_codebook
  )
  check_known('start', start, ('pca', 'identity'))
  if start == 'pca':
    _, directions, variances = base.pca(features, features.shape[1])
    rotation = balanced_rotation(directions, variances, parts)
  else:
    rotation = jnp.eye(features.shape[1])
  mean, centered = base.center(features, num_bits)
  first, rest = jax.random.split(key)
  rotated = base.matmul(centered, rotation)
  codebooks, _, _ = quantizers.fit_codebooks(
    rotated, first, parts, 2**bits_per_codebook, num_first_iterations
  )
  rotation, codebooks, errors, unused = _alternate(
    centered, rotation, codebooks, rest, num_iterations
  )
  return PQModel(mean, codebooks, errors, unused, rotation)


@partial(jax.jit, static_argnums=2)
def balanced_rotation(
  directions: Float[Array, 'features features'],
  variances: Float[Array, ' features'],
  num_subspaces: int,
) -> Float[Array, 'features features']:
  """Deals principal components out to subspaces of equal products of variances.

  From the greatest variance on, each goes to the subspace, of those that still
  have room, whose product of variances is the least (section 3.2.3).

  Args:
    directions: orthonormal columns by decreasing variance.
    variances: at least 0, decreasing.
    num_subspaces: divides the number of features.

  Returns:
    The directions in another order: those of the first subspace, and so on.

  Departures: variances are measured by the least of them, so that no product
  falls as a subspace grows, and are at least 1e-6 of the greatest.

  Example:
    >>> variances = jnp.array([8.0, 4.0, 2.0, 1.0])
    >>> balanced_rotation(jnp.eye(4), variances, 2).argmax(axis=0).tolist()
    [0, 3, 1, 2]
  """
  num_features = len(variances)
  room = num_features // num_subspaces
  least = 1e-6 * variances[0] + jnp.finfo(jnp.float32).tiny
  logs = jnp.log(jnp.maximum(variances, least))
  logs = logs - logs[-1]

  def deal(state, log):
    products, sizes = state
    subspace = jnp.argmin(jnp.where(sizes < room, products, jnp.inf))
    state = products.at[subspace].add(log), sizes.at[subspace].add(1)
    return state, subspace

  state = jnp.zeros(num_subspaces), jnp.zeros(num_subspaces, jnp.int32)
  _, subspaces = jax.lax.scan(deal, state, logs)
  return directions[:, jnp.argsort(subspaces, stable=True)]


@partial(jax.jit, static_argnums=4)
def _alternate(centered, rotation, codebooks, key, num_iterations):
  def assigned(rotation, codebooks):
    rotated = base.matmul(centered, rotation)
    return rotated, quantizers.assign(codebooks, rotated)

  def iterate(state, key):
    rotation, codebooks, rotated, found = state
    codebooks = quantizers.update(codebooks, found, rotated, key)
    # The rows are still with the codewords of before.
    reconstructed = search.reconstruct(codebooks, found.ids)
    u, _, vt = jnp.linalg.svd(base.matmul(centered.T, reconstructed))
    rotation = base.matmul(u, vt)
    state = rotation, codebooks, *assigned(rotation, codebooks)
    return state, found.error

  state = rotation, codebooks, *assigned(rotation, codebooks)
  (rotation, codebooks, _, found), errors = jax.lax.scan(
    iterate, state, jax.random.split(key, num_iterations)
  )
  return rotation, codebooks, jnp.append(errors, found.error), found.unused
