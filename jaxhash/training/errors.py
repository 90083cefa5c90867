"""Errors that end a run with one clear message."""

from __future__ import annotations

import signal

__all__ = [
  'CheckpointError',
  'InterruptedRunError',
  'NonFiniteLossError',
  'RunError',
  'WorkdirError',
]


class RunError(RuntimeError):
  """A run cannot go on; the message says why and what is kept."""


class WorkdirError(RunError):
  """A workdir belongs to another config, or to another version."""


class CheckpointError(RunError):
  """A checkpoint cannot be written, or none of those there can be read."""


class NonFiniteLossError(RunError):
  """The loss or its gradient is NaN or infinite."""


class InterruptedRunError(RunError):
  """SIGTERM or Ctrl-C came; the state has been saved.

  Attributes:
    signal: the number of the signal.
  """

  def __init__(self, number: int, step: int):
    super().__init__(
      f'{signal.Signals(number).name} at step {step}: the state is saved, the '
      'same command goes on from there'
    )
    self.signal = number
