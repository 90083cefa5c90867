"""Seeds trained together by one mapped step, beside one after another.

  python -m benchmarks.seeds --config=experiments/configs/csq.py:digits
  python -m benchmarks.seeds --arrays=FOLDER --seeds=10

Both ways take the same steps of the same runs, in one process after a run that
is not timed. Mapped, there is one program to compile for all seeds; the seconds
are with compilation, and in brackets from the second log line on, without it.
Prints one line.
"""

from __future__ import annotations

import functools
import pathlib
import tempfile
import time

import jax
from absl import flags

from experiments import command_line
from jaxhash import training
from jaxhash.training import logs

CONFIG = command_line.config_flag(
  'experiments/configs/orthohash.py:cifar10_features'
)
flags.adopt_module_key_flags(command_line)
SEEDS = flags.DEFINE_integer(
  'seeds', 5, 'Number of seeds, which are 0, 1, 2, ....', lower_bound=2
)

__all__ = ['main']


def main() -> None:
  """Prints the seconds of both ways, and their ratio."""
  config = command_line.prepare(lambda: command_line.plain(CONFIG.value))
  if command_line.printed(config):
    return
  config |= {'eval_every': 10**9, 'checkpoint_every': 10**9}
  seeds = range(SEEDS.value)
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    experiments = command_line.prepare(
      functools.partial(training.prepare_seeds, config, seeds, root / 'run')
    )

    training.train(experiments[0], root / 'warm-up')
    groups = [[experiments], [[e] for e in experiments]]
    seconds = [_seconds(way, root / name) for way, name in zip(groups, 'ab')]
  steps = experiments[0].num_steps
  (together, without), (in_turn, in_turn_without) = seconds
  ratio = f'{in_turn_without / without:.2f}' if without else 'one log line'
  print(
    f'{config["method"]["name"]}, {SEEDS.value} seeds, {steps} steps, '
    f'{jax.default_backend()}: together {together:.1f} s ({without:.1f}), one '
    f'after another {in_turn:.1f} s ({in_turn_without:.1f}), '
    f'{in_turn / together:.2f} ({ratio}) times as fast'
  )


def _seconds(
  groups: list[list[training.Experiment]], folder: pathlib.Path
) -> tuple[float, float]:
  """To train some groups, and the part of it after each one's first log."""
  start, later = time.monotonic(), 0.0
  for i, group in enumerate(groups):
    training.train_seeds(group, folder / str(i))
    records = logs.read(folder / str(i) / logs.TIMING)
    later += sum(record['seconds'] for record in records[1:])
  return time.monotonic() - start, later


if __name__ == '__main__':
  command_line.run(main)
