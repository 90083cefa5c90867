"""Queries of a run and what is nearest to them, to be looked at."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import numpy as np

from jaxhash import plots
from jaxhash.data.types import Dataset
from jaxhash.training.experiment import Experiment
from jaxhash.training.ranking import Ranker

__all__ = [
  'Gallery',
  'class_names_of',
  'draw_gallery',
  'galleries_of',
  'has_images',
]

QUERIES = 8
NEIGHBOURS = 10


class Gallery(NamedTuple):
  """Some queries and the rows nearest to them.

  Attributes:
    query: rows, int `[queries]`.
    average_precision: of each, by the protocol, float `[queries]`.
    rows: of the nearest, nearest first, int `[queries, neighbours]`.
    distances: of these, `[queries, neighbours]`.
    correct: which of them are relevant, bool `[queries, neighbours]`.
  """

  query: np.ndarray
  average_precision: np.ndarray
  rows: np.ndarray
  distances: np.ndarray
  correct: np.ndarray


def galleries_of(
  experiment: Experiment, ranker: Ranker
) -> tuple[Gallery, Gallery | None]:
  """Queries from all over the query set, and those of the worst ranking.

  Args:
    experiment: of the run.
    ranker: of its codes.

  Returns:
    Queries that are evenly spaced, and those of the lowest average precision
    by the protocol, lowest first, of those that have relevant items; None
    where no query has any.
  """
  query = experiment.split.query
  scores = ranker.query_scores(query, experiment.split.database)
  weights = scores.weights['mAP']
  precision = scores.values['mAP'] / np.where(weights > 0, weights, 1)
  count = min(QUERIES, len(query))
  evenly = np.linspace(0, len(query) - 1, count).astype(int)
  worst: list[int] = []
  for place in np.argsort(precision, kind='stable'):
    if len(worst) == count:
      break
    row = query[place : place + 1]
    others = np.setdiff1d(experiment.split.database, row)
    if ranker.relevant(row, others).any():
      worst.append(int(place))
  some = _gallery(experiment, ranker, query[evenly], precision[evenly])
  if not worst:
    return some, None
  return some, _gallery(experiment, ranker, query[worst], precision[worst])


def _gallery(
  experiment: Experiment,
  ranker: Ranker,
  query: np.ndarray,
  precision: np.ndarray,
) -> Gallery:
  distances, rows, correct = [], [], []
  for row in query[:, None]:
    others = np.setdiff1d(experiment.split.database, row)
    count = min(NEIGHBOURS, len(experiment.split.database) - 1)
    near, found = ranker.nearest(row, others, count)
    distances.append(near[0])
    rows.append(found[0])
    correct.append(ranker.relevant(row, found[0])[0])
  return Gallery(query, precision, *map(np.stack, (rows, distances, correct)))


def has_images(dataset: Dataset) -> bool:
  """Whether rows are pictures of one or three channels."""
  shape = dataset.inputs.shape
  return len(shape) == 4 and shape[-1] in (1, 3)


def draw_gallery(
  gallery: Gallery, dataset: Dataset, path: pathlib.Path
) -> None:
  """Writes a gallery of images as a picture.

  Args:
    gallery: the rows.
    dataset: has their images, `has_images`.
    path: file to write.
  """
  images = np.asarray(dataset.inputs[gallery.rows.reshape(-1)])
  plots.gallery(
    np.asarray(dataset.inputs[gallery.query]),
    images.reshape(*gallery.rows.shape, *images.shape[1:]),
    gallery.correct,
    path,
    query_titles=[class_names_of(dataset, int(row)) for row in gallery.query],
    neighbour_titles=[
      [f'd = {d:.4g}' for d in row] for row in gallery.distances
    ],
  )


def class_names_of(dataset: Dataset, row: int) -> str:
  """The class of a row, or its labels; empty where it has none."""
  labels = dataset.labels[row]
  if not labels.ndim:
    return dataset.class_names[labels] if labels >= 0 else ''
  return ', '.join(dataset.class_names[i] for i in np.flatnonzero(labels))
