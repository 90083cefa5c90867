"""The logs of a run: files of JSON lines, one record a line."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxhash.training.errors import RunError
from jaxhash.training.workdir import write_text

__all__ = ['METRICS', 'TIMING', 'append', 'read', 'truncate']

#: The file of the metrics, a JSON object a line.
METRICS = 'metrics.jsonl'
#: The file of the times, likewise.
TIMING = 'timing.jsonl'


def append(path: pathlib.Path, record: Mapping[str, Any]) -> None:
  """Appends one record to a file of JSON lines; NaN is written as null.

  Raises:
    RunError: it cannot be written.
  """
  plain = {k: _plain(v) for k, v in record.items()}
  try:
    with path.open('a') as f:
      f.write(json.dumps(plain) + '\n')
  except OSError as e:
    raise RunError(f'cannot write {path}: {e.strerror}') from e


def read(path: pathlib.Path) -> list[dict[str, Any]]:
  """The whole records of a file of JSON lines; a torn last line is left out."""
  records = []
  if path.exists():
    for line in path.read_text().splitlines():
      try:
        records.append(json.loads(line))
      except json.JSONDecodeError:
        break
  return records


def truncate(path: pathlib.Path, step: int) -> None:
  """Keeps the records up to a step, those that a restored state has seen."""
  if not path.exists():
    return
  kept = [r for r in read(path) if r['step'] <= step]
  write_text(path, ''.join(json.dumps(r) + '\n' for r in kept))


def _plain(value: Any) -> Any:
  if isinstance(value, list):  # of the seeds that are trained together
    return [_plain(v) for v in value]
  if isinstance(value, str | bool | int | None):
    return value
  number = float(np.asarray(value))
  return number if np.isfinite(number) else None
