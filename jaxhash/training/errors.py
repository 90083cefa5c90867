"""Errors that end a run with one clear message."""

from __future__ import annotations

__all__ = ['CheckpointError', 'NonFiniteLossError', 'RunError', 'WorkdirError']


class RunError(RuntimeError):
  """A run cannot go on; the message says why and what is kept."""


class WorkdirError(RunError):
  """A workdir belongs to another config, or to another version."""


class CheckpointError(RunError):
  """A checkpoint cannot be written, or none of those there can be read."""


class NonFiniteLossError(RunError):
  """The loss or its gradient is NaN or infinite."""
