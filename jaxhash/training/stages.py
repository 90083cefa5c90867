"""The stages before a run: each done once, saved, and found again."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.sharding import Mesh

from jaxhash.core import HashMethod, Stage, StageResult, Variables
from jaxhash.training import workdir as files
from jaxhash.training.config import check_config, default_config
from jaxhash.training.encode import RowEncoder
from jaxhash.training.errors import WorkdirError
from jaxhash.training.experiment import Experiment, build, build_method
from jaxhash.training.loop import train, train_seeds
from jaxhash.training.tasks import seed_state

__all__ = ['check_run', 'prepare', 'prepare_seeds']

ARRAYS = 'arrays.npz'
REPORT = 'report.json'


def prepare(
  config: Mapping[str, Any],
  workdir: pathlib.Path,
  *,
  mesh: Mesh | None = None,
  run_stages: bool = True,
  progress: bool = False,
  say: Callable[[str], None] = logging.info,
) -> Experiment:
  """Builds a run from a config, after the stages that its method has.

  A stage that trains is a run of its own in `stages/NAME` of the workdir, with
  the config of the run and the changes in `config['stages'][NAME]`. What a
  stage finds out is saved there as arrays.npz and report.json; a finished one
  is not run again, an interrupted one goes on.

  Args:
    config: as for `build`.
    workdir: of the run; made if a stage has to be run.
    mesh: the devices; all of them by default.
    run_stages: False: only load what was found before.
    progress: whether to show progress bars.
    say: takes a line of text now and then.

  Returns:
    The run.

  Raises:
    ValueError: as for `build`; or changes for a stage that there is not.
    WorkdirError: with `run_stages=False`, a stage has not been run.
    RunError: as for `train`.

  Example:
    >>> from jaxhash.training.config import check_config, default_config
    >>> import tempfile
    >>> config = default_config().to_dict()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   experiment = prepare(config, pathlib.Path(folder))
    >>> experiment.num_steps  # no stages: the same as build(config)
    210
  """
  (experiment,) = prepare_seeds(
    config,
    [config['seed']],
    workdir / 'stages',
    mesh=mesh,
    run_stages=run_stages,
    progress=progress,
    say=say,
  )
  return experiment


def prepare_seeds(
  config: Mapping[str, Any],
  seeds: Sequence[int],
  folder: pathlib.Path,
  *,
  shared: bool = False,
  mesh: Mesh | None = None,
  run_stages: bool = True,
  progress: bool = False,
  say: Callable[[str], None] = logging.info,
) -> list[Experiment]:
  """Builds the same run for several seeds; stages are trained together.

  Args:
    config: as for `build`; its seed does not count.
    seeds: of the runs.
    folder: of the stages.
    shared: whether other runs have their stages there too. Those that agree
      in all that a stage depends on, bits of the code are not of it for SHC's
      classifier, then share it.
    mesh: the devices; all of them by default.
    run_stages: as for `prepare`.
    progress: as for `prepare`.
    say: as for `prepare`.

  Returns:
    The runs, in the order of the seeds.

  Raises:
    ValueError: as for `prepare`.
    WorkdirError: as for `prepare`.
    RunError: as for `train`.
  """
  method = build_method(config)
  names = [stage.name for stage in method.stages]
  unknown = sorted(set(config['stages']) - set(names))
  if unknown:
    raise ValueError(
      f'the method {config["method"]["name"]!r} has no stage {unknown[0]!r}; '
      f'its stages: {", ".join(names) or "none"}'
    )
  configs = [
    _stage_config(config, method.stages[: i + 1], seeds)
    for i in range(len(method.stages))
  ]
  found = [StageResult({}, {}) for _ in seeds]
  for i, (stage, changed) in enumerate(zip(method.stages, configs)):
    name = f'{stage.name}-{_digest(changed)}' if shared else stage.name
    places = _places(folder / name, seeds)
    done = all((place / ARRAYS).exists() for place in places)
    if not done and not run_stages:
      raise WorkdirError(f'{folder / name} has no {ARRAYS}: it is unfinished')
    if done and run_stages:
      files.claim(folder / name, changed)
    if not done:
      experiments = [
        build(
          {**changed, 'seed': seed},
          mesh=mesh,
          method=stage.method or _untrained(),
          arrays=before.arrays,
        )
        for seed, before in zip(seeds, found)
      ]
      files.claim(folder / name, changed)  # nothing is wrong with it by now
      say(f'stage {stage.name}, in {folder / name}')
      rows = _train(stage, experiments, folder / name, progress, say)
      for experiment, place, encoded in zip(experiments, places, rows):
        key = jax.random.key(experiment.config['seed'])
        key = jax.random.fold_in(key, 3 + i)
        _save(place, stage.run(key, experiment.info, encoded))
    found = [
      _joined(before, stage.name, _load(place))
      for before, place in zip(found, places)
    ]
  return [
    build({**config, 'seed': seed}, mesh=mesh, arrays=result.arrays)._replace(
      stage_reports=result.report
    )
    for seed, result in zip(seeds, found)
  ]


def check_run(config: Mapping[str, Any]) -> None:
  """Checks a config as far as can be without running its stages.

  Args:
    config: as for `build`.

  Raises:
    ValueError: as for `build`.
  """
  method = build_method(config)
  if not method.stages:
    build(config)
    return
  stage = method.stages[0]
  changed = _stage_config(config, [stage], [config['seed']])
  build(changed, method=stage.method or _untrained())


def _stage_config(
  config: Mapping[str, Any], stages: Sequence[Stage], seeds: Sequence[int]
) -> dict[str, Any]:
  """The config of the last of some stages: all that it depends on."""
  stage = stages[-1]
  changes = dict(config['stages'].get(stage.name, {}))
  if changes and stage.method is None:
    raise ValueError(
      f'stages.{stage.name} trains nothing, so it takes no changes of the '
      f'config; got {changes}'
    )
  default = default_config().to_dict()
  # How the run is scored is not of a stage, nor is what only its method has.
  unscored = ('evaluation', 'measures', 'evaluations', 'stages')
  merged = {**config, **{name: default[name] for name in unscored}}
  optimizer = dict(merged['optimizer'])
  optimizer['groups'] = {
    k: v for k, v in optimizer['groups'].items() if k.split('/')[0] != 'method'
  }
  merged['optimizer'] = optimizer
  merged['method'] = {
    'name': f'{config["method"]["name"]}, stage {stage.name}',
    'stages': {s.name: dict(s.settings) for s in stages},
  }
  for name, value in changes.items():
    known = merged.get(name)
    merged[name] = (
      {**known, **value}
      if isinstance(known, Mapping) and isinstance(value, Mapping)
      else value
    )
  check_config({**merged, 'seed': seeds[0]})
  merged['seed'] = seeds[0] if len(seeds) == 1 else list(seeds)
  return merged


def _train(
  stage: Stage,
  experiments: Sequence[Experiment],
  folder: pathlib.Path,
  progress: bool,
  say: Callable[[str], None],
) -> list[np.ndarray | None]:
  """What a stage wants of the train rows, for each seed."""
  if stage.method is None:
    return [None for _ in experiments]
  if len(experiments) == 1:
    states = [train(experiments[0], folder, progress=progress, say=say)]
  else:
    together = train_seeds(experiments, folder, progress=progress, say=say)
    states = [seed_state(together, i) for i in range(len(experiments))]
  wanted = stage.method._replace(encode=stage.rows)
  encode = RowEncoder(experiments[0]._replace(method=wanted), progress=progress)
  return [
    encode.of(e)(state, e.split.train).codes
    for e, state in zip(experiments, states)
  ]


def _places(folder: pathlib.Path, seeds: Sequence[int]) -> list[pathlib.Path]:
  """Where the results of each seed are."""
  if len(seeds) == 1:
    return [folder]
  return [folder / f'seed{seed}' for seed in seeds]


def _save(folder: pathlib.Path, result: StageResult) -> None:
  files.write_json(folder / REPORT, result.report)
  with files.replacing(folder / ARRAYS) as part:  # last: it says "finished"
    np.savez_compressed(part, **result.arrays)


def _load(folder: pathlib.Path) -> StageResult:
  try:
    with np.load(folder / ARRAYS) as arrays:
      values = {name: arrays[name] for name in arrays.files}
    return StageResult(values, json.loads((folder / REPORT).read_text()))
  except (OSError, ValueError) as e:
    raise WorkdirError(f'{folder / ARRAYS} cannot be read: {e}') from e


def _joined(before: StageResult, name: str, now: StageResult) -> StageResult:
  return StageResult(
    {**before.arrays, **now.arrays}, {**before.report, name: now.report}
  )


def _digest(config: Mapping[str, Any]) -> str:
  text = json.dumps(config, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:8]


def _untrained() -> HashMethod:
  """Stands where a stage trains nothing: its loss is never asked for."""

  def no_loss(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError('this stage trains nothing')

  return HashMethod(1, lambda key, info: Variables(), no_loss)
