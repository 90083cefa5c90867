"""Scores a trained state by the experiment's protocol."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxhash import lookup, metrics, similarity
from jaxhash.core import Outputs
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
    'split_digest': split_digest(split, ranked.labels),
    'query_database': ranked.score(split.query, split.database),
  }
  unseen = np.setdiff1d(split.database, split.train)
  if 0 < len(unseen) < len(split.database):
    results['query_database_without_train'] = ranked.score(split.query, unseen)
  codes = ranked.codes(split.database)
  if codes.dtype == np.int8:  # not the codeword ids of a product quantiser
    results['code_health'] = metrics.code_health(codes)
  return results


class _Ranker:
  """Ranks by Hamming distance, or by the method's own distance.

  Attributes:
    split: of the experiment.
    labels: of the data set.
  """

  def __init__(
    self,
    experiment: Experiment,
    state: TrainState | None,
    rows: np.ndarray,
    encoded: Encoded,
  ):
    """Takes the codes of `rows`, sorted; a shallow method has no state."""
    self.split = experiment.split
    self.labels = experiment.dataset.labels
    self._protocol = experiment.protocol
    self._rows = rows
    self._encoded = encoded
    self._bank: Callable[[], Any] | None = None
    self._distance: Callable[[Outputs, np.ndarray], Any] | None = None
    method = experiment.method
    if state is not None:
      variables = method_variables(state)
      if method.bank is not None:
        self._bank = functools.partial(method.bank, variables)
      if method.distance is not None:
        self._distance = functools.partial(method.distance, variables)

  def codes(self, rows: np.ndarray) -> np.ndarray:
    return self._encoded.codes[np.searchsorted(self._rows, rows)]

  def score(
    self, query: np.ndarray, database: np.ndarray, *, bank: bool = False
  ) -> dict[str, Any]:
    codes = self.codes(database)
    if bank:
      codes = self._learnt(codes, database)
    if self._distance is None:
      return metrics.evaluate(
        self.codes(query),
        codes,
        self.labels[query],
        self.labels[database],
        self._protocol,
        query_ids=query,
        database_ids=database,
      )
    outputs = jax.tree.map(
      lambda x: x[np.searchsorted(self._rows, query)], self._encoded.outputs
    )
    return metrics.evaluate_ranking(
      np.asarray(self._distance(outputs, codes)),
      np.asarray(
        similarity.relevance(self.labels[query], self.labels[database])
      ),
      self._protocol,
      excluded=query[:, None] == database[None, :],
    )

  def _learnt(self, codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The codes of rows, those of train rows from the method's bank."""
    assert self._bank is not None
    train = self.split.train  # sorted
    place = np.searchsorted(train, rows).clip(max=len(train) - 1)
    is_train = train[place] == rows
    return np.where(is_train[:, None], np.asarray(self._bank())[place], codes)
