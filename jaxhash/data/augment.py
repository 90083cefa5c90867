"""Augmentation inside the jitted step: pure functions of a key."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

__all__ = ['augment', 'color_jitter', 'pad_crop_flip']

Images = Float[Array, 'batch h w c'] | UInt8[Array, 'batch h w c']


def augment(
  inputs: Array,
  key: Key[Array, ''],
  *,
  pad: int = 0,
  flip: bool = False,
  color: float = 0.0,
  noise: float = 0.0,
) -> Float[Array, 'batch ...']:
  """All augmentations that are asked for, on prepared inputs.

  Args:
    inputs: float images `[batch, height, width, channels]`, or float features
      `[batch, features]` for which `noise` alone makes sense.
    key: each row draws its own.
    pad: pixels to pad by reflection before a random crop of the old size.
    flip: mirror left to right with probability a half.
    color: greatest relative change of brightness, contrast and saturation.
    noise: standard deviation of Gaussian noise that is added.

  Returns:
    The same shape and dtype; the inputs themselves where nothing is asked for.

  Raises:
    ValueError: an image augmentation is asked for features, a value is
      negative, or `pad` is not smaller than the image.

  Example:
    >>> images = jnp.ones((2, 8, 8, 1))
    >>> augment(images, jax.random.key(0), pad=1, flip=True).shape
    (2, 8, 8, 1)
  """
  if min(pad, color, noise) < 0:
    raise ValueError(
      'pad, color and noise must not be negative, got '
      f'{pad}, {color} and {noise}'
    )
  if inputs.ndim != 4 and (pad or flip or color):
    raise ValueError(
      'pad, flip and color are for images [batch, height, width, channels]; '
      f'the inputs have shape {inputs.shape}'
    )
  crop_key, color_key, noise_key = jax.random.split(key, 3)
  if pad or flip:
    inputs = pad_crop_flip(inputs, crop_key, pad=pad, flip=flip)
  if color:
    inputs = color_jitter(inputs, color_key, strength=color)
  if noise:
    inputs = inputs + noise * jax.random.normal(
      noise_key, inputs.shape, inputs.dtype
    )
  return inputs


def pad_crop_flip(
  images: Images, key: Key[Array, ''], *, pad: int, flip: bool
) -> Images:
  """Random crop of the reflected image, and mirror: one gather of pixels.

  Args:
    images: any dtype `[batch, height, width, channels]`.
    key: each image draws its own offset and side.
    pad: greatest shift in pixels, less than height and width.
    flip: mirror left to right with probability a half.

  Returns:
    The same shape and dtype.

  Raises:
    ValueError: `pad` is not smaller than the image.

  Example:
    >>> image = jnp.arange(4.0).reshape(1, 1, 4, 1)
    >>> pad_crop_flip(image, jax.random.key(0), pad=0, flip=False).tolist()
    [[[[0.0], [1.0], [2.0], [3.0]]]]
  """
  batch, height, width, _ = images.shape
  if pad >= min(height, width):
    raise ValueError(
      f'pad must be less than the image of {height} x {width}, got {pad}'
    )
  shift_key, flip_key = jax.random.split(key)
  shift = jax.random.randint(shift_key, (2, batch, 1), -pad, pad + 1)
  rows = _reflect(jnp.arange(height)[None] + shift[0], height)
  columns = _reflect(jnp.arange(width)[None] + shift[1], width)
  if flip:
    mirrored = jax.random.bernoulli(flip_key, 0.5, (batch, 1))
    columns = jnp.where(mirrored, columns[:, ::-1], columns)
  index = jnp.arange(batch)[:, None, None]
  return images[index, rows[:, :, None], columns[:, None, :]]


def color_jitter(
  images: Float[Array, 'batch h w c'], key: Key[Array, ''], *, strength: float
) -> Float[Array, 'batch h w c']:
  """Random brightness, contrast and saturation of each image.

  Args:
    images: float, centred about 0 as `Pipeline.preprocess` gives them.
    key: each image draws its own three factors.
    strength: factors are uniform in [1 - strength, 1 + strength]; brightness
      is an offset in [-strength, strength], in units of the images.

  Returns:
    The same shape and dtype.

  Example:
    >>> images = jnp.ones((1, 2, 2, 3))
    >>> color_jitter(images, jax.random.key(0), strength=0.0).mean().item()
    1.0
  """
  drawn = jax.random.uniform(
    key,
    (3, len(images), 1, 1, 1),
    images.dtype,
    minval=-strength,
    maxval=strength,
  )
  brightness, contrast, saturation = drawn
  mean = images.mean((1, 2, 3), keepdims=True)
  images = mean + (1 + contrast) * (images - mean)
  grey = images.mean(3, keepdims=True)
  return grey + (1 + saturation) * (images - grey) + brightness


def _reflect(index: Array, size: int) -> Array:
  """Positions outside [0, size) mirrored at the border pixel."""
  index = jnp.abs(index)
  return jnp.where(index >= size, 2 * (size - 1) - index, index)
