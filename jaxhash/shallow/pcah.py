"""Signs of the principal components.

Gong and Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning
Binary Codes", CVPR 2011 :cite:p:`gong2011itq`, call it PCA-Direct; Wang, Kumar
and Chang, "Semi-Supervised Hashing for Scalable Image Retrieval", CVPR 2010
:cite:p:`wang2010pcah`, PCAH.
"""

from __future__ import annotations

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
  r"""Finds the principal components of the features.

  .. math:: b = \mathrm{sign}(V^T (x - \bar x))

  with V the K directions of greatest variance. Nothing is balanced: the first
  bits carry far more of the variance than the last.

  Args:
    features: float `[items, features]`; a memory map is read in blocks.
    key: not used, nothing is random; there for all methods to be called alike.
    num_bits: K, from 1 to the length of a feature.

  Returns:
    The model, with no `errors`.

  Raises:
    ValueError: `num_bits` or the features are out of range.

  Example:
    >>> import jax
    >>> features = jnp.array([[9.0, 1.0], [1.0, 0.0], [5.0, 0.5]])
    >>> model = fit(features, jax.random.key(0), num_bits=1)
    >>> encode(model, features[:2]).tolist()
    [[1], [-1]]
  """
  del key
  base.check_fit(features, num_bits, components=True)
  mean, directions, _ = base.pca(features, num_bits)
  return LinearModel(mean, directions, jnp.zeros([0]))
