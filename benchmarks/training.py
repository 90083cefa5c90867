"""Whether evaluation is the longer part of an epoch.

  python -m benchmarks.training
  python -m benchmarks.training --setting=cifar10_features --arrays=FOLDER

One epoch of compiled train steps; encoding all that is searched or searches;
and scoring the queries against the database with all that `metrics.evaluate`
computes. The train loop itself scores val rows every `eval_every` steps. Prints
a table.
"""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
from absl import flags

from benchmarks.measure import measure, table
from experiments.configs import adalabelhash
from jaxhash import commands, training
from jaxhash.training import searches

SETTING = flags.DEFINE_enum(
  'setting',
  'digits',
  list(adalabelhash.SETTINGS),
  'Setting of experiments/configs/adalabelhash.py.',
)
ARRAYS = flags.DEFINE_string(
  'arrays',
  None,
  'Folder of .npy files to use in place of its data set, as of '
  'experiments.train.',
)


def main() -> None:
  """Prints the table."""
  config = json.loads(
    json.dumps(adalabelhash.get_config(SETTING.value).to_dict())
  )
  if ARRAYS.value is not None:
    config['dataset'] = {'name': 'arrays', 'folder': ARRAYS.value}
  try:
    experiment = training.build(config)
  except (OSError, ValueError) as e:
    commands.fail(str(e))
  split = experiment.split
  steps = max(1, experiment.num_steps // config['epochs'])
  step = training.compile_step(experiment)
  data = experiment.pipeline.data
  encode = training.RowEncoder(experiment)
  rows = searches.searched_rows(experiment)

  initial = training.initial_state(experiment)

  def epoch() -> training.TrainState:
    state = jax.tree.map(jnp.copy, initial)  # a step takes its memory
    for number in range(steps):
      state, _ = step(state, data, experiment.pipeline.batch(number))
    return jax.block_until_ready(state)

  state = epoch()
  encoded = encode(state, rows)
  ranker = training.Ranker(experiment, rows, encoded, state)
  found = {
    f'an epoch of {steps} steps': measure(epoch),
    f'encoding {len(rows)} rows': measure(lambda: encode(state, rows)),
    f'scoring {len(split.query)} x {len(split.database)}': measure(
      lambda: ranker.score(split.query, split.database)
    ),
  }
  print(f'{SETTING.value}, scored every {config["eval_every"]} steps on val')
  print(
    table(['', 'seconds'], [[k, f'{v.seconds:.3f}'] for k, v in found.items()])
  )


if __name__ == '__main__':
  commands.run(main)
