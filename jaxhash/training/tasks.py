"""What the loop trains: one run, or several seeds of a run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxhash.core import Batch, PyTree
from jaxhash.training.encode import RowEncoder
from jaxhash.training.evaluation import validate
from jaxhash.training.experiment import Experiment, initial_state
from jaxhash.training.groups import group_config
from jaxhash.training.state import TrainState
from jaxhash.training.step import TrainStep, make_train_step

__all__ = ['Task', 'compile_step', 'one_run', 'seed_state', 'seeds_together']

SEEDS = 'seeds'  # the axis of jax.vmap
SHARED = ('step', 'failed_step')  # of a state, never vmapped


class Task(NamedTuple):
  """What the loop trains.

  Attributes:
    config: that its workdir is claimed with.
    experiments: of each seed; one for a single run.
    initial: `() -> TrainState`, the state before the first step.
    step: the compiled train step; its state is donated.
    data: the data of the pipeline, on the devices.
    batch: `step -> Batch`, on the devices.
    validate: `TrainState -> {name: score}`, by val; {} where there is none.
  """

  config: dict[str, Any]
  experiments: tuple[Experiment, ...]
  initial: Callable[[], TrainState]
  step: TrainStep
  data: PyTree
  batch: Callable[[int], Batch]
  validate: Callable[[TrainState], dict[str, float]]


def one_run(experiment: Experiment, encode: RowEncoder) -> Task:
  """The task of training a single run.

  Args:
    experiment: of the run.
    encode: of the same experiment, for the scores on val.

  Returns:
    The task.
  """

  def batch(step: int) -> Batch:
    return _put(experiment.pipeline.batch(step), experiment, 'data')

  return Task(
    config=experiment.config,
    experiments=(experiment,),
    initial=lambda: initial_state(experiment),
    step=compile_step(experiment),
    data=_put(experiment.pipeline.data, experiment),
    batch=batch,
    validate=lambda state: validate(experiment, state, encode),
  )


def seeds_together(experiments: Sequence[Experiment]) -> Task:
  """The task of training several seeds of a run by one step for all.

  Parameters, codewords, data and their order are mapped over by `jax.vmap`;
  the number of the step is not, so that what happens now and then stays a
  branch. All seeds stop where one fails.

  Args:
    experiments: of configs that differ in their seed alone.

  Returns:
    The task. Each leaf of its state but `step` and `failed_step` has a
    leading axis of seeds, as have the metrics; val is not scored meanwhile.

  Raises:
    ValueError: the configs differ in more than the seed, or the seeds have
      states or data of different shapes.
  """
  first = experiments[0]
  for other in experiments[1:]:
    if {**other.config, 'seed': 0} != {**first.config, 'seed': 0}:
      raise ValueError(
        'runs that are trained together may differ in their seed alone; these '
        'of seeds '
        f'{first.config["seed"]} and {other.config["seed"]} differ in more'
      )
    if _shapes(other) != _shapes(first):
      raise ValueError(
        f'seeds {first.config["seed"]} and {other.config["seed"]} cannot be '
        'trained together: their data or variables differ in shape'
      )
  seeds = [e.config['seed'] for e in experiments]
  step = make_train_step(
    first.method,
    first.encoder,
    first.optimizer,
    first.pipeline.prepare,
    steps_per_round=first.pipeline.steps_per_round,
    seeds_axis=SEEDS,
  )

  def initial() -> TrainState:
    stacked = _stack([initial_state(e) for e in experiments])
    return stacked._replace(step=jnp.int32(0), failed_step=jnp.int32(-1))

  axes = jax.tree.map(lambda _: 0, jax.eval_shape(initial))
  axes = axes._replace(**dict.fromkeys(SHARED))
  mapped = jax.vmap(
    step, in_axes=(axes, 0, 0), out_axes=(axes, 0), axis_name=SEEDS
  )

  def batch(step: int) -> Batch:
    batches = [e.pipeline.batch(step) for e in experiments]
    stacked = jax.tree.map(lambda *x: np.stack(x), *batches)
    return _put(stacked, first, None, 'data')

  return Task(
    config=group_config(first.config, seeds),
    experiments=tuple(experiments),
    initial=lambda: _put(initial(), first),
    step=jax.jit(
      mapped,
      donate_argnums=0,
      out_shardings=NamedSharding(first.mesh, PartitionSpec()),
    ),
    data=_put(_stack([e.pipeline.data for e in experiments]), first),
    batch=batch,
    validate=lambda state: {},
  )


def seed_state(state: TrainState, index: int) -> TrainState:
  """The state of one of the seeds that were trained together.

  Args:
    state: of `seeds_together`.
    index: position of the seed.

  Returns:
    A state such as a single run has.
  """
  shared = {name: getattr(state, name) for name in SHARED}
  mapped = state._replace(**dict.fromkeys(SHARED, ()))
  return jax.tree.map(lambda leaf: leaf[index], mapped)._replace(**shared)


def compile_step(experiment: Experiment) -> TrainStep:
  """The jitted train step of an experiment; its state is donated."""
  replicated = NamedSharding(experiment.mesh, PartitionSpec())
  return jax.jit(
    make_train_step(
      experiment.method,
      experiment.encoder,
      experiment.optimizer,
      experiment.pipeline.prepare,
      steps_per_round=experiment.pipeline.steps_per_round,
    ),
    donate_argnums=0,
    out_shardings=replicated,
  )


def _put(tree: PyTree, experiment: Experiment, *axes: str | None) -> PyTree:
  return jax.device_put(
    tree, NamedSharding(experiment.mesh, PartitionSpec(*axes))
  )


def _stack(trees: Sequence[PyTree]) -> PyTree:
  return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _shapes(experiment: Experiment) -> Any:
  """What has to agree for seeds to share a step."""
  tree = (experiment.variables, experiment.pipeline.data)
  shapes = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
  return jax.tree.structure(tree), shapes, experiment.num_steps
