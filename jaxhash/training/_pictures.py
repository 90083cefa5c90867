"""The pictures of a run, each with what it shows."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxhash import metrics, plots, search
from jaxhash.training.experiment import Experiment
from jaxhash.training.ranking import Ranker

__all__ = ['Picture', 'method_name', 'pictures_of']

MAP_ROWS = 1000
DISTANCE_QUERIES = 256  # where distances are no integers to be counted
DISTANCE_BINS = 64


class Picture(NamedTuple):
  """A picture and what is said of it.

  Attributes:
    name: of its file, without an ending.
    title: a line above it.
    caption: what it shows, and how to read it.
    draw: writes it to a path, whose ending picks the format.
    narrow: writes a version for narrow screens; None: the same.
  """

  name: str
  title: str
  caption: str
  draw: Callable[[pathlib.Path], None]
  narrow: Callable[[pathlib.Path], None] | None = None


def pictures_of(
  experiment: Experiment,
  ranker: Ranker,
  results: Mapping[str, Any],
  records: Sequence[Mapping[str, Any]],
) -> Iterator[Picture]:
  """All pictures that there can be of a run, but for galleries.

  Args:
    experiment: of the run.
    ranker: of its codes.
    results: of the run.
    records: its log.

  Yields:
    The pictures, in the order in which people want to see them.
  """
  yield _pr_curve(results)
  if records:
    yield _training_curves(records)
  yield _pair_distances(experiment, ranker)
  if 'code_health' in results:
    yield _bit_health(experiment, ranker, results['code_health'])
  yield from _of_classes(experiment, ranker)
  yield from _code_map(experiment, ranker)


def method_name(results: Mapping[str, Any]) -> str:
  """The name of a run's method; that of a reconstruction says so."""
  name = results['method']['name']
  return f'{name} (reconstruction)' if results['reconstruction'] else name


def _pr_curve(results: Mapping[str, Any]) -> Picture:
  scores = results['query_database']
  curve = scores['pr_curve']
  name = f'{method_name(results)}, mAP {scores["mAP"]:.3f}'
  points = (
    'a point for each Hamming distance'
    if 'distance' in curve
    else 'by the number of items retrieved'
  )
  return Picture(
    'pr_curve',
    'Precision and recall',
    f'Means over {scores["num_query"]:,} queries of {scores["num_database"]:,} '
    f'items, {points}.',
    lambda path: plots.pr_curve(
      {name: (curve['recall'], curve['precision'])}, path
    ),
  )


def _training_curves(records: Sequence[Mapping[str, Any]]) -> Picture:
  caption = 'Every logged number against the step.'
  if any('val/mAP' in record for record in records):
    caption += ' val/mAP is of held-out rows, by which settings may be chosen.'
  return Picture(
    'training_curves',
    'Training',
    caption,
    lambda path: plots.training_curves(records, path),
    lambda path: plots.training_curves(records, path, columns=1),
  )


def _pair_distances(experiment: Experiment, ranker: Ranker) -> Picture:
  split, labels = experiment.split, experiment.scored_labels
  caption = (
    'How far relevant and other items are from the queries: the less the two '
    'overlap, the better codes tell them apart.'
  )
  if ranker.by_hamming:
    counts = metrics.histograms(
      ranker.codes(split.query),
      ranker.codes(split.database),
      labels[split.query],
      labels[split.database],
      query_ids=split.query,
      database_ids=split.database,
    )
    relevant = np.asarray(counts.relevant).sum(axis=0, dtype=np.int64)
    everything = np.asarray(counts.all).sum(axis=0, dtype=np.int64)
    middles = np.arange(len(relevant), dtype=float)
    quantity = 'Hamming distance'
  else:
    query = _some(split.query, DISTANCE_QUERIES)
    distances = ranker.distances(query, split.database)
    other = query[:, None] != split.database
    found = ranker.relevant(query, split.database) & other
    edges = np.linspace(
      distances.min(), np.nextafter(distances.max(), np.inf), DISTANCE_BINS + 1
    )
    relevant = np.histogram(distances[found], edges)[0]
    everything = np.histogram(distances[other], edges)[0]
    middles, quantity = (edges[1:] + edges[:-1]) / 2, 'distance'
    caption += f' Of {len(query):,} queries.'
  return Picture(
    'pair_distances',
    'Distances of relevant and other pairs',
    caption,
    lambda path: plots.pair_distances(
      middles, relevant, everything - relevant, path, quantity=quantity
    ),
  )


