"""What a run leaves for people: results.json, a table, a page, pictures."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from jaxhash.training import logs
from jaxhash.training import workdir as files
from jaxhash.training._gallery import draw_gallery, galleries_of, has_images
from jaxhash.training._page import render_page
from jaxhash.training._pictures import pictures_of
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
PAGE = 'report.html'
COLUMNS = {
  'query_database': 'database',
  'query_database_without_train': 'database without train',
  'transductive': 'transductive database',
  'symmetric': 'queries quantised too',
  'val': 'val',
}


def write_report(
  experiment: Experiment,
  state: TrainState,
  encode: RowEncoder,
  workdir: pathlib.Path,
  *,
  notes: Mapping[str, Any] | None = None,
  pictures: bool = True,
  progress: bool = False,
) -> dict[str, Any]:
  """Evaluates a state and writes all that a reader wants to see of it.

  Args:
    experiment: built from the config of the workdir.
    state: the state to score.
    encode: of the same experiment.
    workdir: gets results.json; report.html, one file that needs no other and
      no network; and its pictures, for slides and papers: pr_curve.png,
      training_curves.png, pair_distances.png, bit_health.png, code_map.png,
      codewords.png where the method has codewords, similarity.png where a
      stage found how alike classes are, and gallery.png for images of 1 or 3
      channels; in a folder seedN, where several seeds were trained together.
      A state of before the last step gets results-stepN.json, one that is
      scored in another way than the run's config says results-DIGEST.json, so
      that neither is taken for the run's own, and no pictures.
    notes: what else is not as in the run's config; plain values for the
      results.
    pictures: whether to draw, and to write the report.
    progress: whether to show a progress bar.

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
    _draw(experiment, ranker, results, records, folder, progress)
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
  progress: bool,
) -> None:
  drawn = list(pictures_of(experiment, ranker, results, records))
  for picture in tqdm(
    drawn, 'report', unit='picture', leave=False, disable=not progress
  ):
    with files.replacing(folder / f'{picture.name}.png') as part:
      picture.draw(part)
  some, worst = galleries_of(experiment, ranker)
  if has_images(experiment.dataset):
    with files.replacing(folder / 'gallery.png') as part:
      draw_gallery(some, experiment.dataset, part)
  page = render_page(
    experiment, results, score_table(results), drawn, some, worst
  )
  files.write_text(folder / PAGE, page)


def score_table(results: Mapping[str, Any]) -> list[list[str]]:
  """The scores of a run, one column for each database; its head comes first.

  Args:
    results: as in results.json.

  Returns:
    Cells of text, a list for each row.
  """
  columns = [key for key in COLUMNS if key in results]
  scores = [results[key] for key in columns]
  return [
    ['', *(COLUMNS[key] for key in columns)],
    *(
      [name, *(_cell(score.get(name)) for score in scores)]
      for name, value in scores[0].items()
      if isinstance(value, int | float)
    ),
  ]


def _cell(value: Any) -> str:
  return f'{value:.4f}' if isinstance(value, float) else str(value)


def results_table(results: dict[str, Any]) -> str:
  """The scores of a run as text, one column for each database."""
  rows = score_table(results)
  first = results['query_database']
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
