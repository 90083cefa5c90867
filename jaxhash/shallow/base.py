"""What linear shallow methods share: the model and how it encodes."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8

from jaxhash import binarize

__all__ = ['LinearModel', 'center', 'encode']


class LinearModel(NamedTuple):
  """Codes are the signs of `(features - mean) @ projection`.

  Attributes:
    mean: of the features that the model was fitted on, float32 `[features]`.
    projection: float32 `[features, bits]`.
    errors: quantisation error, before the first iteration and after each,
      float32 `[iterations + 1]`; empty for a method that does not iterate.
  """

  mean: Float[Array, '...']
  projection: Float[Array, '...']
  errors: Float[Array, '...']


@jax.jit
def encode(
  model: LinearModel, features: Float[Array, 'items features']
) -> Int8[Array, 'items bits']:
  """Codes of features.

  Args:
    model: from the `fit` of a method.
    features: float `[items, features]`, of the length that it was fitted on.

  Returns:
    int8 -1/+1 `[items, bits]`.

  Example:
    >>> model = LinearModel(jnp.ones([2]), jnp.eye(2), jnp.zeros([0]))
    >>> encode(model, jnp.array([[0.0, 3.0]])).tolist()
    [[-1, 1]]
  """
  if features.shape[-1] != model.mean.shape[-1]:
    raise ValueError(
      f'the model was fitted on features of length {model.mean.shape[-1]}, '
      f'got {features.shape[-1]}'
    )
  centered = features.astype(jnp.float32) - model.mean[None]
  return binarize.codes_from_logits(
    jnp.matmul(centered, model.projection, precision=jax.lax.Precision.HIGHEST)
  )


def center(
  features: Float[Array, 'items features'], num_bits: int
) -> tuple[Float[Array, ' features'], Float[Array, 'items features']]:
  """Checks what every `fit` is given; gives the mean and the centred features.

  Args:
    features: float `[items, features]`, finite.
    num_bits: at least 1.

  Returns:
    The mean and the features less the mean, float32.

  Raises:
    ValueError: `num_bits` is less than 1, or the features are no matrix, have
      no rows or are not finite (a NaN would give codes of all -1).
  """
  if num_bits < 1:
    raise ValueError(f'num_bits must be at least 1, got {num_bits}')
  if features.ndim != 2 or 0 in features.shape:
    raise ValueError(
      f'features must be a matrix [items, features], got {features.shape}'
    )
  # float16 sums overflow.
  features = features.astype(jnp.float32)
  mean = jnp.mean(features, axis=0)
  # Under a transformation there are no values to look at yet.
  traced = isinstance(mean, jax.core.Tracer)
  if not traced and not bool(jnp.isfinite(mean).all()):
    raise ValueError('the features are not finite: they hold NaN or infinity')
  return mean, features - mean[None]
