"""A trained run on other data than those that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxhash.training.experiment import Experiment, load_dataset
from jaxhash.training.scoring import evaluations_of

__all__ = ['transfer']


def transfer(
  experiment: Experiment,
  dataset: Mapping[str, Any],
  protocol: Mapping[str, Any],
) -> Experiment:
  """The same run, to be scored on another data set.

  Its state is that of the run as it was trained, and inputs are preprocessed
  by the statistics of the rows that trained it. The classes may be others.

  Args:
    experiment: of the run.
    dataset: the block of a config that names the other data set.
    protocol: the block that names which of its rows search which.

  Returns:
    A run to encode with and to score. It has no train and val rows, no
    taxonomy and nothing that wants one, no further evaluations, and ignores
    no label: those of the run are of its own data.

  Raises:
    ValueError: the inputs are of another shape, or an argument is wrong.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> from jaxhash.training.experiment import build
    >>> config = default_config().to_dict()
    >>> protocol = {'name': 'per_class', 'num_query': 5, 'num_train': 5}
    >>> run = transfer(build(config), config['dataset'], protocol)
    >>> len(run.split.query), len(run.split.train)
    (50, 0)
  """
  data = load_dataset({'dataset': dataset})
  trained, given = experiment.dataset.inputs.shape[1:], data.inputs.shape[1:]
  if trained != given:
    raise ValueError(
      f'the run was trained on inputs {list(trained)}, those of {data.name} '
      f'are {list(given)}'
    )
  config = {
    **experiment.config,
    'dataset': dict(dataset),
    'protocol': dict(protocol),
    'evaluations': {},
    'ignored_labels': (),
    'taxonomy': None,
    'measures': {**experiment.config['measures'], 'hierarchical_at': ()},
  }
  main, _ = evaluations_of(config, data)
  none = main.split.train[:0]
  return experiment._replace(
    config=config,
    dataset=data,
    split=main.split._replace(train=none, val=none, labelled=None),
    protocol=main.protocol,
    measures=main.measures,
    scored_labels=main.scored_labels,
    class_distances=None,
    evaluations={},
    # Codes that were learnt of the train rows are of rows that are not here.
    method=experiment.method._replace(bank=None),
  )
