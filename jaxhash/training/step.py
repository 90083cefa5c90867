"""The one train step and the one encode step; neither knows a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxhash.core import Batch, Encoder, HashMethod, Outputs, PyTree, Variables
from jaxhash.training.state import TrainState, method_variables

__all__ = ['make_encode_step', 'make_train_step']

TrainStep = Callable[[TrainState, PyTree, Batch], tuple[TrainState, dict]]


def make_train_step(
  method: HashMethod,
  encoder: Encoder,
  optimizer: optax.GradientTransformation,
  prepare: Callable[[PyTree, Batch, jax.Array], Batch],
  *,
  steps_per_round: int | None = None,
  seeds_axis: str | None = None,
  devices_axis: str | None = None,
) -> TrainStep:
  """Makes the pure train step.

  Args:
    method: its loss is differentiated, its `update` sees the variables of
      before the optimiser's step.
    encoder: inside the differentiated function, so that gradients flow
      through features and logits alike.
    optimizer: over `{'encoder': ..., 'method': ...}`.
    prepare: `Pipeline.prepare`.
    steps_per_round: `Pipeline.steps_per_round`; only a method that has `solve`
      needs it.
    seeds_axis: name of the `jax.vmap` axis along which seeds are trained
      together, None for a single run. All stop where one fails: a branch on
      one seed alone would turn every `lax.cond` inside into a select, and a
      closed-form solve now and then into one at every step.
    devices_axis: name of the `jax.pmap` axis of devices that share a batch
      (or of a `jax.shard_map` with `check_vma=False`), None where there is
      none: on a mesh under `jax.jit` nothing is needed. Each device augments
      and encodes its own rows; outputs and batch are gathered, and all of
      them compute the loss and `update` of the whole batch, so that no
      method has to know. Batch normalisation is by the rows of a device.

  Returns:
    `(state, data, batch) -> (state, metrics)`, pure, to be jitted with its
    state donated. A loss or gradient that is not finite is recorded in
    `failed_step` and freezes the state but for `step`. Under `jax.vmap` the
    `step` and `failed_step` of the state are not mapped.

  Raises:
    ValueError: the method has `solve`, and `steps_per_round` is not given.
  """

  if method.solve is not None and steps_per_round is None:
    raise ValueError(
      'the method has a closed-form step at the end of a round: give '
      'steps_per_round, say that of the pipeline'
    )

  def train_step(
    state: TrainState, data: PyTree, batch: Batch
  ) -> tuple[TrainState, dict]:
    data_key, encoder_key, loss_key, update_key = jax.random.split(
      jax.random.fold_in(state.key, state.step), 4
    )
    if devices_axis is not None:  # augmentation and dropout of its own
      device = jax.lax.axis_index(devices_axis)
      data_key = jax.random.fold_in(data_key, device)
      encoder_key = jax.random.fold_in(encoder_key, device)
    batch = prepare(data, batch, data_key)
    whole = _gathered(batch, batch, devices_axis)
    variables = method_variables(state)

    def loss_fn(params):
      outputs, encoder_state = encoder.apply(
        params['encoder'],
        state.encoder_state,
        batch['inputs'],
        train=True,
        key=encoder_key,
      )
      outputs = _gathered(outputs, batch, devices_axis)
      loss, aux = method.loss(
        Variables(params['method'], state.method_state),
        outputs,
        whole,
        key=loss_key,
        step=state.step,
      )
      return loss, (outputs, encoder_state, aux)

    (loss, (outputs, encoder_state, aux)), gradients = jax.value_and_grad(
      loss_fn, has_aux=True
    )(state.params)
    if devices_axis is not None:
      gradients = jax.lax.pmean(gradients, devices_axis)
      encoder_state = _mean_over_devices(encoder_state, devices_axis)
    norm = optax.tree.norm(gradients)

    def advance(state: TrainState) -> TrainState:
      updates, opt_state = optimizer.update(
        gradients, state.opt_state, state.params
      )
      method_state = method.update(
        variables, outputs, aux, whole, key=update_key, step=state.step
      )
      return state._replace(
        params=optax.apply_updates(state.params, updates),
        encoder_state=encoder_state,
        method_state=_solved(
          method,
          variables._replace(state=method_state),
          steps_per_round,
          key=jax.random.fold_in(update_key, 1),
          step=state.step,
        ),
        opt_state=opt_state,
      )

    def freeze(state: TrainState) -> TrainState:
      first = jnp.where(state.failed_step < 0, state.step, state.failed_step)
      return state._replace(failed_step=first)

    finite = jnp.isfinite(loss) & jnp.isfinite(norm)
    if seeds_axis is not None:
      finite = jax.lax.pmin(finite.astype(jnp.int32), seeds_axis) > 0
    step = state.step
    state = jax.lax.cond(
      finite & (state.failed_step < 0), advance, freeze, state
    )
    metrics = {**aux.metrics, 'loss': loss, 'gradient_norm': norm}
    return state._replace(step=step + 1), metrics

  return train_step


def _solved(
  method: HashMethod,
  variables: Variables,
  steps_per_round: int | None,
  *,
  key: jax.Array,
  step: jax.Array,
) -> PyTree:
  """The state after a closed-form step, where one is due."""
  solve = method.solve
  if solve is None or steps_per_round is None:
    return variables.state
  return jax.lax.cond(
    (step + 1) % steps_per_round == 0,
    lambda: solve(variables, key=key, step=step),
    lambda: variables.state,
  )


def _mean_over_devices(tree: PyTree, axis_name: str) -> PyTree:
  """Means of running statistics; what counts is the same on all devices."""

  def mean(leaf: jax.Array) -> jax.Array:
    if jnp.issubdtype(leaf.dtype, jnp.inexact):
      return jax.lax.pmean(leaf, axis_name)
    return leaf

  return jax.tree.map(mean, tree)


def _gathered(tree: PyTree, batch: Batch, axis_name: str | None) -> PyTree:
  """The rows of all devices; those of several views stay view-major."""
  if axis_name is None:
    return tree
  rows = len(batch['index'])

  def gather(leaf: jax.Array) -> jax.Array:
    views = leaf.reshape(-1, rows, *leaf.shape[1:])
    every = jax.lax.all_gather(views, axis_name, axis=1, tiled=True)
    return every.reshape(-1, *leaf.shape[1:])

  return jax.tree.map(gather, tree)


def make_encode_step(
  method: HashMethod,
  encoder: Encoder,
  preprocess: Callable[[PyTree, Any], Any],
) -> Callable[[TrainState, PyTree, jax.Array], tuple[jax.Array, Outputs]]:
  """Makes the pure encode step.

  Args:
    method: gives `encode`.
    encoder: applied with `train=False`.
    preprocess: `Pipeline.preprocess`.

  Returns:
    `(state, data, raw inputs [batch, ...]) -> (codes, Outputs)`, pure, to be
    jitted.
  """

  def encode_step(
    state: TrainState, data: PyTree, inputs: jax.Array
  ) -> tuple[jax.Array, Outputs]:
    outputs, _ = encoder.apply(
      state.params['encoder'],
      state.encoder_state,
      preprocess(data, inputs),
      train=False,
    )
    return method.encode(method_variables(state), outputs), outputs

  return encode_step
