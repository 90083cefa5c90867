"""Seeds of a run that are trained together, and the folders of such groups."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ['FAILED', 'group_config', 'group_folder', 'seed_groups']

#: The file that says why the seeds of a group cannot go on together.
FAILED = 'failed.txt'


def group_config(
  config: Mapping[str, Any], seeds: Sequence[int]
) -> dict[str, Any]:
  """The config of a group: its seed is a list, where there are several."""
  return {**config, 'seed': seeds[0] if len(seeds) == 1 else list(seeds)}


def group_folder(folder: pathlib.Path, seeds: Sequence[int]) -> pathlib.Path:
  """Where a group of seeds is trained.

  Example:
    >>> group_folder(pathlib.Path('runs'), [0, 1]).name
    'seeds-0-1'
  """
  return folder / '-'.join(['seeds', *map(str, seeds)])


def seed_groups(
  folder: pathlib.Path, seeds: Sequence[int], *, most: int | None = None
) -> list[list[int]]:
  """Which seeds to train together: first those that were begun, as they were.

  A group is begun once it has a checkpoint, and has not failed.

  Args:
    folder: of the groups.
    seeds: wanted.
    most: seeds in a new group at most; None for all.

  Returns:
    Groups that have all wanted seeds, and others that they were begun with.
  """
  begun = []
  for path in folder.glob('seeds-*'):
    saved = any(p.name.isdigit() for p in path.glob('checkpoints/*'))
    named = re.fullmatch(r'seeds(-\d+)+', path.name)
    if named and saved and not (path / FAILED).exists():
      begun.append([int(seed) for seed in path.name.split('-')[1:]])
  groups, left = [], list(seeds)
  for group in sorted(begun, key=lambda group: (len(group), group)):
    if set(group) & set(left):
      groups.append(group)
      left = [seed for seed in left if seed not in group]
  most = most or len(left) or 1
  return groups + [left[i : i + most] for i in range(0, len(left), most)]
