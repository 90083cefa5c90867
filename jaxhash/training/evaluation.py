"""Scores a trained state by the experiment's protocol."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import numpy as np

from jaxhash import lookup
from jaxhash.data.pipeline import visible_labels
from jaxhash.encoders.heads import reestimate_norm
from jaxhash.training.encode import Encoded, RowEncoder
from jaxhash.training.errors import RunError
from jaxhash.training.experiment import Experiment
from jaxhash.training.ranking import Ranker, rank
from jaxhash.training.searches import Distances, searched_rows, val_database
from jaxhash.training.state import TrainState

__all__ = [
  'check_shallow',
  'evaluate',
  'evaluate_shallow',
  'fit_norm',
  'validate',
]

ROWS_AT_A_TIME = 2**14


def evaluate(
  experiment: Experiment, state: TrainState, encode: RowEncoder
) -> dict[str, Any]:
  """All scores of a state: queries against the database, and code health.

  Args:
    experiment: names the split and the protocol.
    state: the state to score.
    encode: of the same experiment.

  Returns:
    Plain values for JSON. `query_database` has the scores by the split's own
    database; `query_database_without_train` those against the rows that did
    not train, where train is part of the database; `transductive` those with
    the database codes that the method learnt from the database's labels,
    where it has such a bank; `symmetric` those where the queries are quantised
    too, of a method with such a distance; `val` those of the val rows, to
    choose settings by, against the database without val and query;
    `evaluations` all of these for each further evaluation.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> from jaxhash.training.experiment import build
    >>> config = default_config().to_dict() | {
    ...   'dataset': {'name': 'clusters', 'num_classes': 2, 'num_features': 4},
    ...   'protocol': {'name': 'per_class', 'num_query': 2, 'num_train': 8},
    ...   'encoder': {'name': 'mlp', 'hidden': [8]},
    ...   'batch_size': 8,
    ... }
    >>> from jaxhash.training.experiment import initial_state
    >>> experiment = build(config)
    >>> encode = RowEncoder(experiment)
    >>> results = evaluate(experiment, initial_state(experiment), encode)
    >>> results['query_database']['num_query']
    4
  """
  return rank(experiment, state, encode).results()


def fit_norm(
  experiment: Experiment, state: TrainState, rows: np.ndarray
) -> TrainState:
  """A state whose `bn` head has the statistics of other rows.

  Args:
    experiment: names the data and the encoder.
    state: to take the parameters from; it is not changed.
    rows: positions in the data set, say those of the database.

  Returns:
    The state with running mean and variance of these rows, scale 1 and offset
    0; see `encoders.heads.reestimate_norm`.

  Raises:
    ValueError: the encoder has no `bn` head.
  """
  seen = experiment.method._replace(encode=lambda _, outputs: outputs.features)
  encode = RowEncoder(experiment._replace(method=seen))
  parts = max(1, len(rows) // ROWS_AT_A_TIME)
  params, encoder_state = reestimate_norm(
    state.params['encoder'],
    state.encoder_state,
    (encode(state, part).codes for part in np.array_split(rows, parts)),
  )
  return state._replace(
    params={**state.params, 'encoder': params}, encoder_state=encoder_state
  )


def evaluate_shallow(
  experiment: Experiment, name: str, num_bits: int
) -> dict[str, Any]:
  """The scores of a shallow method on the same split and protocol.

  Args:
    experiment: names the data, the split and the protocol; its method and
      encoder are not used.
    name: of a module in `jaxhash.shallow`.
    num_bits: bits of a code.

  Returns:
    As `evaluate`. The method is fitted on the preprocessed train rows,
    flattened; its `fit` gets their labels if it takes `labels`.

  Raises:
    ValueError: an unknown method, or features it cannot be fitted on.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> from jaxhash.training.experiment import build
    >>> config = default_config().to_dict() | {
    ...   'dataset': {'name': 'clusters', 'num_classes': 2, 'num_features': 4},
    ...   'protocol': {'name': 'per_class', 'num_query': 2, 'num_train': 8},
    ...   'encoder': {'name': 'mlp', 'hidden': [8]},
    ...   'batch_size': 8,
    ... }
    >>> results = evaluate_shallow(build(config), 'lsh', num_bits=8)
    >>> results['query_database']['num_bits']
    8
  """
  shallow = check_shallow(experiment, name, num_bits)
  split, inputs = experiment.split, experiment.dataset.inputs

  def features(rows: np.ndarray) -> jax.Array:
    raw = jax.numpy.asarray(inputs[rows])
    data = experiment.pipeline.data
    values = experiment.pipeline.preprocess(data, raw).reshape(len(rows), -1)
    finite = np.isfinite(values).all(axis=-1)
    if not finite.all():
      raise RunError(
        f'the inputs of row {rows[finite.argmin()]} are not finite'
      )
    return values

  model = _fit_of(shallow, experiment, num_bits)(
    features(split.train), jax.random.key(experiment.config['seed'])
  )
  rows = searched_rows(experiment)
  distances = _distances_of(shallow, model)
  codes, outputs = [], []
  for chunk in np.array_split(rows, max(1, len(rows) // 4096)):
    values = features(chunk)
    codes.append(np.asarray(shallow.encode(model, values)))
    if distances is not None:
      outputs.append(np.asarray(values))
  encoded = Encoded(
    np.concatenate(codes), np.concatenate(outputs) if outputs else None
  )
  results = Ranker(experiment, rows, encoded, distances=distances).results()
  return {'shallow': name, 'seed': experiment.config['seed'], **results}


def _fit_of(
  shallow: ModuleType, experiment: Experiment, num_bits: int
) -> Callable[..., Any]:
  """`(features, key) -> model`, with the labels if the method takes them."""
  given: dict[str, Any] = {'num_bits': num_bits}
  if 'labels' in inspect.signature(shallow.fit).parameters:
    labels = visible_labels(experiment.dataset, experiment.split)
    given['labels'] = jax.numpy.asarray(labels)
  return functools.partial(shallow.fit, **given)


def _distances_of(shallow: ModuleType, model: Any) -> Distances | None:
  """How a shallow method ranks; None by Hamming distance."""
  if not hasattr(shallow, 'distance'):
    return None
  symmetric = getattr(shallow, 'symmetric_distance', None)
  return Distances(
    functools.partial(shallow.distance, model),
    None if symmetric is None else functools.partial(symmetric, model),
  )


def check_shallow(
  experiment: Experiment, name: str, num_bits: int
) -> ModuleType:
  """The module of a shallow method, if it can be fitted.

  Raises:
    ValueError: an unknown method, or features it cannot be fitted on.
    RunError: a row that is not finite.
  """
  shallow = lookup.find_module(
    name,
    package='jaxhash.shallow',
    has=('fit', 'encode'),
    kind='shallow method',
  )
  features = jax.ShapeDtypeStruct(
    (
      len(experiment.split.train),
      int(np.prod(experiment.dataset.inputs.shape[1:])),
    ),
    np.float32,
  )
  jax.eval_shape(
    _fit_of(shallow, experiment, num_bits), features, jax.random.key(0)
  )
  return shallow


def validate(
  experiment: Experiment, state: TrainState, encode: RowEncoder
) -> dict[str, float]:
  """The score to choose by: val rows against the database without them.

  Returns:
    `{'val/mAP': ...}`, or nothing where the split has no val rows.
  """
  split = experiment.split
  if not len(split.val) or not len(val_database(split)):
    return {}
  rows = np.union1d(split.val, val_database(split))
  ranker = Ranker(experiment, rows, encode(state, rows), state)
  return {'val/mAP': ranker.score(split.val, val_database(split))['mAP']}
