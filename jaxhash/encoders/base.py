"""The seam between Flax Linen and the rest: a module becomes an `Encoder`.

Linen is imported by `jaxhash.encoders` alone; everything else sees plain dicts
and pure functions.
"""

from __future__ import annotations

import math

import flax.errors
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.core import Encoder, Outputs, PyTree
from jaxhash.lookup import check_known

# Empty on purpose: `jaxhash.lookup` takes every listed function of this package
# for an encoder that a config may name. These are the tools to make one.
__all__: list[str] = []

_DTYPES = {'float32': jnp.float32, 'bfloat16': jnp.bfloat16}


def from_linen(module: nn.Module) -> Encoder:
  """Turns a Linen module into an `Encoder` of pure functions.

  Args:
    module: a module with `__call__(x, train) -> (features, logits)`. Its
      collections other than `params` become the state; with `train=True` it
      may draw from the rng `dropout`.

  Returns:
    The encoder. `params` is a plain dict, `state` a plain dict of collections
    such as `{'batch_stats': ...}`, or `{}` for a module without any.

  Raises:
    ValueError: in `apply`, `train=True` without a key for dropout.

  Example:
    >>> from jaxhash.encoders.mlp import MLP
    >>> encoder = from_linen(MLP(width=4, hidden=(8,)))
    >>> inputs = jnp.zeros([2, 3])
    >>> params, state = encoder.init(jax.random.key(0), inputs)
    >>> outputs, _ = encoder.apply(params, state, inputs, train=False)
    >>> outputs.features.shape, outputs.logits.shape, state
    ((2, 8), (2, 4), {})
  """

  @jax.jit
  def init_zeros(key: jax.Array, inputs: jax.Array) -> PyTree:
    return module.init(key, inputs, train=False)

  def init(
    key: jax.Array, inputs: jax.Array | jax.ShapeDtypeStruct
  ) -> tuple[PyTree, PyTree]:
    # One row is enough, and under jit XLA drops the forward pass.
    shape = (1, *inputs.shape[1:])
    state = dict(init_zeros(key, jnp.zeros(shape, inputs.dtype)))
    return state.pop('params', {}), state

  def apply(
    params: PyTree,
    state: PyTree,
    inputs: jax.Array,
    *,
    train: bool,
    key: jax.Array | None = None,
  ) -> tuple[Outputs, PyTree]:
    variables = {'params': params, **state}
    if not train:
      return Outputs(*module.apply(variables, inputs, train=False)), state
    rngs = {} if key is None else {'dropout': key}
    try:
      outputs, new_state = module.apply(
        variables, inputs, train=True, mutable=list(state), rngs=rngs
      )
    except flax.errors.InvalidRngError as e:
      raise ValueError(
        f'{type(module).__name__} has dropout: train=True needs a key, got None'
      ) from e
    return Outputs(*outputs), dict(new_state)

  return Encoder(init, apply)


def compute_dtype(name: str) -> jnp.dtype:
  """The dtype of a network's arithmetic, by name.

  Example:
    >>> compute_dtype('bfloat16').name
    'bfloat16'
  """
  check_known('dtype', name, _DTYPES)
  return jnp.dtype(_DTYPES[name])


def check_positive(**sizes: float | int) -> None:
  """Raises a ValueError that names the first size that is not positive."""
  for name, size in sizes.items():
    if not 0 < size < math.inf:
      raise ValueError(f'{name} must be positive and finite, got {size}')


def check_dropout(rate: float | int) -> None:
  """Raises a ValueError unless `rate` is in [0, 1)."""
  if not 0 <= rate < 1:
    raise ValueError(f'dropout must be in [0, 1), got {rate}')


def check_images(inputs: jax.Array, network: str) -> None:
  """Raises a ValueError unless `inputs` has the shape of images."""
  if inputs.ndim != 4:
    raise ValueError(
      f'{network} takes images [batch, height, width, channels], got inputs of '
      f'shape {_shape(inputs)}; feature vectors go into an mlp'
    )


def check_vectors(inputs: jax.Array, network: str) -> None:
  """Raises a ValueError unless `inputs` has the shape of feature vectors."""
  if inputs.ndim != 2:
    raise ValueError(
      f'{network} takes feature vectors [batch, features], got inputs of '
      f'shape {_shape(inputs)}; images go into a cnn or a resnet'
    )


def _shape(inputs: jax.Array) -> str:
  # The batch is left out: `init` looks at a single row.
  return f'[batch, {", ".join(str(n) for n in inputs.shape[1:])}]'
