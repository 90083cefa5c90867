"""The Flax modules of residual networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.encoders import base
from jaxhash.encoders.heads import HashHead

__all__ = ['STEMS', 'ResNet']


class _Stem(NamedTuple):
  kernel: int
  stride: int
  pool: bool
  min_size: int  # below, the last stage would see nothing but padding


STEMS = {'small': _Stem(3, 1, False, 1), 'imagenet': _Stem(7, 2, True, 32)}


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
    stem = STEMS[self.stem]
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
