"""Scores a trained run once more, and writes its results and pictures.

  python -m experiments.evaluate --workdir=runs/digits

The config is the workdir's own, but for `--set=evaluation.NAME=VALUE`, as in
`--set=evaluation.at=1000`; `--step` chooses one of the checkpoints that are
kept, the latest is the default. Another protocol's scores go to
results-DIGEST.json, an earlier step's to results-stepN.json.
"""

from __future__ import annotations

from absl import flags
from ml_collections import ConfigDict

from experiments import command_line
from jaxhash import plots, training

flags.adopt_module_key_flags(command_line)
WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of a run.')
STEP = flags.DEFINE_integer('step', None, 'Step of the checkpoint to score.')
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
    if not change.startswith('evaluation.'):
      command_line.fail(f'--set={change}: a run is evaluated as it was trained')
  config = command_line.plain(ConfigDict(training.read_config(workdir)))
  experiment = command_line.prepare(lambda: training.build(config))
  state = training.restore(
    experiment, workdir, step=STEP.value, say=command_line.say
  )
  if state is None:
    command_line.fail(f'{workdir} has no checkpoint: train it first')
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
