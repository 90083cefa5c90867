"""A multi-layer perceptron for feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.core import Encoder
from jaxhash.encoders import base
from jaxhash.encoders.heads import HEADS, HashHead
from jaxhash.lookup import check_known

__all__ = ['MLP', 'mlp']


class MLP(nn.Module):
  """Dense layers with relu and dropout, then a hash head."""

  width: int
  hidden: tuple[int, ...]
  head: str = 'linear'
  dropout: float = 0.0
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> tuple[jax.Array, jax.Array]:
    """Features (the last hidden layer) and logits."""
    base.check_vectors(x, 'mlp')
    x = x.astype(self.dtype)
    for size in self.hidden:
      x = nn.Dense(
        size, dtype=self.dtype, kernel_init=jax.nn.initializers.he_normal()
      )(x)
      x = nn.relu(x)
      x = nn.Dropout(self.dropout, deterministic=not train)(x)
    features = x.astype(jnp.float32)
    return features, HashHead(self.width, self.head, name='head')(
      features, train
    )


def mlp(
  width: int,
  *,
  hidden: Sequence[int] = (512,),
  head: str = 'linear',
  dropout: float = 0.0,
  dtype: str = 'float32',
) -> Encoder:
  """A multi-layer perceptron for feature vectors `[batch, features]`.

  Args:
    width: number of logits, at least 1.
    hidden: sizes of the hidden layers; the last one gives the features. With
      none the inputs are the features and the head is all there is.
    head: `linear` or `bn`, see `jaxhash.encoders.heads`.
    dropout: rate after each hidden layer, in [0, 1).
    dtype: `float32` or `bfloat16` for the hidden layers; parameters, features
      and logits stay float32.

  Returns:
    The encoder.

  Raises:
    ValueError: an argument is out of range; or, at `init`, the inputs are no
      feature vectors.

  Example:
    >>> encoder = mlp(16, hidden=(32,))
    >>> inputs = jax.ShapeDtypeStruct((8, 256), jnp.float32)
    >>> params, state = encoder.init(jax.random.key(0), inputs)
    >>> params['head']['dense']['kernel'].shape
    (32, 16)
  """
  check_known('head', head, HEADS)
  base.check_positive(width=width, **{f'hidden size {n}': n for n in hidden})
  base.check_dropout(dropout)
  return base.from_linen(
    MLP(width, tuple(hidden), head, dropout, base.compute_dtype(dtype))
  )
