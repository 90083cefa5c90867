"""The training loop: pure steps, and all that may interrupt them."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from tqdm import tqdm

from jaxhash.training import logs
from jaxhash.training import workdir as files
from jaxhash.training.checkpoints import Checkpoints
from jaxhash.training.encode import RowEncoder
from jaxhash.training.errors import InterruptedRunError, NonFiniteLossError
from jaxhash.training.experiment import Experiment
from jaxhash.training.groups import FAILED
from jaxhash.training.saved import check_splits, save_splits
from jaxhash.training.signals import stop_signals
from jaxhash.training.state import TrainState
from jaxhash.training.tasks import Task, one_run, seed_state, seeds_together

__all__ = ['train', 'train_seeds']


def train(
  experiment: Experiment,
  workdir: pathlib.Path,
  *,
  encode: RowEncoder | None = None,
  progress: bool = False,
  say: Callable[[str], None] = logging.info,
) -> TrainState:
  """Trains to the last step, from wherever the workdir has got to.

  Args:
    experiment: what to train.
    workdir: where everything is written; made if it is not there.
    encode: for the scores on val; made if not given.
    progress: whether to show a progress bar.
    say: takes a line of text now and then.

  Returns:
    The state after the last step; it has been saved.

  Raises:
    WorkdirError: the workdir is another run's, another process works in it,
      or the data are no longer what they were.
    CheckpointError: no checkpoint can be read, or one cannot be written.
    NonFiniteLossError: with the step, the batch and the metrics.
    InterruptedRunError: by SIGTERM or Ctrl-C, after saving.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> from jaxhash.training.experiment import build
    >>> config = default_config().to_dict() | {
    ...   'dataset': {'name': 'clusters', 'num_classes': 2, 'num_features': 4},
    ...   'protocol': {'name': 'per_class', 'num_query': 2, 'num_train': 8},
    ...   'encoder': {'name': 'mlp', 'hidden': [8]},
    ...   'batch_size': 8,
    ... }
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   state = train(build(config), pathlib.Path(folder) / 'run')
    >>> int(state.step)
    60
  """
  encode = encode or RowEncoder(experiment)
  return _train(one_run(experiment, encode), workdir, progress, say)


def train_seeds(
  experiments: Sequence[Experiment],
  workdir: pathlib.Path,
  *,
  progress: bool = False,
  say: Callable[[str], None] = logging.info,
) -> list[TrainState]:
  """Trains several seeds of a run together, as `train` does one.

  Args:
    experiments: of configs that differ in their seed alone; one is trained by
      `train`.
    workdir: as for `train`.
    progress: as for `train`.
    say: as for `train`.

  Returns:
    The states after the last step, in the order of the seeds; they have been
    saved.

  Raises:
    ValueError: the configs differ in more than the seed, or the seeds have
      states or data of different shapes.
    RunError: as for `train`. Where a loss is not finite, the group is marked,
      so that `seed_groups` does not take it up again.
  """
  if len(experiments) == 1:
    return [train(experiments[0], workdir, progress=progress, say=say)]
  task = seeds_together(experiments)
  try:
    state = _train(task, workdir, progress, say)
  except NonFiniteLossError as e:
    files.write_text(workdir / FAILED, f'{e}\n')
    raise
  return [seed_state(state, i) for i in range(len(experiments))]


def _train(
  task: Task, workdir: pathlib.Path, progress: bool, say: Callable[[str], None]
) -> TrainState:
  config = task.config
  files.claim(workdir, config)
  with (
    files.locked(workdir),
    Checkpoints(
      workdir / 'checkpoints', keep=config['keep_checkpoints']
    ) as checkpoints,
    stop_signals() as stopped,
  ):
    state = _start(task, workdir, checkpoints, say)
    run = _Run(task, workdir, checkpoints, progress)
    return run.steps(state, stopped)


def _start(
  task: Task,
  workdir: pathlib.Path,
  checkpoints: Checkpoints,
  say: Callable[[str], None],
) -> TrainState:
  """The state to go on from. There are four cases."""
  state = task.initial()
  restored, notes = checkpoints.restore(state)
  for note in notes:
    say(note)
  if restored is None:
    # 1. Nothing was saved: from the beginning.
    save_splits(task.experiments, workdir)
    files.write_text(
      workdir / 'parameters.txt', files.parameter_overview(state.params) + '\n'
    )
    step = 0
  else:
    # 2. The latest checkpoint is whole: on from there.
    # 3. It is not: on from the one before, the broken one is set aside.
    # 4. It is the last step's: nothing is left to do.
    check_splits(task.experiments, workdir)
    state, step = restored, int(restored.step)
    say(f'going on from step {step}')
  checkpoints.set_aside(after=step)
  for name in (logs.METRICS, logs.TIMING):
    logs.truncate(workdir / name, step)
  return state


class _Run:
  """One pass over the remaining steps."""

  def __init__(
    self,
    task: Task,
    workdir: pathlib.Path,
    checkpoints: Checkpoints,
    progress: bool,
  ):
    self._task = task
    self._workdir = workdir
    self._checkpoints = checkpoints
    self._progress = progress

  def steps(self, state: TrainState, stopped: list[int]) -> TrainState:
    task, config = self._task, self._task.config
    last, first = task.experiments[0].num_steps, int(state.step)
    rows = config['batch_size'] * len(task.experiments)
    clock, counted = time.monotonic(), first
    bar = tqdm(
      total=last,
      initial=first,
      desc='train',
      unit='step',
      disable=not self._progress,
    )
    with bar:
      for step in range(first, last):
        state, metrics = task.step(state, task.data, task.batch(step))
        done = step + 1
        bar.update(1)
        end = done == last
        if end or done % config['log_every'] == 0:
          self._check(state, done)
          record = {k: np.asarray(v).tolist() for k, v in metrics.items()}
          seconds = time.monotonic() - clock
          rate = (done - counted) * rows / seconds
          self._append(logs.METRICS, done, record)
          timing = {'seconds': seconds, 'images_per_second': rate}
          self._append(logs.TIMING, done, timing)
          bar.set_postfix_str(
            f'loss {np.mean(record["loss"]):.4f}, {rate:,.0f} images/s'
          )
          clock, counted = time.monotonic(), done
        if done % config['eval_every'] == 0 and done < last:
          scores = task.validate(state)
          if scores:
            self._append(logs.METRICS, done, scores)
          clock, counted = time.monotonic(), done
        if end or stopped or done % config['checkpoint_every'] == 0:
          self._check(state, done)
          self._checkpoints.save(state)
        if stopped:
          raise InterruptedRunError(stopped[0], done)
    return state

  def _append(self, name: str, step: int, values: dict[str, Any]) -> None:
    logs.append(self._workdir / name, {'step': step, **values})

  def _check(self, state: TrainState, done: int) -> None:
    """Stops at a non-finite loss, by taking the failed step once more."""
    failed = int(state.failed_step)
    if failed < 0:
      return
    task = self._task
    again = state._replace(
      step=jax.numpy.int32(failed), failed_step=jax.numpy.int32(-1)
    )
    _, metrics = task.step(again, task.data, task.batch(failed))
    norms = np.atleast_1d(np.asarray(metrics['gradient_norm']))
    losses = np.atleast_1d(np.asarray(metrics['loss']))
    place = int(np.argmin(np.isfinite(norms) & np.isfinite(losses)))
    values = ', '.join(
      f'{k} {np.atleast_1d(v)[place]:g}' for k, v in metrics.items()
    )
    experiment = task.experiments[place]
    index = np.asarray(experiment.pipeline.batch(failed)['index'])
    rows = experiment.split.train[index]
    saved = self._checkpoints.steps()
    of_seed = (
      f' of seed {experiment.config["seed"]}'
      if len(task.experiments) > 1
      else ''
    )
    raise NonFiniteLossError(
      f'the loss or its gradient is not finite at step {failed}{of_seed} '
      f'({values}); noticed at step {done}; the batch has rows '
      f'{", ".join(map(str, rows[:8]))}, ... of the data set; '
      + (
        f'the checkpoint of step {saved[-1]} is kept'
        if saved
        else 'no checkpoint had been saved'
      )
    )
