"""Stages of a method: what each depends on, and the files of what it found.

A folder of stages holds

  NAME-DIGEST/config.json           all that the stage depends on but the seed
  NAME-DIGEST/seedN/arrays.npz      what it found out, written last
  NAME-DIGEST/seedN/report.json     and what is told of it
  NAME-DIGEST/seeds-A-B-.../        where these seeds are trained together
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from jaxhash.core import HashMethod, Stage, StageResult
from jaxhash.lookup import suggest
from jaxhash.training import workdir as files
from jaxhash.training.config import check_config, default_config, merge
from jaxhash.training.errors import WorkdirError

__all__ = [
  'Place',
  'check_same_data',
  'found',
  'is_finished',
  'places_of',
  'save',
  'without_method_groups',
]

ARRAYS = 'arrays.npz'
REPORT = 'report.json'
# What of a run's config is not of a stage: how the run is scored, what only its
# method has, and what can change no result. There a stage has the defaults.
NOT_OF_A_STAGE = (
  'evaluation',
  'measures',
  'ignored_labels',
  'evaluations',
  'taxonomy',
  'stages',
  'log_every',
  'eval_every',
  'checkpoint_every',
  'keep_checkpoints',
)
# A stage is of the rows of the run.
FIXED = ('seed', 'dataset', 'protocol', 'taxonomy', 'method', 'stages')


class Place(NamedTuple):
  """Where a stage of a run is.

  Attributes:
    stage: of the method.
    number: its position among the stages.
    config: all that it depends on but the seed, nested plain values.
    folder: of the stage.
  """

  stage: Stage
  number: int
  config: dict[str, Any]
  folder: pathlib.Path

  def of(self, seed: int) -> pathlib.Path:
    """The folder of what it found out for a seed."""
    return self.folder / f'seed{seed}'


def places_of(
  config: Mapping[str, Any], method: HashMethod, folder: pathlib.Path
) -> list[Place]:
  """The stages of a method, in order.

  Args:
    config: of the run, nested plain values; its seed does not count.
    method: of the config.
    folder: of all stages.

  Returns:
    The stages and where they are, or will be.

  Raises:
    ValueError: changes for a stage that there is not, or that it cannot take.
  """
  names = [stage.name for stage in method.stages]
  for name in config['stages']:
    if name not in names:
      raise ValueError(
        f'the method {config["method"]["name"]!r} has no stage {name!r}'
        f'{suggest(name, names)}; its stages: {", ".join(names) or "none"}'
      )
  places = []
  for i, stage in enumerate(method.stages):
    merged = _stage_config(config, method.stages[: i + 1])
    text = json.dumps(merged, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    places.append(Place(stage, i, merged, folder / f'{stage.name}-{digest}'))
  return places


def _stage_config(
  config: Mapping[str, Any], stages: Sequence[Stage]
) -> dict[str, Any]:
  """The config of the last of some stages, without a seed."""
  stage = stages[-1]
  changes = config['stages'].get(stage.name, {})
  name = f'stages.{stage.name}'
  if not isinstance(changes, Mapping):
    raise ValueError(f'{name} must hold settings, got {changes!r}')
  if changes and stage.method is None:
    raise ValueError(
      f'{name} trains nothing, so it takes no changes of the config; got '
      f'{dict(changes)}'
    )
  fixed = sorted(set(changes) & set(FIXED))
  if fixed:
    raise ValueError(f"{name} cannot change {fixed[0]}, which is the run's")
  default = default_config().to_dict()
  own = {name: default[name] for name in NOT_OF_A_STAGE}
  merged = ConfigDict({**config, **own})
  merged.optimizer = without_method_groups(config)
  try:
    merge(merged, changes)
  except ValueError as e:
    raise ValueError(f'{name}: {e}') from e
  merged.method = {
    'name': f'{config["method"]["name"]}, stage {stage.name}',
    'stages': {
      s.name: {
        'settings': dict(s.settings),
        'changes': dict(config['stages'].get(s.name, {})),
      }
      for s in stages
    },
  }
  plain = merged.to_dict()
  check_config({**plain, 'seed': 0})
  plain = {k: v for k, v in plain.items() if k not in ('seed', 'setting')}
  return json.loads(json.dumps(plain))


def without_method_groups(config: Mapping[str, Any]) -> dict[str, Any]:
  """The optimiser of a config, less what is of the method's parameters."""
  optimizer = config['optimizer']
  groups = optimizer.get('groups', {})
  kept = {k: v for k, v in groups.items() if k.split('/')[0] != 'method'}
  return {**optimizer, 'groups': kept}


def is_finished(place: Place, seed: int) -> bool:
  """Whether a stage was run for a seed."""
  return (place.of(seed) / ARRAYS).exists()


def save(place: Place, seed: int, result: StageResult, digest: str) -> None:
  """Saves what a stage found out from the data of a digest.

  Raises:
    RunError: a file cannot be written.
  """
  report = {'data_digest': digest, 'report': result.report}
  files.write_json(place.of(seed) / REPORT, report)
  with files.replacing(place.of(seed) / ARRAYS) as part:  # last: "finished"
    np.savez_compressed(part, **result.arrays)


def found(places: Sequence[Place], seed: int) -> StageResult:
  """All that some stages found out for a seed.

  Raises:
    WorkdirError: one of them is unfinished, or a file cannot be read.
  """
  arrays: dict[str, Any] = {}
  reports: dict[str, Any] = {}
  for place in places:
    path = place.of(seed) / ARRAYS
    if not path.exists():
      raise WorkdirError(f'there is no {path}: the stage is unfinished')
    try:
      # Of a damaged file NumPy would leave the handle open.
      with path.open('rb') as f, np.load(f) as saved:
        arrays |= {name: saved[name] for name in saved.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
      raise WorkdirError(f'{path} cannot be read: {e}') from e
    reports[place.stage.name] = _report(place.of(seed))['report']
  return StageResult(arrays, reports)


def _report(folder: pathlib.Path) -> dict[str, Any]:
  path = folder / REPORT
  try:
    saved = json.loads(path.read_text())
    return {name: saved[name] for name in ('data_digest', 'report')}
  except (OSError, ValueError, KeyError, TypeError) as e:
    raise WorkdirError(f'{path} cannot be read: {e}') from e


def check_same_data(places: Sequence[Place], seed: int, digest: str) -> None:
  """Checks that stages were run on the data of a digest.

  Raises:
    WorkdirError: one of them was not.
  """
  for place in places:
    saved = _report(place.of(seed))['data_digest']
    if saved != digest:
      raise WorkdirError(
        f'{place.of(seed)} was computed from other data [{saved}], the data '
        f'now give [{digest}]: inputs, labels or rows have changed. Remove '
        f'{place.folder}, and the stages after it, to compute them anew'
      )
