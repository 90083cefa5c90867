"""Decoders: from a short representation back to the inputs."""

from __future__ import annotations

import flax.linen as nn
from jaxtyping import Array, Float

__all__ = ['Decoder']


class Decoder(nn.Module):
  """Gives inputs of a shape: vectors by layers that are dense, or images.

  Images come from a quarter of their size, by two transposed convolutions.

  Attributes:
    shape: of an input, `(features,)` or `(height, width, channels)`.
    hidden: size of the hidden layer; of images 8 times as many as channels.
  """

  shape: tuple[int, ...]
  hidden: int

  @nn.compact
  def __call__(
    self, x: Float[Array, 'batch width']
  ) -> Float[Array, 'batch ...']:
    """What the inputs were, as far as can be told."""
    if len(self.shape) == 1:
      x = nn.relu(nn.Dense(self.hidden, name='hidden')(x))
      return nn.Dense(*self.shape, name='out')(x)
    height, width, channels = self.shape
    rows, columns, maps = -(-height // 4), -(-width // 4), -(-self.hidden // 8)
    x = nn.relu(nn.Dense(rows * columns * maps)(x))
    x = x.reshape(-1, rows, columns, maps)
    x = nn.relu(nn.ConvTranspose(maps, (4, 4), (2, 2))(x))
    x = nn.ConvTranspose(channels, (4, 4), (2, 2))(x)
    return x[:, :height, :width]
