"""SIGTERM and Ctrl-C, as something to look at between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ['stop_signals']


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
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
