"""How a run is scored, as its config says: evaluations and the taxonomy."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from jaxhash import lookup, metrics, taxonomy
from jaxhash.data.types import Dataset, Split
from jaxhash.training.config import NAMED, merge

__all__ = ['Evaluation', 'evaluations_of', 'with_taxonomy']

KNOWN = ('protocol', 'evaluation', 'measures', 'ignored_labels')


class Evaluation(NamedTuple):
  """One way to score a trained state.

  Attributes:
    split: which rows search which.
    protocol: how a ranking is scored.
    measures: what is measured beside mAP.
    scored_labels: by which items are relevant: the labels of all rows, int
      `[n]`, or multi-hot without those that are ignored.
  """

  split: Split
  protocol: metrics.EvaluationProtocol
  measures: metrics.Measures
  scored_labels: np.ndarray


def evaluations_of(
  config: Mapping[str, Any], dataset: Dataset
) -> tuple[Evaluation, dict[str, Evaluation]]:
  """The evaluation of a run, and the further ones that its config names.

  Args:
    config: nested plain values, as `build` takes them.
    dataset: the rows.

  Returns:
    The run's own, whose split trains it, and `config['evaluations']` by name:
    what one of them does not say is as in the run's.

  Raises:
    ValueError: an argument is wrong; a further evaluation has other train
      rows; or hierarchical measures without a taxonomy.
  """
  main = _evaluation(config, dataset)
  more = {
    name: _further(name, config, dataset, main.split)
    for name in config['evaluations']
  }
  for evaluation in (main, *more.values()):
    if evaluation.measures.hierarchical_at and config['taxonomy'] is None:
      raise ValueError(
        'measures.hierarchical_at needs taxonomy, the file of a class '
        'hierarchy, got none'
      )
  return main, more


def with_taxonomy(
  dataset: Dataset, path: str | None
) -> tuple[Dataset, np.ndarray | None]:
  """The distances of the classes in a taxonomy of the same classes.

  A data set without names of its own has numbers: its classes are taken to be
  in the order of the file, and get the names there.

  Args:
    dataset: the rows.
    path: file of the taxonomy; None for none.

  Returns:
    The data set, with the class names of the taxonomy, and the distances,
    float `[classes, classes]`; None without a taxonomy.

  Raises:
    ValueError: the file cannot be read, or its classes are not those of the
      data set.
  """
  if path is None:
    return dataset, None
  tree = taxonomy.read_taxonomy(pathlib.Path(path).expanduser())
  names = dataset.class_names
  numbers = tuple(str(i) for i in range(dataset.num_classes))
  if names != tree.classes and (
    names != numbers or len(tree.classes) != len(names)
  ):
    raise ValueError(
      f'the {len(tree.classes)} classes of the taxonomy {path} are not the '
      f'{len(names)} of {dataset.name}, or not in the same order'
    )
  return dataset._replace(class_names=tree.classes), taxonomy.distances(tree)


def _evaluation(config: Mapping[str, Any], dataset: Dataset) -> Evaluation:
  package, kind = NAMED['protocol']
  ignored = _label_numbers(config['ignored_labels'], dataset)
  split = lookup.build(
    {'seed': config['seed'], **config['protocol']},
    dataset,
    package=package,
    kind=kind,
  )
  if config['evaluation'].get('transductive'):
    raise ValueError(
      'evaluation.transductive cannot be set: a method that learns database '
      'codes is scored both ways, and results have `transductive` beside'
    )
  labels = dataset.labels
  if ignored:
    labels = np.delete(labels, ignored, axis=1)
    names = ', '.join(dataset.class_names[i] for i in ignored)
    split = split._replace(protocol=f'{split.protocol}, ignoring {names}')
  return Evaluation(
    split=split,
    protocol=lookup.call(
      metrics.EvaluationProtocol, config['evaluation'], kind='evaluation'
    ),
    measures=lookup.call(metrics.Measures, config['measures'], kind='measures'),
    scored_labels=labels,
  )


def _label_numbers(wanted: Any, dataset: Dataset) -> list[int]:
  """The columns of labels that are given by name or by number."""
  if isinstance(wanted, str) or not isinstance(wanted, Sequence):
    raise ValueError(
      f'ignored_labels must be a list of names or numbers, got {wanted!r}'
    )
  if wanted and dataset.labels.ndim != 2:
    raise ValueError(
      f'ignored_labels is for multi-label data, {dataset.name} has one class a '
      'row'
    )
  numbers = set()
  for label in wanted:
    names = dataset.class_names
    number = names.index(label) if label in names else label
    whole = isinstance(number, int | np.integer) and number is not True
    if not whole or not 0 <= number < len(names) or number is False:
      raise ValueError(
        f'ignored_labels: {dataset.name} has no label {label!r}; it has '
        f'{", ".join(names)}'
      )
    numbers.add(int(number))
  if len(numbers) == dataset.num_classes:
    raise ValueError('ignored_labels: there is no label left')
  return sorted(numbers)


def _further(
  name: str, config: Mapping[str, Any], dataset: Dataset, split: Split
) -> Evaluation:
  changes = config['evaluations'][name]
  if not isinstance(changes, Mapping) or set(changes) - set(KNOWN):
    raise ValueError(
      f'evaluations.{name} may have {", ".join(KNOWN)}, got {changes!r}'
    )
  changed = ConfigDict({block: config[block] for block in KNOWN})
  try:
    merge(changed, changes)
  except ValueError as e:
    raise ValueError(f'evaluations.{name}: {e}') from e
  evaluation = _evaluation({**config, **changed.to_dict()}, dataset)
  if not np.array_equal(evaluation.split.train, split.train):
    raise ValueError(
      f'evaluations.{name} has other train rows than the run: '
      f'{evaluation.split.protocol} beside {split.protocol}'
    )
  return evaluation
