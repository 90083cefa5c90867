"""What a run leaves for people: results.json, a table, two pictures."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from jaxhash import plots, search
from jaxhash.training import workdir as files
from jaxhash.training.encode import RowEncoder
from jaxhash.training.evaluation import evaluate
from jaxhash.training.experiment import Experiment
from jaxhash.training.state import TrainState

__all__ = ['results_table', 'write_report']

GALLERY_QUERIES = 8
GALLERY_NEIGHBOURS = 10


def write_report(
  experiment: Experiment,
  state: TrainState,
  encode: RowEncoder,
  workdir: pathlib.Path,
  *,
  pictures: bool = True,
) -> dict[str, Any]:
  """Evaluates a state and writes all that a reader wants to see of it.

  Args:
    experiment: built from the config of the workdir.
    state: the state to score.
    encode: of the same experiment.
    workdir: gets results.json, pr_curve.png and, for images, gallery.png.
    pictures: whether to draw.

  Returns:
    The results, as in results.json.

  Raises:
    RunError: a file cannot be written.
  """
  results = {
    'method': experiment.config['method'],
    'reconstruction': experiment.method.reconstruction,
    'seed': experiment.config['seed'],
    **evaluate(experiment, state, encode),
    'versions': files.versions(),
  }
  files.write_json(workdir / 'results.json', results)
  if pictures:
    curve = results['query_database']['pr_curve']
    name = (
      f'{experiment.config["method"]["name"]}, '
      f'mAP {results["query_database"]["mAP"]:.3f}'
    )
    plots.pr_curve(
      {name: (curve['recall'], curve['precision'])}, workdir / 'pr_curve.png'
    )
    if len(experiment.dataset.inputs.shape) == 4:
      _gallery(experiment, state, encode, workdir / 'gallery.png')
  return results


def results_table(results: dict[str, Any]) -> str:
  """The scores of a run as text, one column for each database."""
  named = {
    'query_database': 'database',
    'query_database_without_train': 'database without train',
    'transductive': 'transductive database',
  }
  columns = [key for key in named if key in results]
  rows = [['', *(named[key] for key in columns)]]
  first = results[columns[0]]
  for score in [k for k, v in first.items() if isinstance(v, int | float)]:
    values = [results[key].get(score) for key in columns]
    rows.append(
      [
        score,
        *(f'{v:.4f}' if isinstance(v, float) else str(v) for v in values),
      ]
    )
  widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
  lines = [
    '  '.join(
      cell.ljust(width) if i == 0 else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(row, widths))
    ).rstrip()
    for row in rows
  ]
  rule = '-' * max(len(line) for line in lines)
  notes = [
    f'{results["split"]}; {first["protocol"]} [{first["protocol_digest"]}]'
  ]
  if results.get('reconstruction'):
    notes.insert(0, f'RECONSTRUCTION: {results["reconstruction"]}')
  if 'code_health' in results:
    health = results['code_health']
    notes.append(
      f'codes: {health["distinct_codes"]} distinct, mean |bit mean| '
      f'{health["mean_bit_imbalance"]:.3f}, mean |correlation| of bits '
      f'{health["mean_bit_correlation"]:.3f}'
    )
  if 'codewords' in results:
    words = results['codewords']
    notes.append(
      f'codewords: pairwise distance least {words["least_distance"]}, mean '
      f'{words["mean_distance"]:.2f}, greatest {words["greatest_distance"]}'
    )
  return '\n'.join([lines[0], rule, *lines[1:], rule, *notes])


def _gallery(
  experiment: Experiment,
  state: TrainState,
  encode: RowEncoder,
  path: pathlib.Path,
) -> None:
  dataset, split = experiment.dataset, experiment.split
  query = split.query[
    np.linspace(0, len(split.query) - 1, GALLERY_QUERIES).astype(int)
  ]
  database = np.setdiff1d(split.database, query)
  count = min(GALLERY_NEIGHBOURS, len(database))
  _, nearest = search.top_k(
    encode(state, query).codes, encode(state, database).codes, count
  )
  neighbours = database[np.asarray(nearest)]
  labels = dataset.labels
  if labels.ndim == 1:
    correct = labels[query][:, None] == labels[neighbours]
    titles = [dataset.class_names[i] for i in labels[query]]
  else:
    correct = (labels[query][:, None] * labels[neighbours]).sum(-1) > 0
    titles = [
      ', '.join(np.array(dataset.class_names)[row > 0]) for row in labels[query]
    ]
  images = dataset.inputs[neighbours.reshape(-1)]
  plots.gallery(
    np.asarray(dataset.inputs[query]),
    np.asarray(images).reshape(*neighbours.shape, *images.shape[1:]),
    correct,
    path,
    query_titles=titles,
  )
