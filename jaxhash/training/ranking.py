"""Rankings of the encoded rows of a split, and their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxhash import metrics, search, similarity
from jaxhash.data.splits import data_digest, split_digest
from jaxhash.training.encode import Encoded, RowEncoder
from jaxhash.training.experiment import Experiment
from jaxhash.training.searches import (
  Distances,
  bound_distances,
  searched_rows,
  val_database,
)
from jaxhash.training.state import TrainState, method_variables

__all__ = ['Ranker', 'rank']


def rank(
  experiment: Experiment, state: TrainState, encode: RowEncoder
) -> Ranker:
  """Encodes all rows that a split searches or searches with.

  Args:
    experiment: names the split and the protocol.
    state: the state to encode with.
    encode: of the same experiment.

  Returns:
    What gives rankings and scores of these codes.

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
    >>> ranker = rank(experiment, initial_state(experiment), encode)
    >>> split = experiment.split
    >>> distances, rows = ranker.nearest(split.query, split.database, 3)
    >>> rows.shape
    (4, 3)
  """
  rows = searched_rows(experiment)
  return Ranker(experiment, rows, encode(state, rows), state)


class Ranker:
  """Ranks rows by Hamming distance, or by the method's own distance.

  Args:
    experiment: names the data, the split, the protocol and the method.
    rows: positions in the data set, sorted, int `[n]`.
    encoded: of these rows.
    state: they were encoded with; None for a shallow method's codes, which
      the experiment's method does not rank.
    distances: how a shallow method ranks; None by Hamming distance.
  """

  def __init__(
    self,
    experiment: Experiment,
    rows: np.ndarray,
    encoded: Encoded,
    state: TrainState | None = None,
    distances: Distances | None = None,
  ):
    self._experiment = experiment
    self._labels = experiment.scored_labels
    self._rows = rows
    self._encoded = encoded
    self._state = state
    self._distances = distances
    if state is not None and experiment.method.distance is not None:
      self._distances = bound_distances(
        experiment.method, method_variables(state)
      )

  def results(self) -> dict[str, Any]:
    """All scores; see `evaluate`."""
    experiment, split = self._experiment, self._experiment.split
    results = self._scores()
    codes = self.codes(split.database)
    if codes.dtype == np.int8:
      results['code_health'] = metrics.code_health(codes)
    elif codes.dtype == np.uint8:  # the codeword ids of a product quantiser
      results['used_codewords'] = [len(np.unique(ids)) for ids in codes.T]
    if self._state is not None:
      results['step'] = int(self._state.step)
      codewords = self.codewords()
      if codewords is not None and len(codewords) > 1:
        results['codewords'] = metrics.codeword_health(codewords)
    if experiment.evaluations:
      results['evaluations'] = {
        name: Ranker(
          experiment._replace(**evaluation._asdict()),
          self._rows,
          self._encoded,
          self._state,
          self._distances,
        )._scores()
        for name, evaluation in experiment.evaluations.items()
      }
    return results

  def _scores(self) -> dict[str, Any]:
    """The scores by the split, the protocol and the measures of the run."""
    split = self._experiment.split
    results: dict[str, Any] = {
      'split': split.protocol,
      'split_digest': split_digest(split, self._labels),
      'data_digest': data_digest(split, self._experiment.dataset),
      'query_database': self.score(split.query, split.database),
    }
    unseen = np.setdiff1d(split.database, split.train)
    if 0 < len(unseen) < len(split.database):
      results['query_database_without_train'] = self.score(split.query, unseen)
    if len(split.val) and len(val_database(split)):
      results['val'] = self.score(split.val, val_database(split))
    if (
      self._state is not None
      and self._experiment.method.bank is not None
      and len(unseen) < len(split.database)  # else nothing could be learnt
    ):
      results['transductive'] = self.score_transductive(
        split.query, split.database
      )
    if self._distances is not None and self._distances.symmetric is not None:
      results['symmetric'] = self.score(
        split.query, split.database, symmetric=True
      )
    return results

  def codes(self, rows: np.ndarray) -> np.ndarray:
    """The codes of some of the rows, in their order."""
    return self._encoded.codes[np.searchsorted(self._rows, rows)]

  def codewords(self) -> np.ndarray | None:
    """The method's binary codewords, where it has any."""
    method = self._experiment.method
    if self._state is None or method.codewords is None:
      return None
    return np.asarray(method.codewords(method_variables(self._state)))

  def nearest(
    self, query: np.ndarray, database: np.ndarray, count: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """The nearest rows of each query, equally near ones in the given order.

    Args:
      query: rows that search, int `[q]`.
      database: rows that are searched, at least `count`; none is a query.
      count: how many of them.

    Returns:
      Distances and rows, both `[q, count]`.
    """
    if self._distances is None:
      near, order = search.top_k(self.codes(query), self.codes(database), count)
      return np.asarray(near), database[np.asarray(order)]
    distances = self._asymmetric(query, self.codes(database))
    stable = np.argsort(distances, axis=1, kind='stable')[:, :count]
    return np.take_along_axis(distances, stable, axis=1), database[stable]

  def score(
    self, query: np.ndarray, database: np.ndarray, *, symmetric: bool = False
  ) -> dict[str, Any]:
    """Scores of some queries against some rows, by the protocol.

    Args:
      query: rows that search.
      database: rows that are searched; a query among them is left out of its
        own ranking.
      symmetric: quantise the queries too, where the method says how far two
        codes are apart.

    Returns:
      As `metrics.evaluate`, or `metrics.evaluate_ranking`.
    """
    scores = self._query_scores(
      query,
      database,
      self.codes(database),
      self._experiment.protocol,
      self._symmetric if symmetric else self._asymmetric,
    )
    return metrics.summarize(scores)

  def query_scores(
    self, query: np.ndarray, database: np.ndarray
  ) -> metrics.QueryScores:
    """The scores of each query, of which `score` gives the means."""
    return self._query_scores(
      query,
      database,
      self.codes(database),
      self._experiment.protocol,
      self._asymmetric,
    )

  def distances(self, query: np.ndarray, database: np.ndarray) -> np.ndarray:
    """How far rows are from queries, as they are ranked, `[query, rows]`."""
    if self._distances is not None:
      return self._asymmetric(query, self.codes(database))
    return np.asarray(
      search.hamming_distances(self.codes(query), self.codes(database))
    )

  def code_distances(self, codes: np.ndarray) -> np.ndarray | None:
    """How far codes are apart, `[codes, codes]`.

    None where the method does not say how far two codes are.
    """
    if self._distances is None:
      return np.asarray(search.hamming_distances(codes, codes))
    if self._distances.symmetric is None:
      return None
    return np.asarray(self._distances.symmetric(codes, codes))

  @property
  def by_hamming(self) -> bool:
    """Whether rows are ranked by Hamming distance."""
    return self._distances is None

  def score_transductive(
    self, query: np.ndarray, database: np.ndarray
  ) -> dict[str, Any]:
    """Scores where codes of train rows are those of the method's bank.

    Args:
      query: as for `score`.
      database: as for `score`.

    Returns:
      As `score`, by a protocol that is named transductive; and `learnt_rows`,
      how many rows of the database have learnt codes. The others, and those of
      which the bank has none, 0 in all bits, have codes as in `score`.
    """
    experiment = self._experiment
    assert self._state is not None and experiment.method.bank is not None
    bank = experiment.method.bank(method_variables(self._state))
    train = experiment.split.train  # sorted
    place = np.searchsorted(train, database).clip(max=len(train) - 1)
    learnt = np.asarray(bank)[place]
    is_learnt = (train[place] == database) & learnt.any(axis=1)
    codes = np.where(is_learnt[:, None], learnt, self.codes(database))
    protocol = dataclasses.replace(experiment.protocol, transductive=True)
    scores = self._query_scores(
      query, database, codes, protocol, self._asymmetric
    )
    return {'learnt_rows': int(is_learnt.sum()), **metrics.summarize(scores)}

  def _query_scores(
    self,
    query: np.ndarray,
    database: np.ndarray,
    codes: np.ndarray,
    protocol: metrics.EvaluationProtocol,
    distances: Callable[[np.ndarray, np.ndarray], np.ndarray],
  ) -> metrics.QueryScores:
    """Scores of some queries against these codes of some rows."""
    experiment = self._experiment
    similarity = None
    if experiment.measures.graded and experiment.class_distances is not None:
      similarity = 1 - experiment.class_distances
    labels = self._labels[query], self._labels[database]
    more: dict[str, Any] = {
      'measures': experiment.measures,
      'similarity': similarity,
      'query_ids': query,
      'database_ids': database,
    }
    if self._distances is None:
      return metrics.score_codes(
        self.codes(query), codes, *labels, protocol, **more
      )
    return metrics.score_ranking(
      lambda rows: distances(query[rows], codes), *labels, protocol, **more
    )

  def relevant(self, query: np.ndarray, database: np.ndarray) -> np.ndarray:
    """Which rows are relevant to which queries, bool `[q, rows]`."""
    return np.asarray(
      similarity.relevance(self._labels[query], self._labels[database])
    )

  def _asymmetric(self, query: np.ndarray, codes: np.ndarray) -> np.ndarray:
    assert self._distances is not None
    outputs = jax.tree.map(
      lambda x: x[np.searchsorted(self._rows, query)], self._encoded.outputs
    )
    return np.asarray(self._distances.asymmetric(outputs, codes))

  def _symmetric(self, query: np.ndarray, codes: np.ndarray) -> np.ndarray:
    assert self._distances is not None
    assert self._distances.symmetric is not None
    return np.asarray(self._distances.symmetric(self.codes(query), codes))
