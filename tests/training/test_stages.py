"""Stages before a run: done once, saved, found again, and trained together."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxhash import encoders, training
from jaxhash.core import (
  Aux,
  HashMethod,
  Stage,
  StageResult,
  Variables,
)
from jaxhash.methods.cross_entropy import cross_entropy
from jaxhash.training import WorkdirError, stage_files, tasks
from jaxhash.training import stages as stages_module
from jaxhash.training import workdir as files
from jaxhash.training.experiment import build_method
from tests.configs import small
from tests.method_suite import assert_bitwise_equal

MODULE = 'tests.training.test_stages'


def counting(num_bits, factor=2):
  """Two stages: one trains, the other computes from what the first found."""
  trained = cross_entropy(num_bits)

  def first(key, info, rows):
    return StageResult({'mean': rows.mean(axis=0)}, {'rows': len(rows)})

  def second(key, info, rows):
    assert rows is None
    noise = jax.random.uniform(key, (num_bits,))
    start = factor * info.arrays['mean'] + np.asarray(noise)
    return StageResult({'start': start}, {'noise': float(noise[0])})

  def init(key, info):
    return Variables(params={'start': jax.numpy.asarray(info.arrays['start'])})

  def loss(variables, outputs, batch, *, key, step):
    away = outputs.logits - variables.params['start'][None]
    return (away**2).mean(), Aux({})

  return HashMethod(
    num_bits,
    init,
    loss,
    stages=(
      Stage('first', first, method=trained, rows=lambda v, o: o.logits),
      Stage('second', second, settings={'factor': factor}),
    ),
  )


def folder_of(stages, name):
  """Of the only stage of that name."""
  (folder,) = stages.glob(f'{name}-*')
  return folder


def config_of(name='counting', seed=0, **changes):
  config = small.get_config().to_dict()
  config['method'] = {'name': f'{MODULE}:{name}', 'num_bits': 8}
  if name == 'counting':
    config['stages'] = {'first': {'checkpoint_every': 3}}
  return {**config, 'seed': seed, **changes}


def looking(num_bits, wanted=True):
  """A stage that trains nothing and looks at the inputs."""

  def look(key, info, rows):
    if not wanted:
      assert rows is None
      return StageResult({'seen': np.zeros(1)}, {})
    return StageResult({'seen': rows}, {'rows': len(rows)})

  def loss(variables, outputs, batch, *, key, step):
    return (outputs.logits**2).mean(), Aux({})

  stage = Stage('look', look, wants_inputs=wanted)
  return HashMethod(
    num_bits, lambda key, info: Variables(), loss, stages=(stage,)
  )


def test_a_stage_that_trains_nothing_may_look_at_the_inputs(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(stages_module, 'ROWS_AT_A_TIME', 7)
  run = training.prepare(config_of('looking'), tmp_path)
  pipeline, rows = run.pipeline, run.split.train
  expected = pipeline.preprocess(pipeline.data, run.dataset.inputs[rows])
  seen = run.info.arrays['seen']
  np.testing.assert_allclose(seen, expected, rtol=1e-6)
  assert seen.dtype == np.float32 and len(seen) == len(rows)
  config = config_of('looking')
  config['method']['wanted'] = False
  training.prepare(config, tmp_path / 'other')


def test_stages_are_run_once_and_found_again(tmp_path):
  said = []
  experiment = training.prepare(config_of(), tmp_path, say=said.append)
  assert [line.split(',')[0] for line in said] == [
    'stage first',
    'stage second',
  ]
  first, second = (
    folder_of(tmp_path / 'stages', name) for name in ('first', 'second')
  )
  assert (first / 'seeds-0' / 'checkpoints').is_dir()
  assert not (second / 'seeds-0').exists()
  start = np.load(second / 'seed0' / 'arrays.npz')['start']
  np.testing.assert_array_equal(experiment.variables.params['start'], start)
  np.testing.assert_array_equal(experiment.info.arrays['start'], start)
  assert experiment.stage_reports['first'] == {'rows': 48}
  saved = json.loads((second / 'seed0' / 'report.json').read_text())['report']
  assert experiment.stage_reports['second'] == saved

  again = training.prepare(config_of(), tmp_path, say=said.append)
  assert len(said) == 2
  np.testing.assert_array_equal(again.variables.params['start'], start)
  found = training.prepare(config_of(), tmp_path, run_stages=False)
  np.testing.assert_array_equal(found.variables.params['start'], start)
  state = training.train(found, tmp_path)
  results = training.write_report(
    found, state, training.RowEncoder(found), tmp_path, pictures=False
  )
  assert results['stages']['second'] == saved


def test_an_interrupted_stage_goes_on_bit_for_bit(tmp_path):
  training.prepare(config_of(), tmp_path / 'whole')
  shutil.copytree(tmp_path / 'whole', tmp_path / 'parts')
  first = folder_of(tmp_path / 'parts' / 'stages', 'first')
  shutil.rmtree(folder_of(tmp_path / 'parts' / 'stages', 'second'))
  (first / 'seed0' / 'arrays.npz').unlink()
  shutil.rmtree(first / 'seeds-0' / 'checkpoints' / '6')
  said = []
  training.prepare(config_of(), tmp_path / 'parts', say=said.append)
  assert 'going on from step 3' in said
  for name in ('first', 'second'):
    whole, parts = (
      np.load(folder_of(tmp_path / run / 'stages', name) / 'seed0/arrays.npz')
      for run in ('whole', 'parts')
    )
    for key in whole.files:
      np.testing.assert_array_equal(whole[key], parts[key])


def test_a_stage_that_is_missing(tmp_path):
  with pytest.raises(WorkdirError, match='is not a workdir'):
    training.prepare(config_of(), tmp_path, run_stages=False)
  assert not (tmp_path / 'stages').exists()
  training.prepare(config_of(), tmp_path)
  path = folder_of(tmp_path / 'stages', 'second') / 'seed0' / 'arrays.npz'
  path.unlink()
  with pytest.raises(WorkdirError, match=r'no .*arrays.npz: the stage is unf'):
    training.prepare(config_of(), tmp_path, run_stages=False)


def test_a_damaged_file_of_a_stage_is_named(tmp_path):
  training.prepare(config_of(), tmp_path)
  folder = folder_of(tmp_path / 'stages', 'first') / 'seed0'
  for name in ('report.json', 'arrays.npz'):
    whole = (folder / name).read_bytes()
    for damaged in (b'', b'x', whole[: len(whole) // 2], b'{}'):
      (folder / name).write_bytes(damaged)
      with pytest.raises(WorkdirError, match=f'{name} cannot be read'):
        training.prepare(config_of(), tmp_path)
    (folder / name).write_bytes(whole)
  training.prepare(config_of(), tmp_path)


def test_a_workdir_of_another_config_is_noticed_before_its_stages(tmp_path):
  plain = small.get_config().to_dict()
  training.train(training.build(plain), tmp_path / 'plain')
  said = []
  with pytest.raises(WorkdirError, match='is of another config'):
    training.prepare(config_of(), tmp_path / 'plain', say=said.append)
  training.prepare(config_of(), tmp_path / 'run')
  for other in (config_of(epochs=4), config_of(evaluation={'at': 5})):
    with pytest.raises(WorkdirError, match='is of another config'):
      training.prepare(other, tmp_path / 'run', say=said.append)
  assert not said


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'evaluation': {'ties': 'foo'}}, 'foo'),
    ({'measures': {'hierarchical_at': [5]}}, 'needs taxonomy'),
    ({'evaluations': {'x': {'measures': {'at': 1}}}}, "'at'"),
    ({'batch_size': 7}, 'batch_size'),
    ({'optimizer': {'groups': {'encoder/none': {}}}}, 'encoder/none'),
  ],
)
def test_what_is_wrong_is_noticed_before_the_stages(changes, message, tmp_path):
  said = []
  config = ConfigDict(config_of())
  training.merge(config, changes)
  with pytest.raises(ValueError, match=message):
    training.prepare(config.to_dict(), tmp_path / 'run', say=said.append)
  assert not said and not (tmp_path / 'run').exists()


def test_stages_of_other_data_are_not_taken(tmp_path):
  rng = np.random.default_rng(0)
  data = tmp_path / 'data'
  data.mkdir()
  np.save(data / 'inputs.npy', rng.normal(size=(120, 6)).astype(np.float32))
  labels = np.repeat(np.arange(3), 40)
  np.save(data / 'labels.npy', labels)
  config = config_of(dataset={'name': 'arrays', 'folder': str(data)})
  training.prepare(config, tmp_path / 'run')
  stages = tmp_path / 'run' / 'stages'
  first, second = (folder_of(stages, name) for name in ('first', 'second'))
  np.save(data / 'labels.npy', labels[::-1].copy())
  with pytest.raises(WorkdirError, match=r'first.* computed from other data'):
    training.prepare(config, tmp_path / 'run')
  # Nor does a later stage go on from them.
  shutil.rmtree(second)
  with pytest.raises(WorkdirError, match=r'first.* computed from other data'):
    training.prepare(config, tmp_path / 'run')
  assert not second.exists()
  shutil.rmtree(first)
  training.prepare(config, tmp_path / 'run')
  # Other inputs of the same labels, where the second stage alone is left.
  inputs = np.load(data / 'inputs.npy')
  np.save(data / 'inputs.npy', inputs + 1)
  shutil.rmtree(first)
  with pytest.raises(WorkdirError, match=r'second.* computed from other data'):
    training.prepare(config, tmp_path / 'run')


def test_a_run_with_stages_is_scored_in_another_way(tmp_path):
  experiment = training.prepare(config_of(), tmp_path / 'run')
  state = training.train(experiment, tmp_path / 'run')
  tree = tmp_path / 'tree.json'
  chains = {name: [name, 'all'] for name in experiment.dataset.class_names}
  tree.write_text(json.dumps({'classes': list(chains), 'chains': chains}))
  other = config_of(
    taxonomy=str(tree), measures={'hierarchical_at': [5]}, log_every=7
  )
  again = training.prepare(other, tmp_path / 'run', run_stages=False)
  restored = training.restore(again, tmp_path / 'run')
  assert_bitwise_equal(state, restored)
  encode = training.RowEncoder(again)
  results = training.evaluate(again, restored, encode)
  assert 'mAHP@5' in results['query_database']


def test_two_processes_do_not_run_the_same_stages(tmp_path):
  (tmp_path / 'stages').mkdir()
  with (
    files.locked(tmp_path / 'stages'),
    pytest.raises(WorkdirError, match='another process works in'),
  ):
    training.prepare(config_of(), tmp_path)


def test_changes_of_a_stage(tmp_path):
  config = config_of(
    stages={'first': {'epochs': 1, 'optimizer': {'learning_rate': 0.5}}}
  )
  training.prepare(config, tmp_path)
  first = folder_of(tmp_path / 'stages', 'first')
  assert training.read_config(first)['epochs'] == 1
  saved = training.read_config(first / 'seeds-0')
  assert saved['epochs'] == 1
  assert saved['optimizer'] == {**config['optimizer'], 'learning_rate': 0.5}
  for stages, message in (
    ({'third': {}}, r"has no stage 'third'; its stages: first, second"),
    ({'second': {'epochs': 1}}, r'stages.second trains nothing'),
    ({'first': {'epoch': 1}}, "unknown config entry 'epoch'"),
    ({'first': 3}, r'stages.first must hold settings, got 3'),
    ({'first': {'encoder': 3}}, r'stages.first: encoder must hold settings'),
    ({'first': {'epochs': 'x'}}, r"stages.first: epochs cannot become 'x'"),
    ({'first': {'dataset': {}}}, r'stages.first cannot change dataset'),
  ):
    with pytest.raises(ValueError, match=message):
      training.prepare(config_of(stages=stages), tmp_path / 'other')
  with pytest.raises(ValueError, match='its stages: none'):
    training.prepare(
      {**small.get_config().to_dict(), 'stages': {'x': {}}}, tmp_path / 'none'
    )


def test_another_encoder_of_a_stage_drops_the_arguments(tmp_path):
  config = config_of(stages={'first': {'encoder': {'name': 'mlp'}}})
  training.prepare(config, tmp_path / 'same')
  saved = training.read_config(folder_of(tmp_path / 'same' / 'stages', 'first'))
  assert saved['encoder'] == config['encoder']
  config['stages']['first']['encoder']['name'] = f'{MODULE}:linear_encoder'
  training.prepare(config, tmp_path / 'other')
  saved = training.read_config(
    folder_of(tmp_path / 'other' / 'stages', 'first')
  )
  assert saved['encoder'] == {'name': f'{MODULE}:linear_encoder'}


def linear_encoder(width):
  return encoders.mlp.mlp(width, hidden=())


def test_stages_are_shared_by_runs_that_agree(tmp_path):
  stages = tmp_path / 'stages'

  def prepare(name, config, seeds=(0, 1)):
    said = []
    experiments = training.prepare_seeds(
      config, list(seeds), tmp_path / name, stages=stages, say=said.append
    )
    return experiments, [line.split(',')[0] for line in said if 'stage' in line]

  _, said = prepare('a', config_of())
  assert said == ['stage first', 'stage second']
  other = config_of(evaluation={'at': 5})
  assert not prepare('b', other)[1]
  other['method'] = {**other['method'], 'factor': 3}
  assert prepare('c', other)[1] == ['stage second']
  # One more seed: what was found for the other is not found again.
  times = {p: p.stat().st_mtime_ns for p in stages.rglob('seed0/arrays.npz')}
  experiments, said = prepare('d', other, [0, 2])
  assert said == ['stage first', 'stage second']
  assert all(p.stat().st_mtime_ns == t for p, t in times.items())
  # What comes before a stage is of it: another first, another second.
  longer = config_of(stages={'first': {'epochs': 1}})
  (changed, _), said = prepare('e', longer)
  assert said == ['stage first', 'stage second']
  start = experiments[0].info.arrays['start']
  assert (changed.info.arrays['start'] != start).any()
  # A run finds its stages, wherever they are.
  found = training.prepare(
    {**other, 'seed': 2}, tmp_path / 'd', run_stages=False
  )
  np.testing.assert_array_equal(
    found.info.arrays['start'], experiments[1].info.arrays['start']
  )


def test_how_a_run_is_scored_is_not_of_its_stages(tmp_path):
  config = config_of()
  method = build_method(config)

  def folders(**changes):
    places = stage_files.places_of({**config, **changes}, method, tmp_path)
    return [place.folder for place in places]

  for changes in (
    {'ignored_labels': [0]},
    {'taxonomy': 'tree.json'},
    {'evaluation': {**config['evaluation'], 'at': 3}},
  ):
    assert folders(**changes) == folders()
  assert folders(epochs=config['epochs'] + 1) != folders()


def test_an_interrupted_stage_of_several_seeds_goes_on(tmp_path):
  whole = training.prepare_seeds(config_of(), [0, 1], tmp_path / 'whole')
  shutil.copytree(tmp_path / 'whole', tmp_path / 'parts')
  stages = tmp_path / 'parts' / 'stages'
  first, second = (folder_of(stages, name) for name in ('first', 'second'))
  # As if killed in the first stage, and asked for more seeds meanwhile.
  for folder in (first, second):
    for seed in (0, 1):
      shutil.rmtree(folder / f'seed{seed}')
  shutil.rmtree(first / 'seeds-0-1' / 'checkpoints' / '6')
  said = []
  parts = training.prepare_seeds(
    config_of(), [0, 1, 2], tmp_path / 'more', stages=stages, say=said.append
  )
  assert 'going on from step 3' in said
  assert sorted(p.name for p in first.glob('seeds-*')) == [
    'seeds-0-1',
    'seeds-2',
  ]
  for a, b in zip(whole, parts):
    np.testing.assert_array_equal(
      a.info.arrays['start'], b.info.arrays['start']
    )
  # Killed between two seeds of a stage: the first one is not run again.
  for name, folder in (('b', second), ('c', first)):
    shutil.rmtree(folder / 'seed1')
    kept = (folder / 'seed0' / 'arrays.npz').stat().st_mtime_ns
    training.prepare_seeds(config_of(), [0, 1], tmp_path / name, stages=stages)
    assert (folder / 'seed0' / 'arrays.npz').stat().st_mtime_ns == kept


def test_a_group_that_has_no_checkpoint_is_not_begun(tmp_path):
  for name in ('seeds-0-1', 'seeds-2-3', 'seeds-4.bak'):
    (tmp_path / name).mkdir()
  (tmp_path / 'seeds-2-3' / 'checkpoints' / '6').mkdir(parents=True)
  groups = training.seed_groups(tmp_path, [0, 1, 2, 4, 5], most=2)
  assert groups == [[2, 3], [0, 1], [4, 5]]


def test_stages_draw_each_their_own_numbers(tmp_path):
  config = config_of('two_draws')
  experiment = training.prepare(config, tmp_path)
  arrays = experiment.info.arrays
  assert (arrays['a'] != arrays['b']).all()


def two_draws(num_bits):
  """Two stages that draw the same numbers, if from the same key."""

  def stage(name):
    return Stage(
      name,
      lambda key, info, rows: StageResult(
        {name: np.asarray(jax.random.uniform(key, (4,)))}, {}
      ),
    )

  return cross_entropy(num_bits)._replace(stages=(stage('a'), stage('b')))


def test_what_its_first_stage_needs_is_noticed_at_once(tmp_path):
  labels = np.eye(3, dtype=np.int32)[np.repeat(np.arange(3), 40)]
  data = tmp_path / 'data'
  data.mkdir()
  np.save(data / 'inputs.npy', np.zeros((120, 6), np.float32))
  np.save(data / 'labels.npy', labels)
  config = config_of(
    dataset={'name': 'arrays', 'folder': str(data)},
    protocol={'name': 'random_rows', 'num_query': 6, 'num_train': 48},
    method={'name': 'shc', 'num_bits': 8},
    stages={},
  )
  said = []
  with pytest.raises(ValueError, match='shc is single-label'):
    training.prepare(config, tmp_path / 'run', say=said.append)
  assert not said and not (tmp_path / 'run').exists()


def test_another_data_set_is_loaded_anew():
  load = training.loading_once()
  config = small.get_config().to_dict()
  first = training.build(config, load=load).dataset
  assert training.build({**config, 'seed': 1}, load=load).dataset is first
  config['dataset'] = {**config['dataset'], 'num_per_class': 50}
  other = training.build(config, load=load).dataset
  assert len(other.labels) == 150 != len(first.labels)


def test_seeds_of_a_stage_are_those_of_runs_alone(tmp_path):
  together = training.prepare_seeds(config_of(), [3, 4], tmp_path / 'both')
  for seed, experiment in zip((3, 4), together):
    alone = training.prepare(config_of(seed=seed), tmp_path / str(seed))
    assert alone.config == experiment.config
    np.testing.assert_allclose(
      experiment.info.arrays['start'], alone.info.arrays['start'], rtol=1e-3
    )
  starts = [e.info.arrays['start'] for e in together]
  assert not np.allclose(*starts)


# Seeds trained together, without stages.


def seeds_of(seeds=(0, 1), **changes):
  config = {**small.get_config().to_dict(), **changes}
  return [training.build({**config, 'seed': seed}) for seed in seeds]


def test_seeds_together_resume_bit_for_bit(tmp_path):
  whole = training.train_seeds(seeds_of(), tmp_path / 'whole')
  shutil.copytree(tmp_path / 'whole', tmp_path / 'parts')
  shutil.rmtree(tmp_path / 'parts' / 'checkpoints' / '6')
  said = []
  parts = training.train_seeds(seeds_of(), tmp_path / 'parts', say=said.append)
  assert said == ['going on from step 3']
  for a, b in zip(whole, parts):
    assert_bitwise_equal(a, b)
  lines = [
    (tmp_path / run / 'metrics.jsonl').read_text() for run in ('whole', 'parts')
  ]
  assert lines[0] == lines[1]
  record = json.loads(lines[0].splitlines()[0])
  assert len(record['loss']) == 2 and record['step'] == 1
  names = {p.name for p in (tmp_path / 'whole').iterdir()}
  assert {'split-seed0.npz', 'split-seed1.npz', 'config.json'} <= names
  assert training.read_config(tmp_path / 'whole')['seed'] == [0, 1]


def test_a_seed_can_be_looked_at_again(tmp_path):
  experiments = seeds_of((0, 5))
  states = training.train_seeds(experiments, tmp_path)
  for experiment, state in zip(experiments, states):
    assert_bitwise_equal(training.restore(experiment, tmp_path), state)
  (other,) = seeds_of((7,))
  with pytest.raises(WorkdirError, match=r'has no seed 7; it has \[0, 5\]'):
    training.restore(other, tmp_path)


def test_one_compilation_for_all_seeds(tmp_path, monkeypatch):
  traces = []
  make = tasks.make_train_step

  def counted(*args, **kwargs):
    step = make(*args, **kwargs)

    def traced(*inner):
      traces.append(1)
      return step(*inner)

    return traced

  monkeypatch.setattr(tasks, 'make_train_step', counted)
  training.train_seeds(seeds_of((0, 1, 2)), tmp_path)
  assert len(traces) == 1


def test_a_seed_is_as_if_trained_alone(tmp_path):
  experiments = seeds_of((0, 5))
  together = training.train_seeds(experiments, tmp_path / 'both')
  for i, experiment in enumerate(experiments):
    alone = training.train(experiment, tmp_path / str(i))
    mine = together[i]
    assert jax.tree.structure(mine) == jax.tree.structure(alone)
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(alone)):
      assert a.shape == b.shape and a.dtype == b.dtype
    codes = [
      training.RowEncoder(experiment)(s, experiment.split.database).codes
      for s in (mine, alone)
    ]
    assert (codes[0] == codes[1]).mean() > 0.98  # Adam enlarges rounding
  assert len(
    training.RowEncoder(experiments[0])
    .of(experiments[1])(together[1], experiments[1].split.query)
    .codes
  ) == len(experiments[1].split.query)


def bad_seed(num_bits):
  """The losses of some seeds are not finite at step 2."""
  base = cross_entropy(num_bits)

  def init(key, info):
    variables = base.init(key, info)
    return variables._replace(state={'bad': jax.random.bernoulli(key)})

  def loss(variables, outputs, batch, *, key, step):
    value, aux = base.loss(variables, outputs, batch, key=key, step=step)
    bad = variables.state['bad'] & (step == 2)
    return jax.numpy.where(bad, jax.numpy.nan, value), aux

  return base._replace(init=init, loss=loss)


def bad_stage(num_bits):
  """Of some seeds, the loss of the first stage is not finite."""
  stage = Stage(
    'first', lambda key, info, rows: StageResult({}, {}), bad_seed(num_bits)
  )
  return cross_entropy(num_bits)._replace(stages=(stage,))


def test_a_group_that_failed_is_not_taken_up_again(tmp_path):
  method = {'name': f'{MODULE}:bad_seed', 'num_bits': 8}
  experiments = seeds_of(range(6), method=method, checkpoint_every=1)
  folder = training.group_folder(tmp_path, range(6))
  with pytest.raises(training.NonFiniteLossError):
    training.train_seeds(experiments, folder)
  assert any((folder / 'checkpoints').iterdir())
  assert training.seed_groups(tmp_path, [0, 3], most=1) == [[0], [3]]
  # Of two that were begun, the smaller one goes on.
  for name in ('seeds-1-2', 'seeds-2'):
    (tmp_path / name / 'checkpoints' / '3').mkdir(parents=True)
  assert training.seed_groups(tmp_path, [2]) == [[2]]


def test_a_seed_that_fails_is_named(tmp_path):
  method = {'name': f'{MODULE}:bad_seed', 'num_bits': 8}
  experiments = seeds_of(range(6), method=method)
  bad = [
    e.config['seed'] for e in experiments if bool(e.variables.state['bad'])
  ]
  assert 0 < len(bad) < 6
  with pytest.raises(
    training.NonFiniteLossError, match=f'at step 2 of seed {bad[0]} '
  ):
    training.train_seeds(experiments, tmp_path)


def growing(num_bits):
  """A state whose shape is another for every seed."""
  base = cross_entropy(num_bits)

  def init(key, info):
    size = int(jax.random.randint(key, (), 1, 1000))
    return base.init(key, info)._replace(state=jax.numpy.zeros(size))

  return base._replace(init=init)


def test_seeds_of_different_shapes_are_refused(tmp_path):
  method = {'name': f'{MODULE}:growing', 'num_bits': 8}
  experiments = seeds_of((0, 1), method=method)
  with pytest.raises(ValueError, match='seeds 0 and 1 cannot be trained'):
    training.train_seeds(experiments, tmp_path)
  rates = [
    seeds_of((seed,), optimizer={'learning_rate': rate})[0]
    for seed, rate in ((0, 1e-2), (1, 1e-3))
  ]
  with pytest.raises(ValueError, match='may differ in their seed alone'):
    training.train_seeds(rates, tmp_path)
  assert not list(pathlib.Path(tmp_path).iterdir())
