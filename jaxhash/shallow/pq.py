"""Product quantisation.

Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search",
PAMI 2011 :cite:p:`jegou2011pq`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32, Key, UInt8

from jaxhash import quantizers, search
from jaxhash._checks import check_int
from jaxhash.shallow import base

__all__ = [
  'PQModel',
  'distance',
  'encode',
  'fit',
  'symmetric_distance',
]


class PQModel(NamedTuple):
  """Codes name the nearest codewords of `features - mean`, cut into parts.

  Of OPQ these are rotated first.

  Attributes:
    mean: of the features that the model was fitted on, float32 `[features]`.
    codebooks: float32 `[subspaces, codewords, features / subspaces]`.
    errors: mean squared distance of a row to its reconstruction, before the
      first iteration and after each, float32 `[iterations + 1]`.
    unused: share of codewords that no row has, float32.
    rotation: orthogonal, float32 `[features, features]`; None of PQ.
  """

  mean: Float[Array, '...']
  codebooks: Float[Array, '...']
  errors: Float[Array, '...']
  unused: Float[Array, '...']
  rotation: Float[Array, '...'] | None = None


def fit(
  features: base.Features,
  key: Key[Array, ''],
  *,
  num_bits: int,
  bits_per_codebook: int = 8,
  num_iterations: int = 25,
) -> PQModel:
  r"""Cuts the features into parts and clusters each by k-means.

  .. math:: \min_{C, b} \sum_i \sum_m \| x_i^m - C^m_{b_i^m} \|^2

  Args:
    features: float `[items, features]`; the parts are runs of as many features
      as each other, in their order.
    key: of the rows that the codewords begin at, and of the places that empty
      codewords move to.
    num_bits: of a code; a multiple of `bits_per_codebook`.
    bits_per_codebook: from 1 to 8: there are `2**bits_per_codebook` codewords
      for each part.
    num_iterations: of Lloyd's alternation, at least 0.

  Returns:
    The model; `errors` never grow.

  Raises:
    ValueError: the features or a number are out of range, or the features
      cannot be cut into as many equal parts.

  Departures: the features are centred first, which changes no distance.

  Example:
    >>> features = jax.random.normal(jax.random.key(0), [100, 8])
    >>> model = fit(
    ...   features, jax.random.key(1), num_bits=8, bits_per_codebook=4
    ... )
    >>> codes = encode(model, features)
    >>> codes.shape, codes.dtype.name, distance(model, features, codes).shape
    ((100, 2), 'uint8', (100, 100))
  """
  base.check_fit(features, num_bits)
  check_int('num_iterations', num_iterations, 0)
  parts = quantizers.num_subspaces(
    features.shape[1], num_bits, bits_per_codebook
  )
  mean, centered = base.center(features, num_bits)
  found = quantizers.fit_codebooks(
    centered, key, parts, 2**bits_per_codebook, num_iterations
  )
  return PQModel(mean, *found)


def encode(
  model: PQModel, features: base.Features
) -> UInt8[Array, 'items subspaces']:
  """Ids of the nearest codewords.

  They are numbers without an order: compare them by `distance` or
  `symmetric_distance`, and not bit by bit.

  Args:
    model: from `fit`.
    features: float `[items, features]`, of the length that it was fitted on.

  Returns:
    uint8 `[items, subspaces]`.

  Raises:
    ValueError: the features are of another length.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[0.0], [9.0]]])
    >>> model = PQModel(
    ...   jnp.zeros([2]), codebooks, jnp.zeros([0]), jnp.zeros([])
    ... )
    >>> encode(model, jnp.array([[0.9, 2.0]])).tolist()
    [[1, 0]]
  """
  ids = search.quantize(_rotated(model, features), model.codebooks)
  return jnp.asarray(ids)


def distance(
  model: PQModel,
  query_features: Float[base.AnyArray, 'queries features'],
  codes: UInt8[base.AnyArray, 'items subspaces'],
) -> Float32[Array, 'queries items']:
  """Asymmetric: squared distances of features to reconstructions of codes.

  Args:
    model: from `fit`.
    query_features: float `[queries, features]`.
    codes: uint8 `[items, subspaces]`, of `encode`.

  Returns:
    float32 `[queries, items]`.

  Raises:
    ValueError: the features or codes do not fit to the model.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[0.0], [9.0]]])
    >>> model = PQModel(
    ...   jnp.zeros([2]), codebooks, jnp.zeros([0]), jnp.zeros([])
    ... )
    >>> codes = jnp.array([[1, 0]], jnp.uint8)
    >>> distance(model, jnp.array([[1.0, 2.0]]), codes).tolist()
    [[4.0]]
  """
  return search.adc_distances(
    _rotated(model, query_features), model.codebooks, codes
  )


def symmetric_distance(
  model: PQModel,
  query_codes: UInt8[base.AnyArray, 'queries subspaces'],
  codes: UInt8[base.AnyArray, 'items subspaces'],
) -> Float32[Array, 'queries items']:
  """Symmetric: squared distances between reconstructions of codes.

  Args:
    model: from `fit`.
    query_codes: uint8 `[queries, subspaces]`, of `encode`.
    codes: uint8 `[items, subspaces]`, of `encode`.

  Returns:
    float32 `[queries, items]`.

  Raises:
    ValueError: the codes do not fit to the model.

  Example:
    >>> codebooks = jnp.array([[[0.0], [1.0]], [[0.0], [9.0]]])
    >>> model = PQModel(
    ...   jnp.zeros([2]), codebooks, jnp.zeros([0]), jnp.zeros([])
    ... )
    >>> codes = jnp.array([[0, 1], [1, 1]], jnp.uint8)
    >>> symmetric_distance(model, codes, codes).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
  """
  return search.sdc_distances(query_codes, model.codebooks, codes)


def _rotated(model: PQModel, features: base.AnyArray) -> jax.Array:
  base.check_length(model.mean, features)
  if model.rotation is not None:
    return base.project(jnp.asarray(features), model.mean, model.rotation)
  return jnp.asarray(features).astype(jnp.float32) - model.mean[None]