def _bit_health(
  experiment: Experiment, ranker: Ranker, health: Mapping[str, Any]
) -> Picture:
  codes = ranker.codes(experiment.split.database)
  return Picture(
    'bit_health',
    'Balance and correlation of bits',
    f'Of {len(codes):,} items: {health["distinct_codes"]:,} different codes, '
    f'mean |mean of a bit| {health["mean_bit_imbalance"]:.3f}, mean '
    f'|correlation| {health["mean_bit_correlation"]:.3f}, bits that never '
    f'change: {health["constant_bits"]}. A bit says most if it is balanced '
    'and no other bit says the same; codes near to codewords of few classes '
    'cannot be all of that.',
    lambda path: plots.bit_health(codes, path),
    lambda path: plots.bit_health(codes, path, columns=1),
  )


def _of_classes(experiment: Experiment, ranker: Ranker) -> Iterator[Picture]:
  """Codewords and class similarity, alike classes beside each other."""
  similarity = experiment.info.arrays.get('similarity')
  unlike = experiment.class_distances
  if unlike is None and similarity is not None:
    unlike = 1 - (similarity + similarity.T) / 2
  names, codewords = experiment.dataset.class_names, ranker.codewords()
  distances = None
  if codewords is not None and len(codewords) > 1:
    distances = np.asarray(search.hamming_distances(codewords, codewords))
    unlike = distances if unlike is None else unlike
  if unlike is None or len(names) < 2:
    return
  order = plots.alike_order(unlike)
  ordered = [names[i] for i in order]
  if distances is not None:
    words = distances[np.ix_(order, order)]
    yield Picture(
      'codewords',
      'Distances of codewords',
      'Hamming distances of the codewords of each two classes; alike classes '
      'are beside each other.',
      lambda path: plots.distance_matrix(words, ordered, path),
    )
  if similarity is not None:
    alike = np.asarray(similarity)[np.ix_(order, order)]
    yield Picture(
      'similarity',
      'Similarity of classes',
      'How alike the classes are, as an earlier stage of the method found, in '
      'the same order.',
      lambda path: plots.distance_matrix(
        alike, ordered, path, quantity='similarity'
      ),
    )


def _code_map(experiment: Experiment, ranker: Ranker) -> Iterator[Picture]:
  dataset, rows = experiment.dataset, _some(experiment.split.database, MAP_ROWS)
  codes = ranker.codes(rows)
  words = ranker.codewords() if ranker.by_hamming else None
  if words is None or len(words) != len(dataset.class_names):
    words = codes[:0]
  both = np.concatenate([codes, words])
  distinct, place = np.unique(both, axis=0, return_inverse=True)
  distances = ranker.code_distances(distinct)
  if distances is None or len(distances) < 4:
    return
  of_row, of_word = np.split(place, [len(rows)])
  classes, kind = _one_label(dataset.labels, rows)
  kinds, number = np.unique(classes, return_inverse=True)
  table = np.zeros((len(distinct), len(kinds)), int)  # codes by classes
  np.add.at(table, (of_row, number), 1)
  seen = np.flatnonzero(table.sum(axis=1))
  caption = (
    f'The {len(seen):,} different codes of {len(rows):,} items of the '
    'database, by t-SNE of their distances: what is near has near codes, what '
    'is far says nothing. An area grows with the number of items, a colour and '
    f'a shape stand for {kind}, and a dark edge for a code that several of '
    'them share.'
  )
  if len(words):
    caption += ' Stars are codewords.'
  if len(kinds) > plots.MOST_NAMED:
    caption += f' There are {plots.MOST_NAMED} looks, which repeat.'

  @functools.cache  # a picture is drawn more than once
  def positions() -> np.ndarray:
    return plots.tsne(distances)

  yield Picture(
    'code_map',
    'Map of codes',
    caption,
    lambda path: plots.code_map(
      positions()[seen],
      kinds[table[seen].argmax(axis=1)],
      dataset.class_names,
      path,
      counts=table[seen].sum(axis=1),
      mixed=(table[seen] > 0).sum(axis=1) > 1,
      codewords=positions()[of_word] if len(words) else None,
    ),
  )


def _one_label(labels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, str]:
  """A class for each of the rows, -1 where there is none, and what it is."""
  if labels.ndim == 1:
    return labels[rows], 'their class'
  often = np.where(labels[rows] > 0, labels.sum(axis=0), np.inf)
  rarest = np.where(labels[rows].any(axis=1), often.argmin(axis=1), -1)
  return rarest, 'the rarest of their labels'


def _some(rows: np.ndarray, most: int) -> np.ndarray:
  """Up to so many of the rows, evenly spaced."""
  count = min(most, len(rows))
  return rows[np.linspace(0, len(rows) - 1, count).astype(int)]
