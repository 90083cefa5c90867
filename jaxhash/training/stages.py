"""The stages before a run: each done once, saved, and found again."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.sharding import Mesh

from jaxhash.core import HashMethod, Variables
from jaxhash.data.splits import data_digest
from jaxhash.training import workdir as files
from jaxhash.training.config import check_config
from jaxhash.training.encode import RowEncoder
from jaxhash.training.experiment import (
  Experiment,
  build,
  build_method,
  loading_once,
)
from jaxhash.training.groups import group_config, group_folder, seed_groups
from jaxhash.training.loop import train_seeds
from jaxhash.training.stage_files import (
  Place,
  check_same_data,
  found,
  is_finished,
  places_of,
  save,
  without_method_groups,
)

__all__ = ['check_run', 'prepare', 'prepare_seeds']

ROWS_AT_A_TIME = 4096


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

  A stage that trains is a run of its own, with the config of the run and the
  changes in `config['stages'][NAME]`, in the folder `stages` of the workdir.
  How often it logs and saves is the default, if not changed there. What it
  finds out is saved; a finished stage is not run again, an interrupted one
  goes on.

  Args:
    config: as for `build`.
    workdir: of the run; made if the method has stages.
    mesh: the devices; all of them by default.
    run_stages: False: only load what was found before.
    progress: whether to show progress bars.
    say: takes a line of text now and then.

  Returns:
    The run.

  Raises:
    ValueError: as for `build`; or changes for a stage that there is not.
    WorkdirError: the workdir is another run's, or another process runs its
      stages; what a stage found cannot be read, or is of other data; or, with
      `run_stages=False`, it has not been run.
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
  check_config(config)
  (experiment,) = prepare_seeds(
    config,
    [config['seed']],
    workdir,
    mesh=mesh,
    run_stages=run_stages,
    progress=progress,
    say=say,
  )
  return experiment


def prepare_seeds(
  config: Mapping[str, Any],
  seeds: Sequence[int],
  workdir: pathlib.Path,
  *,
  stages: pathlib.Path | None = None,
  mesh: Mesh | None = None,
  run_stages: bool = True,
  progress: bool = False,
  say: Callable[[str], None] = logging.info,
) -> list[Experiment]:
  """Builds the same run for several seeds; stages are trained together.

  Args:
    config: as for `build`; its seed does not count.
    seeds: of the runs.
    workdir: where they are, or will be, trained together.
    stages: folder of the stages; that of the workdir by default. Runs whose
      stages are in one folder share those that agree in all that they depend
      on: the bits of the code are not of it for SHC's classifier.
    mesh: as for `prepare`.
    run_stages: as for `prepare`.
    progress: as for `prepare`.
    say: as for `prepare`.

  Returns:
    The runs, in the order of the seeds.

  Raises:
    ValueError: as for `prepare`.
    WorkdirError: as for `prepare`.
    RunError: as for `train`.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> config = default_config().to_dict()
    >>> runs = prepare_seeds(config, [0, 1], pathlib.Path('not-made'))
    >>> [run.config['seed'] for run in runs]
    [0, 1]
  """
  check_config({**config, 'seed': seeds[0]})
  method = build_method(config)
  if method.stages and not run_stages:
    # How a run is scored, and where its data are, may be otherwise by now.
    trained = files.read_config(workdir)
    places = places_of(trained, method, files.stages_folder(workdir))
  else:
    places = places_of(config, method, stages or workdir / 'stages')
  make = functools.partial(build, mesh=mesh, load=loading_once())
  if places and run_stages:
    check_run({**config, 'seed': seeds[0]}, make=make)
    files.claim(workdir, group_config(config, seeds), stages=stages)
    with files.locked(places[0].folder.parent):
      for i in range(len(places)):
        _run_stage(places[: i + 1], seeds, make, progress, say)
  runs = []
  for seed in seeds:
    known = found(places, seed)
    run = make({**config, 'seed': seed}, arrays=known.arrays)
    check_same_data(places, seed, data_digest(run.split, run.dataset))
    runs.append(run._replace(stage_reports=known.report))
  return runs


def check_run(
  config: Mapping[str, Any], *, make: Callable[..., Experiment] = build
) -> Experiment:
  """Checks a config as far as can be without running its stages.

  Args:
    config: as for `build`.
    make: called like `build`.

  Returns:
    The run; of a method that has stages, without the method's variables.

  Raises:
    ValueError: as for `build`.

  Example:
    >>> from jaxhash.training.config import default_config
    >>> check_run({**default_config().to_dict(), 'batch_size': 130.5})
    Traceback (most recent call last):
      ...
    ValueError: batch_size must be a whole number of at least 1, got 130.5
  """
  check_config(config)
  method = build_method(config)
  places = places_of(config, method, pathlib.Path())
  if not places:
    return make(config)
  run = make(
    {**config, 'optimizer': without_method_groups(config)},
    method=method._replace(init=lambda key, info: Variables()),
  )
  for place in places:
    place.stage.check(run.info)
  first = places[0]
  make(
    {**first.config, 'seed': config['seed']},
    method=first.stage.method or _untrained(),
  )
  return run


def _run_stage(
  places: Sequence[Place],
  seeds: Sequence[int],
  make: Callable[..., Experiment],
  progress: bool,
  say: Callable[[str], None],
) -> None:
  """Runs the last of some stages, for the seeds that have not had it."""
  *before, place = places
  missing = [seed for seed in seeds if not is_finished(place, seed)]
  if not missing:
    return
  say(f'stage {place.stage.name}, in {place.folder}')
  groups = [[seed] for seed in missing]
  if place.stage.method is not None:
    groups = seed_groups(place.folder, missing)
  for group in groups:
    experiments = [
      make(
        {**place.config, 'seed': seed},
        method=place.stage.method or _untrained(),
        arrays=found(before, seed).arrays,
      )
      for seed in group
    ]
    digests = [data_digest(e.split, e.dataset) for e in experiments]
    for seed, digest in zip(group, digests):
      check_same_data(before, seed, digest)
    files.claim(place.folder, place.config)
    for experiment, rows in _rows(place, experiments, progress, say):
      seed = experiment.config['seed']
      key = jax.random.fold_in(jax.random.key(seed), 3 + place.number)
      result = place.stage.run(key, experiment.info, rows)
      save(place, seed, result, digests[group.index(seed)])


def _rows(
  place: Place,
  experiments: Sequence[Experiment],
  progress: bool,
  say: Callable[[str], None],
) -> Iterator[tuple[Experiment, np.ndarray | None]]:
  """The seeds that are not finished, and what their stage wants of the rows."""
  stage = place.stage
  if stage.method is None:
    for experiment in experiments:
      yield experiment, _inputs(experiment) if stage.wants_inputs else None
    return
  workdir = group_folder(place.folder, [e.config['seed'] for e in experiments])
  states = train_seeds(experiments, workdir, progress=progress, say=say)
  wanted = stage.method._replace(encode=stage.rows)
  encode = RowEncoder(experiments[0]._replace(method=wanted), progress=progress)
  for experiment, state in zip(experiments, states):
    if not is_finished(place, experiment.config['seed']):
      rows = encode.of(experiment)(state, experiment.split.train)
      yield experiment, rows.codes


def _inputs(experiment: Experiment) -> np.ndarray:
  """The train rows as they are prepared for encoding."""
  pipeline, train = experiment.pipeline, experiment.split.train
  blocks = np.array_split(train, max(1, len(train) // ROWS_AT_A_TIME))
  return np.concatenate(
    [
      np.asarray(
        pipeline.preprocess(
          pipeline.data, np.asarray(experiment.dataset.inputs[rows])
        )
      )
      for rows in blocks
    ]
  )


def _untrained() -> HashMethod:
  """Stands where a stage trains nothing: its loss is never asked for."""

  def no_loss(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError('this stage trains nothing')

  return HashMethod(1, lambda key, info: Variables(), no_loss)
