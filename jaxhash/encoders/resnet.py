"""Residual networks (He et al., CVPR 2016) in the form that torchvision uses.

Bottlenecks stride in their 3x3 convolution ("v1.5", Goyal et al. 2017), padding
is symmetric, and the last batch normalisation of each block starts at zero, so
that every block starts as the identity. Under jit on a mesh the statistics of
batch normalisation are those of the global batch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.core import Encoder
from jaxhash.encoders import base
from jaxhash.encoders.heads import HEADS, HashHead

__all__ = [
  'ResNet',
  'resnet18',
  'resnet34',
  'resnet50',
  'resnet101',
  'resnet152',
]


class _Stem(NamedTuple):
  kernel: int
  stride: int
  pool: bool
  min_size: int  # below, the last stage would see nothing but padding


_STEMS = {'small': _Stem(3, 1, False, 1), 'imagenet': _Stem(7, 2, True, 32)}


def _conv(channels: int, kernel: int, stride: int, dtype: Any) -> nn.Conv:
  # SAME would pad on one side only where the stride is 2.
  return nn.Conv(
    channels,
    (kernel, kernel),
    strides=stride,
    padding=kernel // 2,
    use_bias=False,
    dtype=dtype,
    kernel_init=jax.nn.initializers.variance_scaling(2, 'fan_out', 'normal'),
  )


def _norms(train: bool, dtype: Any) -> Callable[..., nn.BatchNorm]:
  return partial(
    nn.BatchNorm,
    use_running_average=not train,
    momentum=0.9,
    epsilon=1e-5,
    dtype=dtype,
  )


class _Block(nn.Module):
  """Two 3x3 convolutions, or 1x1, 3x3, 1x1 as a bottleneck."""

  channels: int
  stride: int
  bottleneck: bool
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = _norms(train, self.dtype)
    narrow, wide = self.channels, self.channels * (4 if self.bottleneck else 1)
    if self.bottleneck:
      layers = [(narrow, 1, 1), (narrow, 3, self.stride), (wide, 1, 1)]
    else:
      layers = [(narrow, 3, self.stride), (wide, 3, 1)]
    y = x
    for channels, kernel, stride in layers[:-1]:
      y = nn.relu(norm()(_conv(channels, kernel, stride, self.dtype)(y)))
    y = _conv(*layers[-1], self.dtype)(y)
    y = norm(scale_init=nn.initializers.zeros_init())(y)
    if x.shape != y.shape:
      x = norm()(_conv(wide, 1, self.stride, self.dtype)(x))
    return nn.relu(x + y)


class ResNet(nn.Module):
  """Stem, stages of blocks, average pool and hash head."""

  width: int
  depths: tuple[int, ...]
  bottleneck: bool
  head: str
  stem: str
  channels: int
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> tuple[jax.Array, jax.Array]:
    """Features (the average pool) and logits."""
    base.check_images(x, 'resnet')
    stem = _STEMS[self.stem]
    if min(x.shape[1:3]) < stem.min_size:
      raise ValueError(
        f'the {self.stem} stem takes images of at least {stem.min_size} x '
        f'{stem.min_size} pixels, got {x.shape[1]} x {x.shape[2]}; use '
        "stem='small'"
      )
    x = x.astype(self.dtype)
    x = _conv(self.channels, stem.kernel, stem.stride, self.dtype)(x)
    x = nn.relu(_norms(train, self.dtype)()(x))
    if stem.pool:
      x = nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
    for stage, depth in enumerate(self.depths):
      for i in range(depth):
        stride = 2 if stage > 0 and i == 0 else 1
        x = _Block(
          self.channels * 2**stage, stride, self.bottleneck, self.dtype
        )(x, train)
    features = jnp.mean(x, axis=(1, 2), dtype=jnp.float32)
    return features, HashHead(self.width, self.head, name='head')(
      features, train
    )


def _resnet(
  width: int,
  depths: tuple[int, ...],
  bottleneck: bool,
  head: str,
  stem: str,
  width_multiplier: float,
  dtype: str,
) -> Encoder:
  base.check_known('head', head, HEADS)
  base.check_known('stem', stem, _STEMS)
  base.check_positive(width=width, width_multiplier=width_multiplier)
  return base.from_linen(
    ResNet(
      width,
      depths,
      bottleneck,
      head,
      stem,
      channels=max(1, round(64 * width_multiplier)),
      dtype=base.compute_dtype(dtype),
    )
  )


def resnet18(
  width: int,
  *,
  head: str = 'linear',
  stem: str = 'small',
  width_multiplier: float = 1.0,
  dtype: str = 'float32',
) -> Encoder:
  """ResNet-18 for images `[batch, height, width, channels]`.

  Args:
    width: number of logits, at least 1.
    head: `linear` or `bn`, see `jaxhash.encoders.heads`.
    stem: `small`, a 3x3 convolution without stride or pool, for images up to
      about 64 pixels; or `imagenet`, 7x7 with stride 2 and a max pool, for
      images of at least 32 pixels, best from about 128.
    width_multiplier: scales the channels of every layer, 64 at the first.
    dtype: `float32` or `bfloat16` for the convolutions; parameters, running
      statistics, features and logits stay float32.

  Returns:
    The encoder; its features are the global average pool.

  Raises:
    ValueError: an argument is unknown or out of range; or, at `init`, the
      inputs are no images, or too small for the stem.

  Example:
    >>> encoder = resnet18(16, head='bn')
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), jnp.float32)
    >>> params, state = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
    >>> params['head']['dense']['kernel'].shape
    (512, 16)
  """
  return _resnet(
    width, (2, 2, 2, 2), False, head, stem, width_multiplier, dtype
  )


def resnet34(
  width: int,
  *,
  head: str = 'linear',
  stem: str = 'small',
  width_multiplier: float = 1.0,
  dtype: str = 'float32',
) -> Encoder:
  """ResNet-34.

  Args:
    width: as for `resnet18`.
    head: as for `resnet18`.
    stem: as for `resnet18`.
    width_multiplier: as for `resnet18`.
    dtype: as for `resnet18`.

  Returns:
    The encoder; its features are the global average pool.

  Raises:
    ValueError: as for `resnet18`.

  Example:
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), jnp.float32)
    >>> encoder = resnet34(16)
    >>> params, _ = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
    >>> params['head']['dense']['kernel'].shape
    (512, 16)
  """
  return _resnet(
    width, (3, 4, 6, 3), False, head, stem, width_multiplier, dtype
  )


def resnet50(
  width: int,
  *,
  head: str = 'linear',
  stem: str = 'small',
  width_multiplier: float = 1.0,
  dtype: str = 'float32',
) -> Encoder:
  """ResNet-50 with bottlenecks.

  Args:
    width: as for `resnet18`.
    head: as for `resnet18`.
    stem: as for `resnet18`.
    width_multiplier: as for `resnet18`.
    dtype: as for `resnet18`.

  Returns:
    The encoder; its features are the global average pool.

  Raises:
    ValueError: as for `resnet18`.

  Example:
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), jnp.float32)
    >>> encoder = resnet50(16)
    >>> params, _ = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
    >>> params['head']['dense']['kernel'].shape
    (2048, 16)
  """
  return _resnet(width, (3, 4, 6, 3), True, head, stem, width_multiplier, dtype)


def resnet101(
  width: int,
  *,
  head: str = 'linear',
  stem: str = 'small',
  width_multiplier: float = 1.0,
  dtype: str = 'float32',
) -> Encoder:
  """ResNet-101 with bottlenecks.

  Args:
    width: as for `resnet18`.
    head: as for `resnet18`.
    stem: as for `resnet18`.
    width_multiplier: as for `resnet18`.
    dtype: as for `resnet18`.

  Returns:
    The encoder; its features are the global average pool.

  Raises:
    ValueError: as for `resnet18`.

  Example:
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), jnp.float32)
    >>> encoder = resnet101(16)
    >>> params, _ = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
    >>> params['head']['dense']['kernel'].shape
    (2048, 16)
  """
  return _resnet(
    width, (3, 4, 23, 3), True, head, stem, width_multiplier, dtype
  )


def resnet152(
  width: int,
  *,
  head: str = 'linear',
  stem: str = 'small',
  width_multiplier: float = 1.0,
  dtype: str = 'float32',
) -> Encoder:
  """ResNet-152 with bottlenecks.

  Args:
    width: as for `resnet18`.
    head: as for `resnet18`.
    stem: as for `resnet18`.
    width_multiplier: as for `resnet18`.
    dtype: as for `resnet18`.

  Returns:
    The encoder; its features are the global average pool.

  Raises:
    ValueError: as for `resnet18`.

  Example:
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), jnp.float32)
    >>> encoder = resnet152(16)
    >>> params, _ = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
    >>> params['head']['dense']['kernel'].shape
    (2048, 16)
  """
  return _resnet(
    width, (3, 8, 36, 3), True, head, stem, width_multiplier, dtype
  )
