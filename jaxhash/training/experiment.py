"""Everything that a config names, built and checked before any compilation."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxhash import lookup, metrics
from jaxhash.core import Encoder, HashMethod, Info, PyTree, Variables
from jaxhash.data.pipeline import make_pipeline, visible_labels
from jaxhash.data.types import Dataset, Pipeline, Split
from jaxhash.data.validate import check_dataset
from jaxhash.training.config import NAMED, check_config
from jaxhash.training.optimizer import make_optimizer
from jaxhash.training.scoring import (
  Evaluation,
  evaluations_of,
  with_taxonomy,
)
from jaxhash.training.state import TrainState, init_state

__all__ = [
  'Experiment',
  'build',
  'build_method',
  'initial_state',
  'load_dataset',
  'loading_once',
  'make_mesh',
]


class Experiment(NamedTuple):
  """A run that is ready to start.

  Attributes:
    config: nested plain values, all that was asked for.
    dataset: the rows.
    split: which rows do what.
    protocol: how the ranking is scored.
    measures: what is measured beside mAP.
    scored_labels: by which items are relevant; see `Evaluation`.
    class_distances: of the classes in the config's taxonomy, float
      `[classes, classes]`, for hierarchical measures and the order of
      pictures; None without one.
    evaluations: further ways to score the same state, by name; their train
      rows are those of `split`.
    method: the hashing method.
    encoder: its width is the method's.
    pipeline: batches as a function of the step.
    optimizer: over the parameters of both.
    info: what the method was told of encoder and data.
    variables: the method's, before training.
    mesh: one axis, `data`, over all devices.
    num_steps: steps of the whole run.
    stage_reports: what the stages before this run reported, by their name.
  """

  config: dict[str, Any]
  dataset: Dataset
  split: Split
  protocol: metrics.EvaluationProtocol
  measures: metrics.Measures
  scored_labels: np.ndarray
  class_distances: np.ndarray | None
  evaluations: Mapping[str, Evaluation]
  method: HashMethod
  encoder: Encoder
  pipeline: Pipeline
  optimizer: optax.GradientTransformation
  info: Info
  variables: Variables
  mesh: Mesh
  num_steps: int
  stage_reports: Mapping[str, Any] = types.MappingProxyType({})


def make_mesh(devices: list[jax.Device] | None = None) -> Mesh:
  """A mesh with one axis, `data`, over the given or all devices."""
  chosen = jax.devices() if devices is None else devices
  return jax.make_mesh(
    (len(chosen),), ('data',), axis_types=(AxisType.Auto,), devices=chosen
  )


def build(
  config: Mapping[str, Any],
  *,
  mesh: Mesh | None = None,
  method: HashMethod | None = None,
  arrays: Mapping[str, Any] | None = None,
  load: Callable[[Mapping[str, Any]], Dataset] | None = None,
) -> Experiment:
  """Builds a run from a config.

  A method that has stages before its own training is built by `prepare`,
  which runs them.

  Args:
    config: nested plain values as `jaxhash.training.default_config` has
      them; `dataset`, `protocol`, `method` and `encoder` each have a `name`
      and the arguments of the function of that name.
    mesh: the devices; all of them by default.
    method: in place of the config's, as for a stage of it.
    arrays: what earlier stages found out; `Info.arrays`.
    load: gives the data set of a config; `load_dataset` by default.

  Returns:
    The run. Nothing has been compiled.

  Raises:
    ValueError: a name, an argument, a label or a combination is wrong; the
      message says what was given and what was wanted.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> config = default_config().to_dict() | {
    ...   'dataset': {'name': 'clusters', 'num_classes': 2, 'num_features': 4},
    ...   'protocol': {'name': 'per_class', 'num_query': 2, 'num_train': 8},
    ...   'encoder': {'name': 'mlp', 'hidden': [8]},
    ...   'batch_size': 8,
    ... }
    >>> experiment = build(config)
    >>> experiment.num_steps, experiment.method.width
    (60, 32)
  """
  check_config(config)
  mesh = make_mesh() if mesh is None else mesh
  method = build_method(config) if method is None else method
  encoder = _named(config, 'encoder', method.width)
  package, kind = NAMED['protocol']
  lookup.find(config['protocol'].get('name', ''), package=package, kind=kind)
  lookup.call(
    metrics.EvaluationProtocol, config['evaluation'], kind='evaluation'
  )
  dataset = (load or load_dataset)(config)
  main, evaluations = evaluations_of(config, dataset)
  split = main.split
  dataset, distances = with_taxonomy(dataset, config['taxonomy'])
  batch_size = config['batch_size']
  if batch_size % mesh.size:
    raise ValueError(
      f'batch_size {batch_size} is not a multiple of the {mesh.size} devices'
    )
  pipeline = lookup.call(
    make_pipeline,
    config['pipeline'],
    dataset,
    split,
    kind='pipeline',
    batch_size=batch_size,
    seed=config['seed'],
  )
  num_steps = config['epochs'] * pipeline.steps_per_epoch
  if method.solve is not None and num_steps < pipeline.steps_per_round:
    raise ValueError(
      f'a round has {pipeline.steps_per_round} steps and the whole run '
      f'{num_steps}: none would end; give more epochs, or fewer '
      'epochs_per_round or rows_per_round'
    )
  info, encoder_params = _describe(dataset, split, pipeline, encoder)
  info = info._replace(
    arrays=dict(arrays or {}),
    class_distances=distances,
    train_rows=split.train,
    num_rows=len(dataset.labels),
    rows_per_round=pipeline.rows_per_round,
    views=config['pipeline'].get('views', 1),
  )
  key = jax.random.key(config['seed'])
  variables = method.init(jax.random.fold_in(key, 1), info)
  optimizer = make_optimizer(
    config['optimizer'],
    {'encoder': encoder_params, 'method': variables.params},
    num_steps,
  )
  return Experiment(
    config=dict(config),
    dataset=dataset,
    split=split,
    protocol=main.protocol,
    measures=main.measures,
    scored_labels=main.scored_labels,
    class_distances=distances,
    evaluations=evaluations,
    method=method,
    encoder=encoder,
    pipeline=pipeline,
    optimizer=optimizer,
    info=info,
    variables=variables,
    mesh=mesh,
    num_steps=num_steps,
  )


def load_dataset(config: Mapping[str, Any]) -> Dataset:
  """The data set of a config, checked.

  Raises:
    ValueError: as for `build`.
  """
  dataset = _named(config, 'dataset')
  check_dataset(dataset)
  return dataset


def loading_once() -> Callable[[Mapping[str, Any]], Dataset]:
  """A `load` for `build` that remembers the data set that it loaded last.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> config, load = default_config().to_dict(), loading_once()
    >>> first, second = (
    ...   build({**config, 'seed': seed}, load=load) for seed in (0, 1)
    ... )
    >>> first.dataset.inputs is second.dataset.inputs
    True
  """
  last: tuple[Any, Dataset] | None = None

  def load(config: Mapping[str, Any]) -> Dataset:
    nonlocal last
    if last is None or last[0] != config['dataset']:
      last = config['dataset'], load_dataset(config)
    return last[1]

  return load


def build_method(config: Mapping[str, Any]) -> HashMethod:
  """The hashing method of a config; see `build`."""
  return _named(config, 'method')


def initial_state(experiment: Experiment) -> TrainState:
  """The state before the first step, replicated over the mesh."""
  state = init_state(
    experiment.encoder,
    experiment.optimizer,
    experiment.variables,
    experiment.info,
    jax.random.fold_in(jax.random.key(experiment.config['seed']), 2),
  )
  return jax.device_put(state, NamedSharding(experiment.mesh, PartitionSpec()))


def _named(
  config: Mapping[str, Any], block: str, *args: Any, **defaults: Any
) -> Any:
  package, kind = NAMED[block]
  return lookup.build(
    {**defaults, **config[block]}, *args, package=package, kind=kind
  )


def _describe(
  dataset: Dataset, split: Split, pipeline: Pipeline, encoder: Encoder
) -> tuple[Info, PyTree]:
  """What a method may know, and the shapes of the encoder's parameters."""
  key = jax.random.key(0)
  batch = jax.eval_shape(
    pipeline.prepare, pipeline.data, pipeline.batch(0), key
  )
  inputs = batch['inputs']
  params, state = jax.eval_shape(lambda k: encoder.init(k, inputs), key)
  outputs, _ = jax.eval_shape(
    lambda p, s, x, k: encoder.apply(p, s, x, train=True, key=k),
    params,
    state,
    inputs,
    key,
  )
  info = Info(
    inputs=inputs,
    outputs=outputs,
    num_classes=dataset.num_classes,
    labels=visible_labels(dataset, split),
  )
  return info, params
