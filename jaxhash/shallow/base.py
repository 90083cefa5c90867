"""What shallow methods share: checks, moments, components, the linear model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8

from jaxhash import binarize
from jaxhash._checks import check_int

__all__ = [
  'LinearModel',
  'Moments',
  'blocks',
  'center',
  'check_fit',
  'check_length',
  'encode',
  'matmul',
  'moments',
  'pca',
  'project',
]

AnyArray = Array | np.ndarray
Features = Float[AnyArray, 'items features']
BLOCK = 8192

#: Sums of products on accelerators as exact as on a CPU.
matmul = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)


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


class Moments(NamedTuple):
  """Mean of rows, float32 `[features]`, and covariance, or None.

  The covariance is divided by the number of rows, `[features, features]`.
  """

  mean: Float[Array, '...']
  covariance: Float[Array, '...'] | None


@jax.jit
def encode(model: LinearModel, features: Features) -> Int8[Array, 'items bits']:
  """Codes of features.

  Args:
    model: from the `fit` of a method.
    features: float `[items, features]`, of the length that it was fitted on.

  Returns:
    int8 -1/+1 `[items, bits]`.

  Raises:
    ValueError: the features are of another length.

  Example:
    >>> model = LinearModel(jnp.ones([2]), jnp.eye(2), jnp.zeros([0]))
    >>> encode(model, jnp.array([[0.0, 3.0]])).tolist()
    [[-1, 1]]
  """
  check_length(model.mean, features)
  return binarize.codes_from_logits(
    project(features, model.mean, model.projection)
  )


def check_length(mean: Float[Array, ' fitted'], features: Features) -> None:
  """Checks that features are as long as those that a model was fitted on.

  Raises:
    ValueError: they are not.

  Example:
    >>> check_length(jnp.ones([2]), jnp.ones([1, 2]))
  """
  if features.shape[-1] != mean.shape[-1]:
    raise ValueError(
      f'the model was fitted on features of length {mean.shape[-1]}, got '
      f'{features.shape[-1]}'
    )


def check_fit(
  features: Float[AnyArray, '...'], num_bits: int, *, components: bool = False
) -> None:
  """Checks what every `fit` is given, but for the values.

  Args:
    features: float `[items, features]`.
    num_bits: at least 1.
    components: whether each bit takes a principal component of its own.

  Raises:
    ValueError: `num_bits` is less than 1 or more than there are components, or
      the features are no matrix or have no rows.

  Example:
    >>> check_fit(jnp.ones([4, 2]), 3, components=True)
    Traceback (most recent call last):
      ...
    ValueError: there are at most as many principal components as a feature is
    long: got num_bits=3 and features of length 2
  """
  check_int('num_bits', num_bits, 1)
  if features.ndim != 2 or 0 in features.shape:
    raise ValueError(
      f'features must be a matrix [items, features], got {features.shape}'
    )
  if components and num_bits > features.shape[1]:
    raise ValueError(
      'there are at most as many principal components as a feature is long: '
      f'got num_bits={num_bits} and features of length {features.shape[1]}'
    )


def blocks(features: Features) -> Iterator[Float[Array, 'block features']]:
  """Rows in blocks on the device: a memory map is never read at once.

  Yields:
    float `[block, features]`, up to 8192 rows.

  Example:
    >>> [len(block) for block in blocks(np.zeros([10_000, 2], np.float16))]
    [8192, 1808]
  """
  for first in range(0, len(features), BLOCK):
    yield jnp.asarray(features[first : first + BLOCK])


def moments(features: Features, *, covariance: bool = True) -> Moments:
  r"""Mean and covariance, block by block.

  With s the share of the new block b in all rows so far, and
  :math:`\delta = \bar x_b - \bar x_a`:

  .. math:: \bar x = \bar x_a + s \delta, \quad
    C = (1 - s) C_a + s C_b + s (1 - s) \delta \delta^T

  Args:
    features: float `[items, features]`, finite, at least one row; a NumPy
      array or memory map is read in blocks of rows.
    covariance: whether to find the covariance, too.

  Returns:
    Both, float32; a large mean costs the covariance no digits.

  Raises:
    ValueError: the features are not finite (a NaN would give codes of all -1).
      Under a transformation there are no values to look at yet.

  Example:
    >>> found = moments(jnp.array([[1.0, 0.0], [3.0, 0.0]]))
    >>> found.mean.tolist(), found.covariance.tolist()
    ([2.0, 0.0], [[1.0, 0.0], [0.0, 0.0]])

  Source: Chan, Golub and LeVeque, "Algorithms for Computing the Sample
  Variance", The American Statistician 1983 :cite:p:`chan1983variance`.
  """
  length = features.shape[1]
  found = Moments(
    jnp.zeros([length]), jnp.zeros([length, length]) if covariance else None
  )
  origin = jnp.asarray(features[0]).astype(jnp.float32)
  seen = 0
  for rows in blocks(features):
    seen += len(rows)
    found = _merge(found, origin, rows, len(rows) / seen)
  mean = origin + found.mean
  traced = isinstance(mean, jax.core.Tracer)
  if not traced and not bool(jnp.isfinite(mean).all()):
    raise ValueError('the features are not finite: they hold NaN or infinity')
  return Moments(mean, found.covariance)


@jax.jit
def _merge(found: Moments, origin, rows, share) -> Moments:
  # float16 sums overflow, and sums of large numbers lose digits.
  rows = rows.astype(jnp.float32) - origin[None]
  shifted = rows - rows[:1]
  mean = jnp.mean(shifted, axis=0)
  delta = rows[0] - found.mean + mean
  if found.covariance is None:
    return Moments(found.mean + share * delta, None)
  centered = shifted - mean[None]
  covariance = (
    (1 - share) * found.covariance
    + share * matmul(centered.T, centered) / len(rows)
    + share * (1 - share) * jnp.outer(delta, delta)
  )
  return Moments(found.mean + share * delta, covariance)


def center(
  features: Features, num_bits: int
) -> tuple[Float[Array, ' features'], Float[Array, 'items features']]:
  """Checks what every `fit` is given; gives the mean and the centred features.

  Args:
    features: float `[items, features]`, finite.
    num_bits: at least 1.

  Returns:
    The mean and the features less the mean, float32; all rows are held.

  Raises:
    ValueError: as `check_fit` and `moments`.

  Example:
    >>> mean, centered = center(jnp.array([[1.0], [3.0]]), num_bits=8)
    >>> mean.tolist(), centered.tolist()
    ([2.0], [[-1.0], [1.0]])
  """
  check_fit(features, num_bits)
  mean = moments(features, covariance=False).mean
  return mean, jnp.asarray(features).astype(jnp.float32) - mean[None]


def pca(
  features: Features, num_components: int
) -> tuple[
  Float[Array, ' features'],
  Float[Array, 'features components'],
  Float[Array, ' components'],
]:
  """Principal components, by decreasing variance.

  Args:
    features: as for `moments`.
    num_components: from 1 to the length of a feature.

  Returns:
    The mean; directions as orthonormal columns, each with a positive entry of
    greatest magnitude, so that the sign does not hang on the linear algebra
    library; and the variances along them. All float32.

  Raises:
    ValueError: as `moments`.

  Example:
    >>> _, directions, variances = pca(jnp.array([[0.0, -2.0], [0.0, 2.0]]), 1)
    >>> directions.tolist(), variances.tolist()
    ([[0.0], [1.0]], [4.0])
  """
  mean, covariance = moments(features)
  return mean, *_directions(covariance, num_components)


@partial(jax.jit, static_argnums=1)
def _directions(covariance, num_components: int):
  variances, directions = jnp.linalg.eigh(covariance)
  directions = directions[:, ::-1][:, :num_components]
  greatest = jnp.argmax(jnp.abs(directions), axis=0)
  entries = jnp.take_along_axis(directions, greatest[None], axis=0)
  directions = jnp.where(entries < 0, -directions, directions)
  return directions, jnp.maximum(variances[::-1][:num_components], 0.0)


@jax.jit
def project(
  features: Features,
  mean: Float[Array, ' features'],
  directions: Float[Array, 'features components'],
) -> Float[Array, 'items components']:
  """Centred features along directions.

  Args:
    features: float `[items, features]`.
    mean: float32 `[features]`.
    directions: float32 `[features, components]`.

  Returns:
    float32 `[items, components]`.

  Example:
    >>> project(jnp.array([[3.0]]), jnp.ones([1]), jnp.ones([1, 2])).tolist()
    [[2.0, 2.0]]
  """
  return matmul(features.astype(jnp.float32) - mean[None], directions)
