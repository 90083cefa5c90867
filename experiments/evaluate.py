"""Scores a trained run once more, and writes its results and pictures.

  python -m experiments.evaluate --workdir=runs/digits

The config is the workdir's own, but for how it is scored, as in
`--set=evaluation.at=1000` or `--set=measures.hierarchical_at=[250]
--set=taxonomy=FILE`; `--step` chooses one of the checkpoints that are kept, the
latest is the default. Scores by other rules go to results-DIGEST.json, those of
an earlier step to results-stepN.json.
"""

from __future__ import annotations

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from jaxhash import plots, training

flags.adopt_module_key_flags(command_line)
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a run.')
STEP = flags.DEFINE_integer('step', None, 'Step of the checkpoint to score.')
SCORING = ('evaluation.', 'measures.', 'taxonomy=')
FIT_NORM = flags.DEFINE_bool(
  'fit_norm',
  False,
  "Fit the statistics of a head 'bn' to the database first, as OrthoHash does "
  'on a database of another kind; the scores are printed and not saved.',
)
PROGRESS = flags.DEFINE_bool('progress', True, 'Show progress bars.')
PICTURES = flags.DEFINE_bool(
  'pictures',
  True,
  'Draw the precision-recall curve, the training curves, the distances of the '
  'codewords, and a gallery.',
)


def main() -> None:
  """Evaluates one run."""
  workdir = command_line.folder(WORKDIR)
  if PICTURES.value:
    command_line.prepare(plots.check_installed)
  for change in command_line.SET.value:
    if not change.startswith(SCORING):
      command_line.fail(f'--set={change}: a run is evaluated as it was trained')
  config = command_line.plain(ConfigDict(training.read_config(workdir)))
  experiment = command_line.prepare(
    lambda: training.prepare(config, workdir, run_stages=False)
  )
  state = training.restore(
    experiment, workdir, step=STEP.value, say=command_line.say
  )
  if state is None:
    command_line.fail(f'{workdir} has no checkpoint: train it first')
  if FIT_NORM.value:
    state = command_line.prepare(
      lambda: training.fit_norm(experiment, state, experiment.split.database)
    )
    encode = training.RowEncoder(experiment, progress=PROGRESS.value)
    print(
      training.results_table(training.results_of(experiment, state, encode))
    )
    return
  results = training.write_report(
    experiment,
    state,
    training.RowEncoder(experiment, progress=PROGRESS.value),
    workdir,
    pictures=PICTURES.value,
  )
  print(training.results_table(results))


if __name__ == '__main__':
  command_line.run(main)
