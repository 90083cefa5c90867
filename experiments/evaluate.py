"""Scores a trained run once more, and writes its results and pictures.

  python -m experiments.evaluate --workdir=runs/digits
  python -m experiments.evaluate --workdir=runs/digits \\
      --set=evaluation.at=100 --set='measures.precision_at=[5, 50]'

The config is the workdir's own, but for how it is scored: --set changes values
of the blocks evaluation, measures and evaluations, and ignored_labels and
taxonomy. The folder gets results.json and pictures; scores by other rules go to
results-DIGEST.json, those of an earlier step to results-stepN.json.

On another data set, here one with official parts, whose classes may be others,
with the statistics of the head fitted to its database, as in table 6 of
OrthoHash's supplement (the run has a head 'bn', by --set=encoder.head=bn):

  python -m experiments.evaluate --workdir=runs/own --transfer=FOLDER \\
      --set=protocol.name=official --fit_norm
"""

from __future__ import annotations

from typing import Any

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line, finished
from jaxhash import plots, training

flags.adopt_module_key_flags(command_line)
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a run; needed.')
STEP = flags.DEFINE_integer(
  'step',
  None,
  'Step of the checkpoint to score, one of those that are kept in '
  'checkpoints/. Default: the latest.',
)
SEED = finished.seed_flag()
flags.declare_key_flag('seed')
TRANSFER = flags.DEFINE_string(
  'transfer',
  None,
  'Folder of .npy files, as of --arrays, of another data set to score the run '
  "on; --set=protocol.name=NAME says by which protocol, if not by the run's. "
  'Default: the data set of the run.',
)
SCORING = (
  'evaluation.',
  'measures.',
  'ignored_labels=',
  'evaluations.',
  'taxonomy=',
)
TRANSFERRING = ('evaluation.', 'measures.', 'protocol.')
FIT_NORM = flags.DEFINE_bool(
  'fit_norm',
  False,
  "Fit the statistics of a head 'bn' to the database before encoding.",
)
PROGRESS = flags.DEFINE_bool('progress', True, 'Show progress bars.')
PICTURES = flags.DEFINE_bool(
  'pictures',
  True,
  'Write report.html, and its pictures as files of their own.',
)


def main() -> None:
  """Evaluates one run."""
  workdir = command_line.folder(WORKDIR)
  if PICTURES.value:
    command_line.prepare(plots.check_installed)
  allowed = TRANSFERRING if TRANSFER.value else SCORING
  for change in command_line.SET.value:
    if not change.startswith(allowed):
      command_line.fail(
        f'--set={change}: a run is evaluated as it was trained; only values '
        f'of {", ".join(name.rstrip(".=") for name in allowed)} can be changed'
      )
    if TRANSFER.value and change.startswith('measures.hierarchical_at'):
      command_line.fail(f'--set={change}: there is no taxonomy of other data')
  saved = training.read_config(workdir)
  config = command_line.plain(ConfigDict(saved))
  config['seed'] = finished.chosen_seed(workdir, SEED.value)
  trained = {**config, 'protocol': saved['protocol']}
  experiment = command_line.prepare(
    lambda: training.prepare(trained, workdir, run_stages=False)
  )
  state = training.restore(
    experiment, workdir, step=STEP.value, say=command_line.say
  )
  if state is None:
    command_line.fail(f'{workdir} has no checkpoint: train it first')
  notes: dict[str, Any] = {}
  if TRANSFER.value:
    other = {'name': 'arrays', 'folder': TRANSFER.value}
    notes['transfer'] = {'dataset': other, 'protocol': config['protocol']}
    experiment = command_line.prepare(
      lambda: training.transfer(experiment, **notes['transfer'])
    )
  if FIT_NORM.value:
    notes['norm_fitted_to'] = 'database'
    state = command_line.prepare(
      lambda: training.fit_norm(experiment, state, experiment.split.database)
    )
  results = training.write_report(
    experiment,
    state,
    training.RowEncoder(experiment, progress=PROGRESS.value),
    workdir,
    notes=notes,
    pictures=PICTURES.value,
    progress=PROGRESS.value,
  )
  print(training.results_table(results))


if __name__ == '__main__':
  command_line.run(main)
