"""Locality-sensitive hashing by random hyperplanes.

Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002
:cite:p:`charikar2002lsh`. Nothing is learned but the mean.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxhash.shallow import base
from jaxhash.shallow.base import LinearModel, encode

__all__ = ['encode', 'fit']


def fit(
  features: base.Features,
  key: Key[Array, ''],
  *,
  num_bits: int,
) -> LinearModel:
  r"""Draws random hyperplanes through the mean of the features.

  .. math:: b = \mathrm{sign}(W^T (x - \bar x)), \quad W_{ij} \sim N(0, 1)

  A bit differs between two items with probability angle / pi. Departure: the
  features are centred first, as the hashing literature does, so the angle is
  that at the mean.

  Args:
    features: float `[items, features]`; a memory map is read in blocks.
    key: of the hyperplanes.
    num_bits: bits of a code, at least 1; may exceed the length of a feature.

  Returns:
    The model, with no `errors`.

  Raises:
    ValueError: `num_bits` or the features are out of range.

  Example:
    >>> features = jax.random.normal(jax.random.key(0), [100, 8])
    >>> model = fit(features, jax.random.key(1), num_bits=16)
    >>> encode(model, features).shape
    (100, 16)
  """
  base.check_fit(features, num_bits)
  mean = base.moments(features, covariance=False).mean
  projection = jax.random.normal(key, (mean.shape[0], num_bits))
  return LinearModel(mean, projection, jnp.zeros([0]))
