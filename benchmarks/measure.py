"""What the benchmarks share: times, peak memory, data, tables."""

from __future__ import annotations

import contextlib
import ctypes
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ['Measured', 'measure', 'random_codes', 'structured_codes', 'table']


class Measured(NamedTuple):
  """One thing that was timed.

  Attributes:
    seconds: the least of several calls.
    megabytes: peak memory above what was held before; None if unknown.
    result: of the last call.
  """

  seconds: float
  megabytes: float | None
  result: Any


def measure(call: Callable[[], Any], *, repeats: int = 3) -> Measured:
  """Calls once to warm up where there are repeats, then times each call.

  The peak of memory is over all calls, with what the first one loads.
  """
  held = _reset_peak()
  if repeats > 1:
    call()
  times = []
  for _ in range(repeats):
    start = time.perf_counter()
    result = call()
    times.append(time.perf_counter() - start)
  peak = _status('VmHWM')
  above = None if held is None or peak is None else peak - held
  return Measured(min(times), above, result)


def _reset_peak() -> float | None:
  """Forgets the peak so far; the memory held now, in MB."""
  # What was freed before must not serve the next call unseen.
  with contextlib.suppress(OSError, AttributeError):
    ctypes.CDLL(None).malloc_trim(0)
  try:
    pathlib.Path('/proc/self/clear_refs').write_text('5')
  except OSError:
    return None
  return _status('VmRSS')


def _status(name: str) -> float | None:
  try:
    lines = pathlib.Path('/proc/self/status').read_text().splitlines()
  except OSError:
    return None
  return next(int(x.split()[1]) / 1e3 for x in lines if x.startswith(name))


def random_codes(seed: int, n: int, num_bits: int) -> np.ndarray:
  """Evenly spread codes, packed."""
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (n, num_bits // 8), np.uint8)


def structured_codes(
  seed: int, centers: np.ndarray, flip: float = 0.25
) -> np.ndarray:
  """Codes around centers -1/+1 `[n, bits]`, of which bits are flipped."""
  rng = np.random.default_rng(seed)
  flipped = rng.random(centers.shape, np.float32) < flip
  return np.where(flipped, -centers, centers).astype(np.int8)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
  """A Markdown table."""
  cells = [list(columns), *([str(x) for x in row] for row in rows)]
  widths = [max(map(len, column)) for column in zip(*cells)]
  lines = [
    '| ' + ' | '.join(x.ljust(w) for x, w in zip(row, widths)) + ' |'
    for row in cells
  ]
  lines.insert(1, '|' + '|'.join('-' * (w + 2) for w in widths) + '|')
  return '\n'.join(lines)
