"""The networks of SCHN beside the encoder.

A batch is a sequence here: attention and graph convolution are over its rows.
Layers are those of the authors' code, and so are sizes where `hidden` is 1024
and 512.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from jaxhash.core import Info, PyTree
from jaxhash.losses import safe_reduce

__all__ = ['Codes', 'Networks', 'make_networks']

DROPOUT = 0.5


class Perceptron(nn.Module):
  """Two hidden layers; gives the second one and the tanh of a last layer."""

  width: int
  hidden: tuple[int, int]

  @nn.compact
  def __call__(
    self, x: Float[Array, 'batch inputs']
  ) -> tuple[Float[Array, 'batch features'], Float[Array, 'batch width']]:
    for size in self.hidden:
      x = nn.relu(nn.Dense(size)(x))
    return x, jnp.tanh(nn.Dense(self.width)(x))


class Attention(nn.Module):
  """One head over the rows of a batch; rows outside `where` give nothing."""

  width: int

  @nn.compact
  def __call__(
    self,
    keys: Float[Array, 'batch keys'],
    values: Float[Array, 'batch values'],
    where: Bool[Array, 'batch'],
  ) -> Float[Array, 'batch width']:
    """The keys are the queries too, as in all of SCHN."""
    q, k, v = (
      nn.Dense(self.width, name=name)(x)[:, None]  # one head
      for name, x in (('query', keys), ('key', keys), ('value', values))
    )
    seen = nn.dot_product_attention(q, k, v, mask=where[None, None])
    return nn.Dense(self.width, name='out')(seen[:, 0])


class GraphConvolution(nn.Module):
  """Sums of linear maps of the neighbours; nothing is normalised."""

  width: int

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'batch features'],
    adjacency: Float[Array, 'batch batch'],
  ) -> Float[Array, 'batch width']:
    bias = self.param('bias', nn.initializers.zeros, (self.width,))
    return adjacency @ nn.Dense(self.width, use_bias=False)(x) + bias[None]


class CycleNetwork(nn.Module):
  """The latent space between images and labels, and the way back from it.

  Attributes:
    num_bits: of the codes.
    version: `mmasia`: label features look for latent ones to make images'
      codes of, and image features for those to make labels' codes of; `tomm`:
      latent features look for label and for image features.
    activation: of the latent codes, `sigmoid` or `tanh`.
    hidden: sizes of the latent space and of the label features.
  """

  num_bits: int
  version: str
  activation: str
  hidden: tuple[int, int]

  @nn.compact
  def __call__(
    self,
    images: Float[Array, 'batch image_features'],
    labels: Float[Array, 'batch label_features'],
    adjacency: Float[Array, 'batch batch'],
    where: Bool[Array, 'batch'],
    *,
    train: bool,
  ) -> tuple[Array, Array, Array]:
    """Latent codes, and codes of images and labels that are made from it."""
    latent_width, label_width = self.hidden
    fused = Attention(label_width, name='latent_attention')(
      labels, images, where
    )
    latent = nn.relu(
      GraphConvolution(latent_width, name='latent_graph')(fused, adjacency)
    )
    dropped = nn.Dropout(DROPOUT, deterministic=not train)(latent)
    logits = nn.Dense(self.num_bits, name='latent_codes')(dropped)
    codes = getattr(jax.nn, self.activation)(logits)
    if self.version == 'mmasia':
      of_image = (label_width, labels, latent)
      of_label = (images.shape[1], images, latent)
    else:
      of_image = (latent_width, latent, labels)
      of_label = (latent_width, latent, images)
    made = []
    for name, (width, keys, values) in (
      ('image', of_image),
      ('label', of_label),
    ):
      seen = Attention(width, name=f'{name}_attention')(keys, values, where)
      made.append(Perceptron(self.num_bits, self.hidden, name=name)(seen)[1])
    return codes, made[0], made[1]


class Discriminators(nn.Module):
  """Whether codes of images, and of labels, are first-hand or made again."""

  hidden: tuple[int, int]

  @nn.compact
  def __call__(
    self, images: Float[Array, 'batch bits'], labels: Float[Array, 'batch bits']
  ) -> Float[Array, '2*batch']:
    """Logits: the authors' (tanh(x) + 1) / 2 is the sigmoid of 2x."""
    judged = []
    for name, codes in (('image', images), ('label', labels)):
      x = codes
      for i, size in enumerate(self.hidden):
        x = nn.relu(nn.Dense(size, name=f'{name}_{i}')(x))
      judged.append(nn.Dense(1, name=name)(x))
    return 2 * jnp.concatenate(judged)[:, 0]


