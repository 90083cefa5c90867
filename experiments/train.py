"""Trains a hashing method, resumes it, and scores it by its protocol.

  python -m experiments.train --workdir=runs/digits \\
      --config=experiments/configs/adalabelhash.py:digits \\
      --config.method.num_bits=16

The same command goes on from the last checkpoint after an interruption. A
config is a Python file; what follows the colon chooses one of its settings,
and every value of it can be changed by `--config.NAME=VALUE`. `--set` also
takes another method, encoder, data set or protocol, with other arguments:

  python -m experiments.train --workdir=runs/perceptron \\
      --config=experiments/configs/csq.py:digits \\
      --set=encoder.name=mlp --set='encoder.hidden=[256]'

The folder gets config.json, checkpoints/, metrics.jsonl (losses and val mAP),
results.json (all scores), report.html (one file, for a browser), pictures and
more. The scores are printed.
"""

from __future__ import annotations

import time

from absl import flags

from experiments import command_line
from jaxhash import plots, training

CONFIG = command_line.config_flag('experiments/configs/adalabelhash.py:digits')
flags.adopt_module_key_flags(command_line)
WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Folder of the run, made if it is not there; needed.'
)
PROGRESS = flags.DEFINE_bool('progress', True, 'Show progress bars.')
PICTURES = flags.DEFINE_bool(
  'pictures',
  True,
  'Write report.html, and its pictures as files of their own.',
)


def main() -> None:
  """Trains and evaluates one run."""
  config = command_line.prepare(lambda: command_line.plain(CONFIG.value))
  if command_line.printed(config):
    return
  workdir = command_line.folder(WORKDIR)
  if PICTURES.value:
    command_line.prepare(plots.check_installed)
  start = time.monotonic()
  experiment = command_line.prepare(
    lambda: training.prepare(
      config,
      workdir,
      progress=PROGRESS.value,
      say=command_line.say,
    )
  )
  encode = training.RowEncoder(experiment, progress=PROGRESS.value)
  state = training.train(
    experiment,
    workdir,
    encode=encode,
    progress=PROGRESS.value,
    say=command_line.say,
  )
  results = training.write_report(
    experiment,
    state,
    encode,
    workdir,
    pictures=PICTURES.value,
    progress=PROGRESS.value,
  )
  print(training.results_table(results))
  seen = workdir / 'report.html' if PICTURES.value else workdir
  print(f'{time.monotonic() - start:.1f} s; see {seen}')


if __name__ == '__main__':
  command_line.run(main)
