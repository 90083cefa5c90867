"""What the divergence of SHREWD (reconstruction) does to the codes.

  python -m benchmarks.shrewd_divergence \\
      --runs='with=runs/table/runs/shrewd_weak/32/seeds-0-1-2-3-4' \\
      --runs='without=runs/table/runs/shrewd_weak_no_kl/32/seeds-0-1-2-3-4'

on runs of this table:

  python -m experiments.benchmark --workdir=runs/table --arrays=FOLDER \\
      --config=experiments/configs/benchmark.py:tiny_imagenet_pairs \\
      --methods=shrewd_weak,shrewd_weak_no_kl

It is to make values binary and bits even. For each finished run, before
training and after it, of the database rows that trained nothing: the share of
the values z = sigmoid(logits) within .1 of 0 or 1, and the mean over bits of
the absolute mean of the binary codes, 0 if every bit is +1 as often as -1.
Prints means over the seeds of a run, with the range.
"""

from __future__ import annotations

import numpy as np
from absl import flags

from experiments import command_line, finished
from jaxhash import training
from jaxhash.methods.shrewd import NEAR

RUNS = finished.runs_flag()
for name in ('arrays', 'debug', 'runs'):
  flags.declare_key_flag(name)

__all__ = ['main']


def main() -> None:
  """Prints two lines for each run."""
  if not RUNS.value:
    command_line.fail('--runs=TITLE=WORKDIR is needed')
  folders = finished.titled_folders(RUNS.value)
  print(f'{"":24} {"near 0 or 1":>22} {"bit imbalance":>22}')
  for title, folder in folders.items():
    before, after = [], []
    for seed in training.seeds_of(folder):
      experiment, state = finished.finished_run(folder, seed)
      start = training.initial_state(experiment)
      before.append(_values(experiment, start))
      after.append(_values(experiment, state))
    for when, found in (('before', before), ('after', after)):
      columns = np.array(found).T
      print(
        f'{title + ", " + when:24} '
        + ' '.join(
          f'{c.mean():8.3f} ({c.min():.3f}-{c.max():.3f})' for c in columns
        )
      )


def _values(
  experiment: training.Experiment, state: training.TrainState
) -> tuple[float, float]:
  """How binary the values are, and how uneven the bits."""
  method = experiment.method._replace(encode=lambda _, outputs: outputs.logits)
  rows = finished.unseen_rows(experiment)
  encode = training.RowEncoder(experiment._replace(method=method))
  logits = np.asarray(encode(state, rows).codes, np.float64)
  values = 1 / (1 + np.exp(-logits))
  near = np.minimum(values, 1 - values) <= NEAR
  imbalance = abs(np.where(logits >= 0, 1.0, -1.0).mean(axis=0)).mean()
  return near.mean(), imbalance


if __name__ == '__main__':
  command_line.run(main)
