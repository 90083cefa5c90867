"""What a run leaves for people: results.json, a table, pictures."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhash import plots, search
from jaxhash.data.types import Dataset
from jaxhash.training import logs
from jaxhash.training import workdir as files
from jaxhash.training.encode import RowEncoder
from jaxhash.training.experiment import Experiment
from jaxhash.training.ranking import Ranker, rank
from jaxhash.training.state import TrainState

__all__ = ['results_of', 'results_table', 'write_report']

RESULTS = 'results.json'
SCORING = (
  'evaluation',
  'measures',
  'ignored_labels',
  'taxonomy',
  'evaluations',
)
GALLERY_QUERIES = 8
GALLERY_NEIGHBOURS = 10


def write_report(
  experiment: Experiment,
  state: TrainState,
  encode: RowEncoder,
  workdir: pathlib.Path,
  *,
  notes: Mapping[str, Any] | None = None,
  pictures: bool = True,
) -> dict[str, Any]:
  """Evaluates a state and writes all that a reader wants to see of it.

  Args:
    experiment: built from the config of the workdir.
    state: the state to score.
    encode: of the same experiment.
    workdir: gets results.json, pr_curve.png, training_curves.png,
      codewords.png where the method has codewords, similarity.png where a
      stage found how alike classes are, and gallery.png for images of 1 or 3
      channels; in a folder seedN, where several seeds were trained together.
      A state of before the last step gets results-stepN.json, one that is
      scored in another way than the run's config says results-DIGEST.json, so
      that neither is taken for the run's own, and no pictures.
    notes: what else is not as in the run's config; plain values for the
      results.
    pictures: whether to draw.

  Returns:
    The results, as in results.json.

  Raises:
    RunError: a file cannot be written.
  """
  ranker = rank(experiment, state, encode)
  results = {**_results(experiment, ranker), **(notes or {})}
  name = _file_name(experiment, results, workdir, notes or {})
  folder, records = _of_seed(experiment.config['seed'], workdir)
  files.write_json(folder / name, results)
  if pictures and name == RESULTS:
    _draw(experiment, ranker, results, records, folder)
  return results


def results_of(
  experiment: Experiment, state: TrainState, encode: RowEncoder
) -> dict[str, Any]:
  """What `write_report` writes as results.json, and nothing is written."""
  return _results(experiment, rank(experiment, state, encode))


def _results(experiment: Experiment, ranker: Ranker) -> dict[str, Any]:
  config, reports = experiment.config, experiment.stage_reports
  return {
    'method': config['method'],
    'reconstruction': experiment.method.reconstruction,
    'encoder': config['encoder'],
    'dataset': config['dataset'],
    'seed': config['seed'],
    **({'stages': dict(reports)} if reports else {}),
    **ranker.results(),
    'versions': files.versions(),
  }


def _of_seed(
  seed: int, workdir: pathlib.Path
) -> tuple[pathlib.Path, list[dict[str, Any]]]:
  """Where the results of a seed are, and its log."""
  records = logs.read(workdir / logs.METRICS)
  claimed = (workdir / 'config.json').exists()
  seeds = files.seeds_of(workdir) if claimed else [seed]
  if len(seeds) == 1:
    return workdir, records
  place = seeds.index(seed)
  records = [
    {k: v[place] if isinstance(v, list) else v for k, v in record.items()}
    for record in records
  ]
  return workdir / f'seed{seed}', records


def _file_name(
  experiment: Experiment,
  results: dict[str, Any],
  workdir: pathlib.Path,
  notes: Mapping[str, Any],
) -> str:
  parts = ['results']
  if results['step'] != experiment.num_steps:
    parts.append(f'step{results["step"]}')
  if (workdir / 'config.json').exists():
    saved = files.read_config(workdir)
    now = json.loads(json.dumps(experiment.config))
    how = {name: now[name] for name in SCORING} | dict(notes)
    if how != {name: saved[name] for name in SCORING}:
      text = json.dumps(how, sort_keys=True)
      parts.append(hashlib.sha256(text.encode()).hexdigest()[:8])
  return '-'.join(parts) + '.json'


def _draw(
  experiment: Experiment,
  ranker: Ranker,
  results: dict[str, Any],
  records: Sequence[Mapping[str, Any]],
  folder: pathlib.Path,
) -> None:
  curve = results['query_database']['pr_curve']
  name = (
    f'{experiment.config["method"]["name"]}, '
    f'mAP {results["query_database"]["mAP"]:.3f}'
  )
  with files.replacing(folder / 'pr_curve.png') as part:
    plots.pr_curve({name: (curve['recall'], curve['precision'])}, part)
  if records:
    with files.replacing(folder / 'training_curves.png') as part:
      plots.training_curves(records, part)
  _draw_classes(experiment, ranker, folder)
  shape = experiment.dataset.inputs.shape
  if len(shape) == 4 and shape[-1] in (1, 3):
    with files.replacing(folder / 'gallery.png') as part:
      _gallery(experiment, ranker, part)


def _draw_classes(
  experiment: Experiment, ranker: Ranker, workdir: pathlib.Path
) -> None:
  """Codewords and class similarity, alike classes beside each other."""
  similarity = experiment.info.arrays.get('similarity')
  unlike = experiment.class_distances
  if unlike is None and similarity is not None:
    unlike = 1 - (similarity + similarity.T) / 2
  codewords = ranker.codewords()
  matrices = {}
  if codewords is not None and len(codewords) > 1:
    matrices['codewords'] = np.asarray(
      search.hamming_distances(codewords, codewords)
    )
  if similarity is not None:
    matrices['similarity'] = similarity
  names = experiment.dataset.class_names
  order = np.arange(len(names))
  if matrices and unlike is not None:
    order = plots.alike_order(unlike)
  for name, matrix in matrices.items():
    with files.replacing(workdir / f'{name}.png') as part:
      plots.distance_matrix(
        np.asarray(matrix)[np.ix_(order, order)],
        [names[i] for i in order],
        part,
        quantity='distance' if name == 'codewords' else name,
      )


def results_table(results: dict[str, Any]) -> str:
  """The scores of a run as text, one column for each database."""
  named = {
    'query_database': 'database',
    'query_database_without_train': 'database without train',
    'transductive': 'transductive database',
    'symmetric': 'queries quantised too',
    'val': 'val',
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
    f'step {results["step"]}; {results["split"]}; {first["protocol"]} '
    f'[{first["protocol_digest"]}]'
  ]
  if 'transductive' in results:
    learnt = results['transductive']['learnt_rows']
    notes.append(
      f'transductive: the codes of {learnt} rows of the database were learnt '
      'from their labels'
    )
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
  experiment: Experiment, ranker: Ranker, path: pathlib.Path
) -> None:
  dataset, split = experiment.dataset, experiment.split
  count = min(GALLERY_QUERIES, len(split.query))
  query = split.query[np.linspace(0, len(split.query) - 1, count).astype(int)]
  database = np.setdiff1d(split.database, query)
  distances, neighbours = ranker.nearest(
    query, database, min(GALLERY_NEIGHBOURS, len(database))
  )
  correct = [
    ranker.relevant(query[i : i + 1], neighbours[i])[0] for i in range(count)
  ]
  images = np.asarray(dataset.inputs[neighbours.reshape(-1)])
  plots.gallery(
    np.asarray(dataset.inputs[query]),
    images.reshape(*neighbours.shape, *images.shape[1:]),
    correct,
    path,
    query_titles=[_class_names(dataset, int(row)) for row in query],
    neighbour_titles=[[f'd = {d:.4g}' for d in row] for row in distances],
  )


def _class_names(dataset: Dataset, row: int) -> str:
  labels = dataset.labels[row]
  if not labels.ndim:
    return dataset.class_names[labels]
  return ', '.join(dataset.class_names[i] for i in np.flatnonzero(labels))
