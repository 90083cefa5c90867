"""Iterative quantisation.

Gong and Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning
Binary Codes", CVPR 2011 :cite:p:`gong2011itq`.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxhash import binarize
from jaxhash.shallow import base
from jaxhash.shallow.base import LinearModel, encode

__all__ = ['encode', 'fit', 'rotate']


def fit(
  features: base.Features,
  key: Key[Array, ''],
  *,
  num_bits: int,
  num_iterations: int = 50,
) -> LinearModel:
  r"""Rotates the principal components towards the corners of the cube.

  .. math:: \min_{B, R} \| B - V R \|_F, \quad
    B \in \{-1, 1\}^{n \times K}, \; R^T R = I

  with V the features on their first K principal components; B and R are solved
  for in turn (section 3.2), each exactly, so the error never grows.

  Args:
    features: float `[items, features]`; a memory map is read in blocks, twice,
      and only its principal components are held.
    key: of the random rotation that it starts from.
    num_bits: K, from 1 to the length of a feature.
    num_iterations: at least 0; the paper's 50 is enough to converge.

  Returns:
    The model. `projection` has orthonormal columns: principal directions times
    rotation. `errors` has :math:`\|B - V R\|_F` before the first and after each
    iteration.

  Raises:
    ValueError: `num_bits`, `num_iterations` or the features are out of range.

  Example:
    >>> features = jax.random.normal(jax.random.key(0), [100, 8])
    >>> model = fit(features, jax.random.key(1), num_bits=4)
    >>> encode(model, features).shape, model.errors.shape
    ((100, 4), (51,))
  """
  if num_iterations < 0:
    raise ValueError(f'num_iterations must be >= 0, got {num_iterations}')
  base.check_fit(features, num_bits, components=True)
  mean, directions, _ = base.pca(features, num_bits)
  projected = jnp.concatenate(
    [base.project(rows, mean, directions) for rows in base.blocks(features)]
  )
  rotation, errors = _fit(projected, key, num_iterations)
  return LinearModel(mean, base.matmul(directions, rotation), errors)


@partial(jax.jit, static_argnums=2)
def _fit(
  projected: jax.Array, key: jax.Array, num_iterations: int
) -> tuple[jax.Array, jax.Array]:
  rotation, errors = jax.lax.scan(
    lambda rotation, _: rotate(projected, rotation),
    jax.random.orthogonal(key, projected.shape[1]),
    length=num_iterations,
  )
  _, last = rotate(projected, rotation)
  return rotation, jnp.concatenate([errors, last[None]])


def rotate(
  projected: Float[Array, 'items bits'], rotation: Float[Array, 'bits bits']
) -> tuple[Float[Array, 'bits bits'], Float[Array, '']]:
  r"""One iteration: the codes of a rotation, then the rotation of those codes.

  .. math:: B = \mathrm{sign}(V R), \quad U S W^T = B^T V, \quad R' = W U^T

  Args:
    projected: V, float32 `[items, bits]`.
    rotation: R, orthogonal, `[bits, bits]`.

  Returns:
    R', which minimises :math:`\|B - V R'\|_F`; and :math:`\|B - V R\|_F`, the
    error of the rotation that was given.

  Example:
    >>> rotation, error = rotate(jnp.array([[2.0], [-1.0]]), jnp.array([[1.0]]))
    >>> rotation.tolist(), error.item()
    ([[1.0]], 1.0)
  """
  rotated = base.matmul(projected, rotation)
  codes = binarize.codes_from_logits(rotated).astype(projected.dtype)
  u, _, wt = jnp.linalg.svd(base.matmul(codes.T, projected))
  return base.matmul(wt.T, u.T), jnp.linalg.norm(codes - rotated)
