"""Seeds trained together by one mapped step, beside one after another.

  python -m benchmarks.seeds --arrays=FOLDER
  python -m benchmarks.seeds --config=experiments/configs/csq.py:digits

Both ways take the same steps of the same runs, compilation included, each in a
process's fresh state of this module: times of one machine in one run.
"""

from __future__ import annotations

import functools
import pathlib
import tempfile
import time
from collections.abc import Callable

import jax
from absl import flags

from experiments import command_line
from jaxhash import training

flags.adopt_module_key_flags(command_line)
CONFIG = command_line.config_flag(
  'experiments/configs/orthohash.py:cifar10_features'
)
flags.declare_key_flag('config')
SEEDS = flags.DEFINE_integer('seeds', 5, 'Number of seeds.', lower_bound=2)

__all__ = ['main']


def main() -> None:
  """Prints the seconds of both ways, and their ratio."""
  config = command_line.plain(CONFIG.value)
  config |= {'eval_every': 10**9, 'checkpoint_every': 10**9}
  seeds = range(SEEDS.value)
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    experiments = command_line.prepare(
      functools.partial(training.prepare_seeds, config, seeds, root / 'stages')
    )

    def together() -> None:
      training.train_seeds(experiments, root / 'together')

    def in_turn() -> None:
      for experiment in experiments:
        training.train(experiment, root / str(experiment.config['seed']))

    seconds = [_seconds(way) for way in (together, in_turn)]
  steps = experiments[0].num_steps
  print(
    f'{config["method"]["name"]}, {SEEDS.value} seeds, {steps} steps, '
    f'{jax.default_backend()}: together {seconds[0]:.1f} s, one after another '
    f'{seconds[1]:.1f} s, {seconds[1] / seconds[0]:.2f} times as fast'
  )


def _seconds(way: Callable[[], None]) -> float:
  start = time.monotonic()
  way()
  return time.monotonic() - start


if __name__ == '__main__':
  command_line.run(main)
