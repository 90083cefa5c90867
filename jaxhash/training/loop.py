"""The training loop: pure steps, and all that may interrupt them."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.sharding import NamedSharding, PartitionSpec
from tqdm import tqdm

from jaxhash.data.splits import load_split, save_split, split_digest
from jaxhash.training import workdir as files
from jaxhash.training.checkpoints import Checkpoints
from jaxhash.training.encode import RowEncoder
from jaxhash.training.errors import (
  InterruptedRunError,
  NonFiniteLossError,
  WorkdirError,
)
from jaxhash.training.evaluation import validate
from jaxhash.training.experiment import Experiment, initial_state
from jaxhash.training.state import TrainState
from jaxhash.training.step import TrainStep, make_train_step

__all__ = ['compile_step', 'restore', 'train']


def compile_step(experiment: Experiment) -> TrainStep:
  """The jitted train step of an experiment; its state is donated."""
  replicated = NamedSharding(experiment.mesh, PartitionSpec())
  return jax.jit(
    make_train_step(
      experiment.method,
      experiment.encoder,
      experiment.optimizer,
      experiment.pipeline.prepare,
    ),
    donate_argnums=0,
    out_shardings=replicated,
  )


def restore(
  experiment: Experiment,
  workdir: pathlib.Path,
  *,
  step: int | None = None,
  say: Callable[[str], None] = logging.info,
) -> TrainState | None:
  """The saved state of a run, to look at; None if none was saved.

  Args:
    experiment: built from the config of the workdir.
    workdir: of the run.
    step: of the checkpoint; the latest by default.
    say: takes a message for each checkpoint that was passed over.

  Raises:
    CheckpointError: no checkpoint can be read.
    WorkdirError: the run was trained on other rows or labels.
  """
  with Checkpoints(workdir / 'checkpoints', read_only=True) as checkpoints:
    state, notes = checkpoints.restore(initial_state(experiment), step)
  for note in notes:
    say(note)
  if state is not None:
    _check_split(experiment, workdir)
    if notes:
      say(f'the checkpoint of step {int(state.step)} is used')
  return state


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
    WorkdirError: the workdir is another run's, another process trains in it,
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
  config = experiment.config
  files.claim(workdir, config)
  encode = encode or RowEncoder(experiment)
  with (
    files.locked(workdir),
    Checkpoints(
      workdir / 'checkpoints', keep=config['keep_checkpoints']
    ) as checkpoints,
    _stop_signals() as stopped,
  ):
    state = _start(experiment, workdir, checkpoints, say)
    run = _Run(experiment, workdir, checkpoints, encode, progress)
    return run.steps(state, stopped)


def _start(
  experiment: Experiment,
  workdir: pathlib.Path,
  checkpoints: Checkpoints,
  say: Callable[[str], None],
) -> TrainState:
  """The state to go on from. There are four cases."""
  state = initial_state(experiment)
  restored, notes = checkpoints.restore(state)
  for note in notes:
    say(note)
  if restored is None:
    # 1. Nothing was saved: from the beginning.
    dataset = experiment.dataset
    with files.replacing(workdir / 'split.npz') as part:
      save_split(experiment.split, part, labels=dataset.labels, ids=dataset.ids)
    files.write_text(
      workdir / 'parameters.txt', files.parameter_overview(state.params) + '\n'
    )
    step = 0
  else:
    # 2. The latest checkpoint is whole: on from there.
    # 3. It is not: on from the one before, the broken one is set aside.
    # 4. It is the last step's: nothing is left to do.
    _check_split(experiment, workdir)
    state, step = restored, int(restored.step)
    say(f'going on from step {step}')
  checkpoints.set_aside(after=step)
  for name in (files.METRICS, files.TIMING):
    files.truncate_json_lines(workdir / name, step)
  return state


def _check_split(experiment: Experiment, workdir: pathlib.Path) -> None:
  """Raises where the run was trained on other rows, or other labels."""
  try:
    saved, digest = load_split(workdir / 'split.npz')
  except ValueError as e:
    raise WorkdirError(str(e)) from e
  now = split_digest(experiment.split, experiment.dataset.labels)
  if now != digest:
    raise WorkdirError(
      f'{workdir} was trained on other data: its split.npz is {saved.protocol} '
      f'[{digest}], the data now give {experiment.split.protocol} [{now}]: '
      'rows, their order or their labels have changed'
    )


class _Run:
  """One pass over the remaining steps."""

  def __init__(
    self,
    experiment: Experiment,
    workdir: pathlib.Path,
    checkpoints: Checkpoints,
    encode: RowEncoder,
    progress: bool,
  ):
    self._experiment = experiment
    self._workdir = workdir
    self._checkpoints = checkpoints
    self._encode = encode
    self._progress = progress
    self._step_fn = compile_step(experiment)
    self._data = jax.device_put(
      experiment.pipeline.data, NamedSharding(experiment.mesh, PartitionSpec())
    )
    self._batch_sharding = NamedSharding(experiment.mesh, PartitionSpec('data'))

  def steps(self, state: TrainState, stopped: list[int]) -> TrainState:
    config, last = self._experiment.config, self._experiment.num_steps
    first = int(state.step)
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
        state, metrics = self._step_fn(state, self._data, self._batch(step))
        done = step + 1
        bar.update(1)
        end = done == last
        if end or done % config['log_every'] == 0:
          self._check(state, done)
          record = {k: float(v) for k, v in metrics.items()}
          seconds = time.monotonic() - clock
          rate = (done - counted) * config['batch_size'] / seconds
          files.append_json_line(
            self._workdir / files.METRICS, {'step': done, **record}
          )
          files.append_json_line(
            self._workdir / files.TIMING,
            {'step': done, 'seconds': seconds, 'images_per_second': rate},
          )
          bar.set_postfix_str(
            f'loss {record["loss"]:.4f}, {rate:,.0f} images/s'
          )
          clock, counted = time.monotonic(), done
        if done % config['eval_every'] == 0 and done < last:
          scores = validate(self._experiment, state, self._encode)
          if scores:
            files.append_json_line(
              self._workdir / files.METRICS, {'step': done, **scores}
            )
          clock, counted = time.monotonic(), done
        if end or stopped or done % config['checkpoint_every'] == 0:
          self._check(state, done)
          self._checkpoints.save(state)
        if stopped:
          raise InterruptedRunError(stopped[0], done)
    return state

  def _batch(self, step: int) -> Any:
    batch = self._experiment.pipeline.batch(step)
    return jax.device_put(batch, self._batch_sharding)

  def _check(self, state: TrainState, done: int) -> None:
    """Stops at a non-finite loss, by taking the failed step once more."""
    failed = int(state.failed_step)
    if failed < 0:
      return
    again = state._replace(
      step=jax.numpy.int32(failed), failed_step=jax.numpy.int32(-1)
    )
    _, metrics = self._step_fn(again, self._data, self._batch(failed))
    values = ', '.join(f'{k} {float(v):g}' for k, v in metrics.items())
    index = np.asarray(self._experiment.pipeline.batch(failed)['index'])
    rows = self._experiment.split.train[index]
    saved = self._checkpoints.steps()
    raise NonFiniteLossError(
      f'the loss or its gradient is not finite at step {failed} ({values}); '
      f'noticed at step {done}; the batch has rows '
      f'{", ".join(map(str, rows[:8]))}, ... of the data set; '
      + (
        f'the checkpoint of step {saved[-1]} is kept'
        if saved
        else 'no checkpoint had been saved'
      )
    )


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[int]]:
  """Collects SIGTERM and SIGINT in a list; the second one is not waited for."""
  received: list[int] = []

  def receive(number: int, frame: Any) -> None:
    del frame
    received.append(number)
    if len(received) > 1:  # in the middle of a long compilation, say
      raise KeyboardInterrupt

  if threading.current_thread() is not threading.main_thread():
    yield received
    return
  before = {
    number: signal.signal(number, receive)
    for number in (signal.SIGTERM, signal.SIGINT)
  }
  try:
    yield received
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
