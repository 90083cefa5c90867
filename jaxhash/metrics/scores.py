"""The scores of each query, from counts or rankings, a part at a time."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxhash.metrics.average_precision import expected_average_precision
from jaxhash.metrics.distance_histograms import (
  GradedHistograms,
  Histograms,
  order_ties,
)
from jaxhash.metrics.graded import (
  average_hierarchical_precision,
  hierarchical_precision,
  ndcg_at_k,
)
from jaxhash.metrics.measures import Measures
from jaxhash.metrics.protocol import EvaluationProtocol
from jaxhash.metrics.ranking import Stable
from jaxhash.metrics.relevance import IGNORED, Relevance
from jaxhash.metrics.retrieval import (
  precision_recall_at_k,
  precision_recall_within_radius,
)

__all__ = [
  'QueryScores',
  'join_scores',
  'load_scores',
  'query_parts',
  'score_counts',
]

Score = tuple[np.ndarray, np.ndarray]  # values and weights, both [query]


@dataclasses.dataclass(frozen=True)
class QueryScores:
  """The scores of each query.

  The mean of a score is the sum of its values over the sum of its weights.

  Attributes:
    values: float64 `[query]` for each score, by its name in the results.
    weights: float64 `[query]`, for the same names: 1, or 0 for a query that
      does not count; between, if that depends on the order of ties.
    labels: of the queries, int `[query]` or bool `[query, labels]`.
    facts: what else the results say, plain values.
  """

  values: dict[str, np.ndarray]
  weights: dict[str, np.ndarray]
  labels: np.ndarray
  facts: dict[str, Any]

  def mean(self, name: str, rows: np.ndarray | slice = slice(None)) -> float:
    """The mean of a score over some queries; 0 where none of them counts."""
    weight = self.weights[name][rows].sum()
    return float(self.values[name][rows].sum() / weight) if weight else 0.0

  def save(self, path: str | os.PathLike[str]) -> None:
    """Writes a .npz file, for `load_scores`."""
    arrays = {
      f'{part}/{name}': array
      for part in ('values', 'weights')
      for name, array in getattr(self, part).items()
    }
    with open(path, 'wb') as file:  # by its name NumPy would add a suffix
      np.savez(file, labels=self.labels, facts=json.dumps(self.facts), **arrays)


def load_scores(path: str | os.PathLike[str]) -> QueryScores:
  """Reads what `QueryScores.save` wrote.

  Args:
    path: of the file.

  Returns:
    The scores.

  Raises:
    ValueError: it is another kind of file.
  """
  try:
    with open(path, 'rb') as file, np.load(file) as arrays:
      parts: dict[str, dict[str, np.ndarray]] = {'values': {}, 'weights': {}}
      for key in arrays.files:
        part, _, name = key.partition('/')
        if name:
          parts[part][name] = arrays[key]
      facts = json.loads(str(arrays['facts']))
      return QueryScores(**parts, labels=arrays['labels'], facts=facts)
  except (
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
  ) as e:
    raise ValueError(f'{path} is no file of scores: {e}') from e


def query_parts(
  num_query: int, rows: int, progress: bool = False
) -> Iterator[slice]:
  """Parts of the queries, of so many rows or fewer, with a progress bar."""
  rows = max(rows, 1)
  starts = tqdm(
    range(0, num_query, rows), 'queries', disable=not progress, leave=False
  )
  return (slice(i, min(i + rows, num_query)) for i in starts)


def join_scores(
  parts: Sequence[dict[str, Score]],
  protocol: EvaluationProtocol,
  num_database: int,
  relevance: Relevance,
  facts: dict[str, Any],
) -> QueryScores:
  """The scores of all queries, from those of some each."""
  values, weights = (
    {
      name: np.concatenate([part[name][i] for part in parts])
      for name in parts[0]
    }
    for i in (0, 1)
  )
  shared = {
    'num_query': len(relevance.query),
    'num_database': num_database,
    'relevance': relevance.kind,
    'ignored_pairs': int((relevance.marks.kind == IGNORED).sum()),
    'protocol': str(protocol),
    'protocol_digest': protocol.digest(),
  }
  return QueryScores(values, weights, relevance.query, shared | facts)


def score_counts(
  histograms: Histograms,
  graded: GradedHistograms | None,
  protocol: EvaluationProtocol,
  measures: Measures,
  stable: Stable | None = None,
) -> dict[str, Score]:
  """All scores of some queries.

  Args:
    histograms: of these queries.
    graded: of these queries, where a measure needs them. In the order of the
      database if the protocol says so.
    protocol: how mAP is computed.
    measures: what else is.
    stable: the ranking in the order of the database, where the protocol wants
      it, which histograms do not know.

  Returns:
    Values and weights by name.
  """
  ones = np.ones(len(np.asarray(histograms.all)))
  total = np.asarray(histograms.relevant).sum(axis=1)
  answerable = (total > 0).astype(float)
  rules = {
    rule: order_ties(histograms, rule) for rule in ('expected', 'best', 'worst')
  }
  precisions = {
    rule: _average_precision(ordered, protocol)
    for rule, ordered in rules.items()
  }
  if stable is None:
    score = precisions[protocol.ties]
    precision, recall = precision_recall_at_k(
      rules[protocol.ties], measures.precision_at
    )
  else:
    score = _stable_average_precision(total, protocol, stable)
    precision = stable.found_at / np.asarray(measures.precision_at, float)
    recall = stable.found_at / np.maximum(total, 1)[:, None]
  scores: dict[str, Score] = {
    'mAP': score,
    'mAP_best': precisions['best'],
    'mAP_worst': precisions['worst'],
  }
  if protocol.ties != 'expected':
    scores['mAP_expected'] = precisions['expected']
  for i, k in enumerate(measures.precision_at):
    scores[f'precision@{k}'] = precision[:, i], ones
    scores[f'recall@{k}'] = recall[:, i], answerable
  if measures.radius is not None:
    precision, recall, retrieved = precision_recall_within_radius(
      histograms, measures.radius
    )
    name = f'radius{measures.radius}'
    counted = (
      ones if measures.empty_balls == 'zero' else retrieved.astype(float)
    )
    scores[f'precision@{name}'] = precision, counted
    scores[f'recall@{name}'] = recall, answerable
    scores[f'empty_balls@{name}'] = (~retrieved).astype(float), ones
  if graded is not None:
    scores |= _graded_scores(graded, protocol, measures)
  return scores


def _average_precision(
  histograms: Histograms, protocol: EvaluationProtocol
) -> Score:
  value, not_empty = expected_average_precision(
    histograms,
    at=protocol.at,
    denominator=protocol.denominator,
    area=protocol.area,
  )
  if protocol.empty == 'zero':
    return value, np.ones(len(value))
  return value, not_empty


def _stable_average_precision(
  total: np.ndarray, protocol: EvaluationProtocol, stable: Stable
) -> Score:
  denominator = {
    'retrieved': stable.found,
    'relevant': total,
    'min': total if protocol.at is None else total.clip(max=protocol.at),
  }[protocol.denominator]
  value = stable.precisions / np.maximum(denominator, 1)
  if protocol.empty == 'zero':
    return value, np.ones(len(value))
  return value, (denominator > 0).astype(float)


def _graded_scores(
  graded: GradedHistograms, protocol: EvaluationProtocol, measures: Measures
) -> dict[str, Score]:
  ties = protocol.ties if protocol.ties in ('best', 'worst') else 'expected'
  scores: dict[str, Score] = {}
  values, answerable = ndcg_at_k(graded, measures.ndcg_at, ties=ties)
  counted = np.ones(len(values))
  if protocol.empty == 'skip':
    counted = answerable.astype(float)
  for i, k in enumerate(measures.ndcg_at):
    scores[f'NDCG@{k}'] = values[:, i], counted
  for k in measures.hierarchical_at:
    precision, _ = hierarchical_precision(graded, k, ties=ties)
    area, _ = average_hierarchical_precision(graded, k, ties=ties)
    scores[f'HP@{k}'] = precision[:, -1], counted
    scores[f'mAHP@{k}'] = area, counted
  return scores
