"""Augmentation inside the jitted step: pure functions of a key."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

from jaxhash.lookup import check_known

__all__ = ['augment', 'color_jitter', 'pad_crop_flip']

PAD_MODES = ('reflect', 'zeros')
Images = Float[Array, 'batch h w c'] | UInt8[Array, 'batch h w c']


def augment(
  inputs: Array,
  key: Key[Array, ''],
  *,
  pad: int = 0,
  flip: bool = False,
  color: float = 0.0,
  noise: float = 0.0,
  dropout: float = 0.0,
  pad_mode: str = 'reflect',
) -> Float[Array, 'batch ...']:
  """All augmentations that are asked for, on prepared inputs.

  Args:
    inputs: float images `[batch, height, width, channels]`, or float features
      `[batch, features]` for which only `noise` and `dropout` make sense.
    key: each row draws its own.
    pad: pixels to pad by before a random crop of the old size.
    flip: mirror left to right with probability a half.
    color: greatest change of brightness, contrast and saturation, 0 to 1; see
      `color_jitter`.
    noise: standard deviation of Gaussian noise that is added.
    dropout: probability, below 1, that a value becomes 0; the others are
      divided by the probability to stay.
    pad_mode: `reflect` or `zeros`; 0 is the mean of normalised inputs.

  Returns:
    The same shape and dtype; the inputs themselves where nothing is asked for.

  Raises:
    ValueError: an image augmentation is asked for features, a value is out of
      range, `pad` is not smaller than the image, or the mode is unknown.

  Example:
    >>> images = jnp.ones((2, 8, 8, 1))
    >>> augment(images, jax.random.key(0), pad=1, flip=True).shape
    (2, 8, 8, 1)
  """
  if not (pad >= 0 and 0 <= color <= 1 and 0 <= noise < math.inf) or not (
    0 <= dropout < 1
  ):
    raise ValueError(
      'pad, color, noise and dropout must not be negative, color at most 1 '
      f'and dropout less than 1, got {pad}, {color}, {noise} and {dropout}'
    )
  if inputs.ndim != 4 and (pad or flip or color):
    raise ValueError(
      'pad, flip and color are for images [batch, height, width, channels]; '
      f'the inputs have shape {inputs.shape}'
    )
  crop_key, color_key, noise_key = jax.random.split(key, 3)
  if pad or flip:
    inputs = pad_crop_flip(
      inputs, crop_key, pad=pad, flip=flip, pad_mode=pad_mode
    )
  if color:
    inputs = color_jitter(
      inputs, color_key, brightness=color, contrast=color, saturation=color
    )
  if noise:
    inputs = inputs + noise * jax.random.normal(
      noise_key, inputs.shape, inputs.dtype
    )
  if dropout:
    drop_key = jax.random.fold_in(key, 3)
    kept = jax.random.bernoulli(drop_key, 1 - dropout, inputs.shape)
    inputs = jnp.where(kept, inputs / (1 - dropout), jnp.zeros_like(inputs))
  return inputs


def pad_crop_flip(
  images: Images,
  key: Key[Array, ''],
  *,
  pad: int,
  flip: bool,
  pad_mode: str = 'reflect',
) -> Images:
  """Random crop of the padded image, and mirror: one gather of pixels.

  Args:
    images: any dtype `[batch, height, width, channels]`.
    key: each image draws its own offset and side.
    pad: greatest shift in pixels, less than height and width.
    flip: mirror left to right with probability a half.
    pad_mode: what is beyond the border, `reflect` or `zeros`.

  Returns:
    The same shape and dtype.

  Raises:
    ValueError: `pad` is not smaller than the image, or the mode is unknown.

  Example:
    >>> image = jnp.arange(4.0).reshape(1, 1, 4, 1)
    >>> pad_crop_flip(image, jax.random.key(0), pad=0, flip=False).tolist()
    [[[[0.0], [1.0], [2.0], [3.0]]]]
  """
  batch, height, width, _ = images.shape
  check_known('pad_mode', pad_mode, PAD_MODES)
  if pad >= min(height, width):
    raise ValueError(
      f'pad must be less than the image of {height} x {width}, got {pad}'
    )
  shift_key, flip_key = jax.random.split(key)
  shift = jax.random.randint(shift_key, (2, batch, 1), -pad, pad + 1)
  rows = jnp.arange(height)[None] + shift[0]
  columns = jnp.arange(width)[None] + shift[1]
  if flip:
    mirrored = jax.random.bernoulli(flip_key, 0.5, (batch, 1))
    columns = jnp.where(mirrored, columns[:, ::-1], columns)
  index = jnp.arange(batch)[:, None, None]
  rows, columns = rows[:, :, None], columns[:, None, :]
  cropped = images[index, _reflect(rows, height), _reflect(columns, width)]
  if pad_mode == 'reflect':
    return cropped
  inside = (rows == rows.clip(0, height - 1)) & (
    columns == columns.clip(0, width - 1)
  )
  return jnp.where(inside[..., None], cropped, jnp.zeros_like(cropped))


def color_jitter(
  images: Float[Array, 'batch h w c'],
  key: Key[Array, ''],
  *,
  brightness: float,
  contrast: float,
  saturation: float,
) -> Float[Array, 'batch h w c']:
  """Random brightness, contrast and saturation of each image.

  With m the mean of the image x, g the mean over channels of
  y = m + (1 + c) (x - m), the result is g + (1 + s) (y - g) + b.

  Args:
    images: float, centred about 0 as `Pipeline.preprocess` gives them.
    key: each image draws its own b, c and s.
    brightness: b is uniform in [-brightness, brightness], in units of the
      images.
    contrast: c is uniform in [-contrast, contrast].
    saturation: s is uniform in [-saturation, saturation].

  Returns:
    The same shape and dtype.

  Example:
    >>> images = jnp.ones((1, 2, 2, 3))
    >>> off = {'brightness': 0.0, 'contrast': 0.0, 'saturation': 0.0}
    >>> color_jitter(images, jax.random.key(0), **off).mean().item()
    1.0
  """
  drawn = jax.random.uniform(
    key,
    (3, len(images), 1, 1, 1),
    images.dtype,
    minval=-1,
    maxval=1,
  )
  mean = images.mean((1, 2, 3), keepdims=True)
  images = mean + (1 + contrast * drawn[1]) * (images - mean)
  grey = images.mean(3, keepdims=True)
  images = grey + (1 + saturation * drawn[2]) * (images - grey)
  return images + brightness * drawn[0]


def _reflect(index: Array, size: int) -> Array:
  """Positions outside [0, size) mirrored at the border pixel."""
  index = jnp.abs(index)
  return jnp.where(index >= size, 2 * (size - 1) - index, index)
