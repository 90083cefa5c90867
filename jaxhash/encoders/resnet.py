"""Residual networks in the form that torchvision uses.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016
:cite:p:`he2016resnet`.

Bottlenecks stride in their 3x3 convolution ("v1.5", Goyal et al. 2017
:cite:p:`goyal2017minibatch`), padding is symmetric, and the last batch
normalisation of each block starts at zero, so that every block starts as the
identity. Under jit on a mesh the statistics of batch normalisation are those of
the global batch.
"""

from __future__ import annotations

from jaxhash.core import Encoder
from jaxhash.encoders import base
from jaxhash.encoders._residual import STEMS, ResNet
from jaxhash.encoders.heads import HEADS
from jaxhash.lookup import check_known

__all__ = [
  'resnet18',
  'resnet34',
  'resnet50',
  'resnet101',
  'resnet152',
]


def _resnet(
  width: int,
  depths: tuple[int, ...],
  bottleneck: bool,
  head: str,
  stem: str,
  width_multiplier: float,
  dtype: str,
) -> Encoder:
  check_known('head', head, HEADS)
  check_known('stem', stem, STEMS)
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
    >>> import jax
    >>> import numpy as np
    >>> encoder = resnet18(16, head='bn')
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), np.float32)
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
    >>> import jax
    >>> import numpy as np
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), np.float32)
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
    >>> import jax
    >>> import numpy as np
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), np.float32)
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
    >>> import jax
    >>> import numpy as np
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), np.float32)
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
    >>> import jax
    >>> import numpy as np
    >>> inputs = jax.ShapeDtypeStruct((8, 32, 32, 3), np.float32)
    >>> encoder = resnet152(16)
    >>> params, _ = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
    >>> params['head']['dense']['kernel'].shape
    (2048, 16)
  """
  return _resnet(
    width, (3, 8, 36, 3), True, head, stem, width_multiplier, dtype
  )
