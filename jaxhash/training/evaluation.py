"""Scores a trained state by the experiment's protocol."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxhash import lookup, metrics, similarity
from jaxhash.data.splits import split_digest
from jaxhash.training.encode import Encoded, RowEncoder
from jaxhash.training.experiment import Experiment
from jaxhash.training.state import TrainState, method_variables

__all__ = ['evaluate', 'evaluate_shallow', 'validate']


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
    where it has such a bank.
  """
  split = experiment.split
  rows = np.union1d(split.query, split.database)
  ranked = _Ranker(experiment, state, rows, encode(state, rows))
  results = {'step': int(state.step), **_score_all(ranked)}
  if experiment.method.bank is not None:
    results['transductive'] = ranked.score(
      split.query, split.database, bank=True
    )
  if experiment.method.codewords is not None:
    codewords = np.asarray(experiment.method.codewords(method_variables(state)))
    results['codewords'] = metrics.codeword_health(codewords)
  return results


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
    flattened, without their labels.

  Raises:
    ValueError: an unknown method, or features it cannot be fitted on.
  """
  shallow = lookup.find_module(
    name,
    package='jaxhash.shallow',
    has=('fit', 'encode'),
    kind='shallow method',
  )
  split, inputs = experiment.split, experiment.dataset.inputs

  def features(rows: np.ndarray) -> jax.Array:
    raw = jax.numpy.asarray(inputs[rows])
    data = experiment.pipeline.data
    return experiment.pipeline.preprocess(data, raw).reshape(len(rows), -1)

  model = shallow.fit(
    features(split.train),
    jax.random.key(experiment.config['seed']),
    num_bits=num_bits,
  )
  rows = np.union1d(split.query, split.database)
  codes = np.concatenate(
    [
      np.asarray(shallow.encode(model, features(chunk)))
      for chunk in np.array_split(rows, max(1, len(rows) // 4096))
    ]
  )
  return _score_all(_Ranker(experiment, None, rows, Encoded(codes, None)))


def validate(
  experiment: Experiment, state: TrainState, encode: RowEncoder
) -> dict[str, float]:
  """The score to choose by: val rows against the database without them.

  Returns:
    `{'val/mAP': ...}`, or nothing where the split has no val rows.
  """
  split = experiment.split
  if not len(split.val):
    return {}
  database = np.setdiff1d(split.database, np.union1d(split.val, split.query))
  rows = np.union1d(split.val, database)
  ranked = _Ranker(experiment, state, rows, encode(state, rows))
  return {'val/mAP': ranked.score(split.val, database)['mAP']}


def _score_all(ranked: _Ranker) -> dict[str, Any]:
  split = ranked.split
  results = {
    'split': split.protocol,
    'split_digest': split_digest(split),
    'query_database': ranked.score(split.query, split.database),
  }
  unseen = np.setdiff1d(split.database, split.train)
  if 0 < len(unseen) < len(split.database):
    results['query_database_without_train'] = ranked.score(split.query, unseen)
  results['code_health'] = metrics.code_health(ranked.codes(split.database))
  return results


class _Ranker:
  """Ranks by Hamming distance, or by the method's own distance."""

  def __init__(
    self,
    experiment: Experiment,
    state: TrainState | None,
    rows: np.ndarray,
    encoded: Encoded,
  ):
    self.split = experiment.split
    self._experiment = experiment
    self._state = state
    self._rows = rows
    self._encoded = encoded

  def codes(self, rows: np.ndarray, *, bank: bool = False) -> np.ndarray:
    codes = self._encoded.codes[np.searchsorted(self._rows, rows)]
    if bank:
      learnt = np.asarray(
        self._experiment.method.bank(method_variables(self._state))
      )
      train = self._experiment.split.train  # sorted
      place = np.searchsorted(train, rows).clip(max=len(train) - 1)
      is_train = train[place] == rows
      codes[is_train] = learnt[place[is_train]]
    return codes

  def score(
    self, query: np.ndarray, database: np.ndarray, *, bank: bool = False
  ) -> dict[str, Any]:
    labels = self._experiment.dataset.labels
    protocol = self._experiment.protocol
    database_codes = self.codes(database, bank=bank)
    distance = self._experiment.method.distance
    if self._encoded.outputs is None:
      return metrics.evaluate(
        self.codes(query),
        database_codes,
        labels[query],
        labels[database],
        protocol,
        query_ids=query,
        database_ids=database,
      )
    outputs = jax.tree.map(
      lambda x: x[np.searchsorted(self._rows, query)], self._encoded.outputs
    )
    distances = distance(method_variables(self._state), outputs, database_codes)
    return metrics.evaluate_ranking(
      distances,
      similarity.relevance(labels[query], labels[database]),
      protocol,
      excluded=query[:, None] == database[None, :],
    )
