"""The features themselves, ranked by cosine: what codes of them approximate.

A reference, and no hashing method: it has no bits.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxhash.losses import cosine_distances
from jaxhash.shallow import base

__all__ = ['distance', 'encode', 'fit']


def fit(
  features: Float[Array, 'items features'],
  key: Key[Array, ''],
  *,
  num_bits: int,
) -> None:
  """Checks the features; there is nothing to learn.

  Args:
    features: float `[items, features]`.
    key: not used.
    num_bits: not used, but to stand in a table beside codes of so many bits.

  Returns:
    Nothing, for there is no model.

  Raises:
    ValueError: `num_bits` or the features are out of range.

  Example:
    >>> fit(jnp.ones([4, 2]), jax.random.key(0), num_bits=8)
  """
  del key
  base.check_fit(features, num_bits)
  base.moments(features, covariance=False)


@jax.jit
def encode(
  model: None, features: Float[Array, 'items features']
) -> Float[Array, 'items features']:
  """Features of unit length; zeros stay zeros.

  Args:
    model: of `fit`.
    features: float `[items, features]`.

  Returns:
    float32 `[items, features]`.

  Example:
    >>> encode(None, jnp.array([[3.0, 4.0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929]]
  """
  del model
  features = features.astype(jnp.float32)
  length = jnp.linalg.norm(features, axis=1, keepdims=True)
  return features / jnp.where(length > 0, length, 1.0)


@jax.jit
def distance(
  model: None,
  features: Float[Array, 'queries _'],
  codes: Float[Array, 'items features'],
) -> Float[Array, 'queries items']:
  """One less the cosine.

  Args:
    model: of `fit`.
    features: of the queries, float `[queries, features]`.
    codes: of the items, from `encode`.

  Returns:
    float32 `[queries, items]`, 0 to 2.

  Raises:
    ValueError: queries and items have other lengths.

  Example:
    >>> codes = encode(None, jnp.array([[0.0, 2.0], [-1.0, 0.0]]))
    >>> distance(None, jnp.array([[3.0, 0.0]]), codes).tolist()
    [[1.0, 2.0]]
  """
  base.check_length(codes[0], features)
  del model
  return cosine_distances(features, codes)