class Codes(NamedTuple):
  """Real-valued codes of a batch, float32 `[batch, bits]`.

  Attributes:
    label: of the labels.
    latent: of the latent space.
    image_again: of the images, made again through the latent space.
    label_again: of the labels, likewise.
  """

  label: Array
  latent: Array
  image_again: Array
  label_again: Array


class Networks(NamedTuple):
  """All networks but the encoder.

  Attributes:
    label: from labels to features and codes.
    cycle: the latent space and the way back.
    discriminators: of first-hand codes; None where there are none.
  """

  label: Perceptron
  cycle: CycleNetwork
  discriminators: Discriminators | None

  def init(self, key: jax.Array, info: Info) -> PyTree:
    """The parameters of each, by name."""
    targets = jnp.zeros((2, info.num_classes))
    images = jnp.zeros((2, info.outputs.features.shape[1]))

    @jax.jit  # else a hundred small programs are compiled
    def draw(key: jax.Array) -> PyTree:
      keys = jax.random.split(key, 3)
      (features, codes), label = self.label.init_with_output(keys[0], targets)
      cycle = self.cycle.init(
        keys[1], images, features, jnp.eye(2), jnp.ones(2, bool), train=False
      )
      params = {'label': label['params'], 'cycle': cycle['params']}
      if self.discriminators is not None:
        judge = self.discriminators.init(keys[2], codes, codes)
        params['discriminators'] = judge['params']
      return params

    return draw(key)

  def codes(
    self,
    params: PyTree,
    images: Float[Array, 'batch features'],
    targets: Float[Array, 'batch classes'],
    similar: Float[Array, 'batch batch'],
    where: Bool[Array, 'batch'],
    key: jax.Array | None,
  ) -> Codes:
    """Codes of all spaces; the cycle sees features without a gradient.

    Args:
      params: of `init`.
      images: features of the encoder.
      targets: multi-hot labels.
      similar: 1 for a label in common, else 0.
      where: rows with a label.
      key: of dropout; None for none.
    """
    label_apply: Callable[..., Any] = self.label.apply
    cycle_apply: Callable[..., Any] = self.cycle.apply
    features, label = label_apply({'params': params['label']}, targets)
    latent, image_again, label_again = cycle_apply(
      {'params': params['cycle']},
      jax.lax.stop_gradient(images),
      jax.lax.stop_gradient(features),
      similar,
      where,
      train=key is not None,
      rngs=None if key is None else {'dropout': key},
    )
    return Codes(label, latent, image_again, label_again)

  def adversarial_losses(
    self,
    params: PyTree,
    image: Float[Array, 'batch bits'],
    codes: Codes,
    where: Bool[Array, 'batch'],
  ) -> dict[str, Float[Array, '']]:
    """L_D, which reaches the discriminators alone, and L_G, the cycle alone."""
    assert self.discriminators is not None
    stop = jax.lax.stop_gradient
    apply: Callable[..., Any] = self.discriminators.apply
    judge = {'params': params['discriminators']}
    both = jnp.concatenate([where, where])
    again = codes.image_again, codes.label_again
    real = apply(judge, stop(image), stop(codes.label))
    fake = apply(judge, *stop(again))
    fooled = apply(stop(judge), *again)
    return {
      'discriminator_loss': _judged(real, 1.0, both) + _judged(fake, 0.0, both),
      'generator_loss': _judged(fooled, 1.0, both),
    }


def make_networks(
  num_bits: int,
  version: str,
  activation: str,
  hidden: tuple[int, int],
  *,
  adversarial: bool,
) -> Networks:
  """The networks of a version; see `schn`."""
  return Networks(
    Perceptron(num_bits, hidden),
    CycleNetwork(num_bits, version, activation, hidden),
    Discriminators(hidden) if adversarial else None,
  )


def _judged(
  logits: Float[Array, 'judged'], target: float, where: Bool[Array, 'judged']
) -> Float[Array, '']:
  """Binary cross-entropy."""
  targets = jnp.full_like(logits, target)
  losses = optax.sigmoid_binary_cross_entropy(logits, targets)
  return safe_reduce(losses, where)
