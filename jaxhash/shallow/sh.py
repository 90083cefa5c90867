"""Spectral hashing.

Weiss, Torralba and Fergus, "Spectral Hashing", NIPS 2008 :cite:p:`weiss2008sh`.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8, Int32, Key

from jaxhash import binarize
from jaxhash.shallow import base

__all__ = ['SHModel', 'encode', 'fit', 'modes']


class SHModel(NamedTuple):
  """Codes are the signs of sine functions along principal components.

  Attributes:
    mean: of the features, float32 `[features]`.
    projection: the direction of each bit, float32 `[features, bits]`.
    low: where the box of the train rows begins along it, float32 `[bits]`.
    omega: frequency of each bit, float32 `[bits]`.
  """

  mean: Float[Array, '...']
  projection: Float[Array, '...']
  low: Float[Array, '...']
  omega: Float[Array, '...']


def fit(
  features: base.Features,
  key: Key[Array, ''],
  *,
  num_bits: int,
) -> SHModel:
  r"""Finds the smoothest eigenfunctions of a box around the features.

  The box has the principal components as axes and reaches from their least to
  their greatest value, l to h, of the train rows. Along axis d,

  .. math:: \Phi_{d,k}(x) = \sin(\pi / 2 + \omega_{d,k} (x_d - l_d)), \quad
    \omega_{d,k} = k \pi / (h_d - l_d)

  is an eigenfunction, the smoother the less its frequency: the K of least
  frequency over all axes become the bits.

  Args:
    features: float `[items, features]`; a memory map is read in blocks, twice.
    key: not used, nothing is random; there for all methods to be called alike.
    num_bits: K, at least 1; may exceed the length of a feature.

  Returns:
    The model.

  Raises:
    ValueError: `num_bits` or the features are out of range.

  Departures: the released code widens the box by the machine epsilon of
  float64. Equal frequencies come in the order of the axes.

  Example:
    >>> features = jnp.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    >>> model = fit(features, jax.random.key(0), num_bits=3)
    >>> encode(model, features).tolist()
    [[1, 1, 1], [-1, 1, 1], [1, 1, -1], [-1, 1, -1]]
  """
  del key
  base.check_fit(features, num_bits)
  mean, directions, _ = base.pca(features, min(num_bits, features.shape[1]))
  low = jnp.full(directions.shape[1], jnp.inf)
  high = -low
  for rows in base.blocks(features):
    along = base.project(rows, mean, directions)
    low = jnp.minimum(low, along.min(axis=0))
    high = jnp.maximum(high, along.max(axis=0))
  axes, omega = modes(high - low, num_bits)
  return SHModel(mean, directions[:, axes], low[axes], omega)


@partial(jax.jit, static_argnums=1)
def modes(
  lengths: Float[Array, ' axes'], num_modes: int
) -> tuple[Int32[Array, ' modes'], Float[Array, ' modes']]:
  """The eigenfunctions of a box that change least.

  Args:
    lengths: of the edges of the box, at least 0, float32 `[axes]`.
    num_modes: at least 1.

  Returns:
    The axis of each, int32 `[modes]`, and its frequency, float32 `[modes]`,
    increasing; equal ones by their axis.

  Example:
    >>> axes, omega = modes(jnp.array([2.0, 1.0]), 3)
    >>> axes.tolist(), (omega / jnp.pi).tolist()
    ([0, 0, 1], [0.5, 1.0, 1.0])
  """
  # An edge of no length would give frequencies that are not finite.
  lengths = jnp.maximum(lengths, jnp.finfo(jnp.float32).tiny * num_modes * 4)
  k = jnp.arange(1, num_modes + 1, dtype=jnp.float32)
  omega = k[None] * (jnp.pi / lengths)[:, None]
  first = jnp.argsort(omega.ravel(), stable=True)[:num_modes]
  return (first // num_modes).astype(jnp.int32), omega.ravel()[first]


@jax.jit
def encode(
  model: SHModel, features: base.Features
) -> Int8[Array, 'items bits']:
  """Codes of features.

  Args:
    model: from `fit`.
    features: float `[items, features]`, of the length that it was fitted on.

  Returns:
    int8 -1/+1 `[items, bits]`.

  Raises:
    ValueError: the features are of another length.

  Example:
    >>> model = SHModel(*map(jnp.array, ([0.0], [[1.0]], [0.0], [jnp.pi])))
    >>> encode(model, jnp.array([[0.4], [0.6]])).tolist()
    [[1], [-1]]
  """
  base.check_length(model.mean, features)
  along = base.project(features, model.mean, model.projection)
  return binarize.codes_from_logits(
    jnp.sin(jnp.pi / 2 + model.omega[None] * (along - model.low[None]))
  )
