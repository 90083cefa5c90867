"""All that training changes, as one pytree."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxhash.core import Encoder, Info, PyTree, Variables

__all__ = ['TrainState', 'init_state', 'method_variables']


class TrainState(NamedTuple):
  """The state of a run: with the config, all that the next step depends on.

  Attributes:
    step: steps taken, int32. Never vmapped, so that a `lax.cond` on it stays
      a branch when seeds are trained together.
    params: `{'encoder': ..., 'method': ...}`, trained by gradient.
    encoder_state: running statistics of the encoder.
    method_state: changed by `HashMethod.update` alone.
    opt_state: of the optax transformation.
    key: PRNG key of the run; the key of a step is `fold_in(key, step)`.
    failed_step: the first step whose loss or gradient was not finite, int32,
      -1 while there is none. From it on nothing but `step` changes. Not
      vmapped either: seeds that are trained together stop together.
  """

  step: Any
  params: PyTree
  encoder_state: PyTree
  method_state: PyTree
  opt_state: PyTree
  key: Any
  failed_step: Any


def init_state(
  encoder: Encoder,
  optimizer: optax.GradientTransformation,
  variables: Variables,
  info: Info,
  key: jax.Array,
) -> TrainState:
  """The state before the first step.

  Args:
    encoder: gives its parameters from the shape `info.inputs`.
    optimizer: optax transformation over `{'encoder': ..., 'method': ...}`.
    variables: the method's, from `HashMethod.init`.
    info: what the method was told; its `inputs` shape the encoder.
    key: a PRNG key; the same key gives the same state.

  Returns:
    A state that owns its buffers: no leaf shares one with another leaf or
    with an array of the caller, so that it can be donated.
  """
  encoder_key, run_key = jax.random.split(key)
  init = jax.jit(encoder.init, static_argnums=1)  # of one encoder traced once
  params, encoder_state = init(encoder_key, info.inputs)
  params = {'encoder': params, 'method': variables.params}
  state = TrainState(
    step=jnp.int32(0),
    params=params,
    encoder_state=encoder_state,
    method_state=variables.state,
    opt_state=jax.jit(optimizer.init)(params),
    key=run_key,
    failed_step=jnp.int32(-1),
  )
  return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state)


def method_variables(state: TrainState) -> Variables:
  """The method's part of the state."""
  return Variables(state.params['method'], state.method_state)
