"""The folder of a run and the files in it.

config.json, parameters.txt, split.npz (split-seedN.npz of each seed, where
several are trained together), metrics.jsonl (deterministic values alone),
timing.jsonl (wall-clock values alone), checkpoints/, results.json, pictures,
and stages/, what the method has before its training.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.metadata
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from jaxhash.core import PyTree
from jaxhash.training.errors import RunError, WorkdirError

__all__ = [
  'FORMAT',
  'check_same_config',
  'claim',
  'locked',
  'parameter_overview',
  'read_config',
  'replacing',
  'seeds_of',
  'stages_folder',
  'versions',
  'write_json',
  'write_text',
]

#: Of a workdir; raised when an older one can no longer be read.
FORMAT = 4


def claim(
  workdir: pathlib.Path,
  config: Mapping[str, Any],
  *,
  stages: pathlib.Path | None = None,
) -> None:
  """Makes a folder the workdir of a config, or checks that it is.

  Args:
    workdir: made if it is not there.
    config: nested plain values.
    stages: where the stages of the run are, if not in `workdir / 'stages'`.

  Raises:
    WorkdirError: it belongs to another config (the message shows the
      difference) or another version, or has checkpoints of an unknown config.
    RunError: it cannot be written.
  """
  path = workdir / 'config.json'
  if path.exists():
    check_same_config(read_config(workdir), config, workdir)
    return
  if (workdir / 'checkpoints').exists():
    raise WorkdirError(
      f'{workdir} has checkpoints, but no config.json that says of what; name '
      'another --workdir'
    )
  saved = {'format': FORMAT, 'versions': versions(), 'config': config}
  if stages is not None:
    saved['stages'] = os.path.relpath(stages, workdir)
  write_json(path, saved)


def seeds_of(workdir: pathlib.Path) -> list[int]:
  """The seeds that a run trains: one, or several together.

  Raises:
    WorkdirError: as for `read_config`.
  """
  seeds = read_config(workdir)['seed']
  return seeds if isinstance(seeds, list) else [seeds]


def stages_folder(workdir: pathlib.Path) -> pathlib.Path:
  """Where the stages of a run are: its own, or those of a whole table.

  Raises:
    WorkdirError: as for `read_config`.
  """
  return workdir / _read(workdir).get('stages', 'stages')


def check_same_config(
  saved: Mapping[str, Any], config: Mapping[str, Any], path: pathlib.Path
) -> None:
  """Checks that what is there was made by the config that is given.

  Args:
    saved: the config that it was made by.
    config: the config that is given, nested plain values.
    path: what is there.

  Raises:
    WorkdirError: they differ; the message shows in what.
  """
  there, given = _flatten(saved), _flatten(json.loads(json.dumps(config)))
  lines = [
    f'  {key}: {there.get(key, "(absent)")!r} there, '
    f'{given.get(key, "(absent)")!r} given'
    for key in sorted(there.keys() | given.keys())
    if there.get(key, '(absent)') != given.get(key, '(absent)')
  ]
  if lines:
    raise WorkdirError(
      f'{path} is of another config:\n'
      + '\n'.join(lines)
      + '\nname another --workdir, or give the config of this one'
    )


def read_config(workdir: pathlib.Path) -> dict[str, Any]:
  """The config of a workdir, as nested plain values.

  Raises:
    WorkdirError: there is none, or it is of another version.
  """
  return _read(workdir)['config']


def _read(workdir: pathlib.Path) -> dict[str, Any]:
  path = workdir / 'config.json'
  if not path.exists():
    raise WorkdirError(f'{workdir} is not a workdir: it has no config.json')
  try:
    saved = json.loads(path.read_text())
  except (OSError, ValueError) as e:
    raise WorkdirError(f'{path} cannot be read: {e}') from e
  if not isinstance(saved, dict):
    raise WorkdirError(f'{path} cannot be read: it holds no JSON object')
  if saved.get('format') != FORMAT:
    raise WorkdirError(
      f'{workdir} has format {saved.get("format")} of jaxhash '
      f'{saved.get("versions", {}).get("jaxhash", "(unknown)")}; this is '
      f'format {FORMAT} of jaxhash {versions()["jaxhash"]}: name another '
      '--workdir, or use that version'
    )
  return saved


def versions() -> dict[str, str]:
  """Versions of the packages that decide a result, and our git commit."""
  names = ('jaxhash', 'jax', 'jaxlib', 'flax', 'optax', 'numpy')
  found = {}
  for name in names:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      found[name] = '(not installed)'
  return {**found, 'commit': _commit()}


@functools.cache
def _commit() -> str:
  """The commit of a checkout of jaxhash; empty for an installed package."""
  checkout = pathlib.Path(__file__).parents[2]
  if not (checkout / '.git').exists():
    return ''
  with contextlib.suppress(OSError, subprocess.CalledProcessError):
    return subprocess.run(
      # Without locks: killed, git would leave one in the user's checkout.
      [
        'git',
        '--no-optional-locks',
        'describe',
        '--always',
        '--dirty',
        '--abbrev=40',
        '--exclude=*',
      ],
      cwd=checkout,
      capture_output=True,
      text=True,
      check=True,
    ).stdout.strip()
  return ''


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Gives a path to write to, which takes the place of `path` in the end.

  So that a file is written whole or not at all, whatever happens.

  Raises:
    RunError: it cannot be written; a file of before is untouched.
  """
  # Two processes do not write the same one; the suffix stays.
  part = path.with_name(f'.{os.getpid()}.{path.name}')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    yield part
    with part.open('rb') as f:
      os.fsync(f.fileno())
    part.replace(path)
  except OSError as e:
    raise RunError(f'cannot write {path}: {e.strerror or e}') from e
  finally:
    with contextlib.suppress(OSError):
      part.unlink()


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a text file whole or not at all.

  Raises:
    RunError: it cannot be written; a file of before is untouched.
  """
  with replacing(path) as part:
    part.write_text(text)


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes a JSON file whole or not at all.

  Raises:
    RunError: it cannot be written; a file of before is untouched.
  """
  write_text(path, json.dumps(value, indent=2) + '\n')


@contextlib.contextmanager
def locked(workdir: pathlib.Path) -> Iterator[None]:
  """Holds a workdir, so that no other process works in it meanwhile.

  Raises:
    WorkdirError: another process does.
    RunError: it cannot be written.
  """
  path = workdir / '.lock'
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    f = path.open('w')
  except OSError as e:
    raise RunError(f'cannot write {path}: {e.strerror}') from e
  with f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
      raise WorkdirError(f'another process works in {workdir}') from e
    yield  # closing the file, or the end of the process, gives it free


def parameter_overview(params: PyTree) -> str:
  """A table of all parameters: path, shape, dtype, size.

  Example:
    >>> import numpy as np
    >>> print(parameter_overview({'w': np.zeros((2, 3), np.float32)}))
    w  (2, 3)  float32  6
    total  6
  """
  leaves = jax.tree_util.tree_flatten_with_path(params)[0]
  lines = [
    f'{jax.tree_util.keystr(path, simple=True, separator="/")}  '
    f'{tuple(leaf.shape)}  {leaf.dtype}  {leaf.size}'
    for path, leaf in leaves
  ]
  total = sum(leaf.size for _, leaf in leaves)
  return '\n'.join([*lines, f'total  {total}'])


def _flatten(tree: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
  flat: dict[str, Any] = {}
  for key, value in tree.items():
    if isinstance(value, Mapping) and value:
      flat.update(_flatten(value, f'{prefix}{key}.'))
    else:
      flat[prefix + key] = value
  return flat
