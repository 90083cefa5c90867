"""What KSH and SDH share: anchors, a Gaussian kernel, labels, how they encode.

Liu, Wang, Ji, Jiang and Chang, "Supervised Hashing with Kernels", CVPR 2012
:cite:p:`liu2012ksh`.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8, Key, Shaped

from jaxhash import binarize
from jaxhash._checks import check_int
from jaxhash.shallow import base

__all__ = ['KernelModel', 'Labels', 'draw', 'encode', 'kernel', 'multi_hot']

Labels = (
  Shaped[base.AnyArray, 'labelled'] | Shaped[base.AnyArray, 'labelled classes']
)

# Entries of a kernel matrix that are made at once.
TABLE = 2**24


class KernelModel(NamedTuple):
  """Codes are the signs of `(kernel - center) @ projection + bias`.

  Attributes:
    mean: of the features that the model was fitted on, float32 `[features]`.
    anchors: train rows less the mean, float32 `[anchors, features]`.
    width: of the kernel, in squared distance, float32.
    center: mean of the kernel over the train rows, float32 `[anchors]`.
    projection: float32 `[anchors, bits]`.
    bias: float32 `[bits]`.
    errors: what `fit` made less, at first and after each part of it, float32.
  """

  mean: Float[Array, '...']
  anchors: Float[Array, '...']
  width: Float[Array, '...']
  center: Float[Array, '...']
  projection: Float[Array, '...']
  bias: Float[Array, '...']
  errors: Float[Array, '...']


@jax.jit
def encode(
  model: KernelModel, features: base.Features
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
    >>> one = jnp.ones([1])
    >>> model = KernelModel(
    ...   0 * one, one[None], one[0], one / 2, one[None], 0 * one, one
    ... )
    >>> encode(model, jnp.array([[1.0], [5.0]])).tolist()
    [[1], [-1]]
  """
  base.check_length(model.mean, features)

  def logits(row):
    row = row.astype(jnp.float32) - model.mean
    near = kernel(row[None], model.anchors, model.width) - model.center[None]
    return base.matmul(near, model.projection)[0] + model.bias

  size = max(1, TABLE // max(model.anchors.shape))
  return binarize.codes_from_logits(
    jax.lax.map(logits, jnp.asarray(features), batch_size=size)
  )


def kernel(
  rows: Float[Array, 'n features'],
  anchors: Float[Array, 'anchors features'],
  width: Float[Array, ''],
) -> Float[Array, 'n anchors']:
  r"""Gaussian kernel :math:`\exp(-\|x - a\|^2 / (2 w))`.

  Args:
    rows: float32, about their mean.
    anchors: float32, about the same mean.
    width: w, in squared distance.

  Returns:
    float32 from 0 to 1.

  Example:
    >>> kernel(jnp.ones([1, 1]), jnp.ones([2, 1]), jnp.array(3.0)).tolist()
    [[1.0, 1.0]]
  """
  return jnp.exp(-_distances(rows, anchors) / (2 * width))


def _distances(rows: jax.Array, anchors: jax.Array) -> jax.Array:
  squares = [jnp.square(x).sum(axis=1) for x in (rows, anchors)]
  products = base.matmul(rows, anchors.T)
  return jnp.maximum(squares[0][:, None] + squares[1][None] - 2 * products, 0.0)


@partial(jax.jit, static_argnums=2)
def draw(
  centered: Float[Array, 'items features'],
  key: Key[Array, ''],
  num_anchors: int,
) -> tuple[
  Float[Array, 'anchors features'],
  Float[Array, ''],
  Float[Array, 'items anchors'],
  Float[Array, ' anchors'],
]:
  """Anchors among the rows, and the kernel of all rows.

  Args:
    centered: float32 `[items, features]`, about their mean.
    key: of the anchors.
    num_anchors: at least 1; all rows, if there are fewer.

  Returns:
    The anchors; the width of the kernel, which is the mean squared distance of
    rows and anchors, as in the released code of KSH; the kernel less its mean
    over the rows; and that mean.

  Raises:
    ValueError: `num_anchors` is less than 1.

  Example:
    >>> rows = jnp.array([[-1.0], [1.0]])
    >>> anchors, width, _, center = draw(rows, jax.random.key(0), 300)
    >>> sorted(anchors.ravel().tolist()), width.item(), center.shape
    ([-1.0, 1.0], 2.0, (2,))
  """
  check_int('num_anchors', num_anchors, 1)
  n = len(centered)
  rows = jax.random.choice(key, n, [min(num_anchors, n)], replace=False)
  anchors = centered[rows]
  # The mean is more exact from moments than from so many distances.
  spread = jnp.square(centered).sum(axis=1).mean()
  spread += jnp.square(anchors - centered.mean(axis=0)[None]).sum(axis=1).mean()
  width = jnp.maximum(spread, jnp.finfo(jnp.float32).tiny)
  near = kernel(centered, anchors, width)
  center = near.mean(axis=0)
  return anchors, width, near - center[None], center


def multi_hot(labels: Labels, num_rows: int) -> Float[Array, 'items classes']:
  """Classes of rows as 0 and 1.

  Args:
    labels: int `[items]`, negative where unknown; or multi-hot
      `[items, classes]`, positive where a row has a class.
    num_rows: how many there must be.

  Returns:
    float32 `[items, classes]`, all 0 where unknown; of int labels, those
    classes that there are. Under a transformation, where labels have no values,
    as many as rows.

  Raises:
    ValueError: the labels are neither, their number is another, or all are
      unknown.

  Example:
    >>> multi_hot(jnp.array([7, -1, 3]), 3).tolist()
    [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
  """
  integer = jnp.issubdtype(labels.dtype, jnp.integer)
  if labels.ndim != 2 and not (labels.ndim == 1 and integer):
    raise ValueError(
      'labels must be int [items] or multi-hot [items, classes], got '
      f'{labels.dtype} {list(labels.shape)}'
    )
  if len(labels) != num_rows:
    raise ValueError(f'{num_rows} rows of features have {len(labels)} labels')
  traced = isinstance(labels, jax.core.Tracer)
  if labels.ndim == 2:
    hot = labels > np.zeros((), labels.dtype)
  elif traced:
    classes = jnp.unique(labels, size=num_rows, fill_value=-1)
    hot = (labels[:, None] == classes[None]) & (labels >= 0)[:, None]
  else:
    values = np.asarray(labels)
    hot = values[:, None] == np.unique(values[values >= 0])[None]
  if not traced and not bool(hot.any()):
    raise ValueError('no row has a label')
  return jnp.asarray(hot).astype(jnp.float32)
