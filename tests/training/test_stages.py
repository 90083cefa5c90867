"""Stages before a run: done once, saved, found again, and trained together."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from jaxhash import training
from jaxhash.core import (
  Aux,
  HashMethod,
  Stage,
  StageResult,
  Variables,
)
from jaxhash.methods.cross_entropy import cross_entropy
from jaxhash.training import WorkdirError
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


def config_of(name='counting', seed=0, **changes):
  config = small.get_config().to_dict()
  config['method'] = {'name': f'{MODULE}:{name}', 'num_bits': 8}
  return {**config, 'seed': seed, **changes}


def test_stages_are_run_once_and_found_again(tmp_path):
  said = []
  experiment = training.prepare(config_of(), tmp_path, say=said.append)
  assert [line.split(',')[0] for line in said] == [
    'stage first',
    'stage second',
  ]
  first, second = (tmp_path / 'stages' / name for name in ('first', 'second'))
  assert (first / 'checkpoints').is_dir()
  assert not (second / 'checkpoints').exists()
  start = np.load(second / 'arrays.npz')['start']
  np.testing.assert_array_equal(experiment.variables.params['start'], start)
  np.testing.assert_array_equal(experiment.info.arrays['start'], start)
  assert experiment.stage_reports['first'] == {'rows': 48}
  saved = json.loads((second / 'report.json').read_text())
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
  first = tmp_path / 'parts' / 'stages' / 'first'
  shutil.rmtree(tmp_path / 'parts' / 'stages' / 'second')
  (first / 'arrays.npz').unlink()
  shutil.rmtree(first / 'checkpoints' / '6')
  said = []
  training.prepare(config_of(), tmp_path / 'parts', say=said.append)
  assert 'going on from step 3' in said
  for name in ('first', 'second'):
    whole, parts = (
      np.load(tmp_path / run / 'stages' / name / 'arrays.npz')
      for run in ('whole', 'parts')
    )
    for key in whole.files:
      np.testing.assert_array_equal(whole[key], parts[key])


def test_a_stage_that_is_missing(tmp_path):
  with pytest.raises(WorkdirError, match=r'first has no arrays.npz'):
    training.prepare(config_of(), tmp_path, run_stages=False)
  assert not (tmp_path / 'stages').exists()
  training.prepare(config_of(), tmp_path)
  (tmp_path / 'stages' / 'first' / 'arrays.npz').write_bytes(b'x')
  with pytest.raises(WorkdirError, match=r'arrays.npz cannot be read'):
    training.prepare(config_of(), tmp_path)


def test_a_stage_of_another_config_is_not_taken(tmp_path):
  training.prepare(config_of(), tmp_path)
  other = config_of()
  other['method'] = {**other['method'], 'factor': 3}
  with pytest.raises(WorkdirError, match=r'second is of another config') as e:
    training.prepare(other, tmp_path)
  assert 'factor: 2 there, 3 given' in str(e.value)
  longer = config_of(epochs=4)
  with pytest.raises(WorkdirError, match=r'first is of another config'):
    training.prepare(longer, tmp_path)
  # How the run itself is scored is no matter of a stage.
  training.prepare(config_of(evaluation={'at': 5}), tmp_path)


def test_changes_of_a_stage(tmp_path):
  config = config_of(
    stages={'first': {'epochs': 1, 'optimizer': {'learning_rate': 0.5}}}
  )
  training.prepare(config, tmp_path)
  saved = training.read_config(tmp_path / 'stages' / 'first')
  assert saved['epochs'] == 1
  assert saved['optimizer'] == {**config['optimizer'], 'learning_rate': 0.5}
  for stages, message in (
    ({'third': {}}, r"has no stage 'third'; its stages: first, second"),
    ({'second': {'epochs': 1}}, r'stages.second trains nothing'),
    ({'first': {'epoch': 1}}, r"no setting 'epoch'"),
  ):
    with pytest.raises(ValueError, match=message):
      training.prepare(config_of(stages=stages), tmp_path / 'other')
  with pytest.raises(ValueError, match='its stages: none'):
    training.prepare(
      {**small.get_config().to_dict(), 'stages': {'x': {}}}, tmp_path / 'none'
    )


def test_stages_are_shared_by_runs_that_agree(tmp_path):
  def folders():
    return sorted(p.name.split('-')[0] for p in tmp_path.iterdir())

  training.prepare_seeds(config_of(), [0, 1], tmp_path, shared=True)
  assert folders() == ['first', 'second']
  other = config_of(evaluation={'at': 5})
  training.prepare_seeds(other, [0, 1], tmp_path, shared=True)
  assert folders() == ['first', 'second']
  other['method'] = {**other['method'], 'factor': 3}
  training.prepare_seeds(other, [0, 1], tmp_path, shared=True)
  assert folders() == ['first', 'second', 'second']
  training.prepare_seeds(other, [0, 2], tmp_path, shared=True)
  assert folders() == ['first', 'first', 'second', 'second', 'second']


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
  assert_bitwise_equal(whole, parts)
  lines = [
    (tmp_path / run / 'metrics.jsonl').read_text() for run in ('whole', 'parts')
  ]
  assert lines[0] == lines[1]
  record = json.loads(lines[0].splitlines()[0])
  assert len(record['loss']) == 2 and record['step'] == 1
  names = {p.name for p in (tmp_path / 'whole').iterdir()}
  assert {'split-seed0.npz', 'split-seed1.npz', 'config.json'} <= names
  assert training.read_config(tmp_path / 'whole')['seed'] == [0, 1]


def test_a_seed_is_as_if_trained_alone(tmp_path):
  experiments = seeds_of((0, 5))
  together = training.train_seeds(experiments, tmp_path / 'both')
  for i, experiment in enumerate(experiments):
    alone = training.train(experiment, tmp_path / str(i))
    mine = training.seed_state(together, i)
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
    .of(experiments[1])(
      training.seed_state(together, 1), experiments[1].split.query
    )
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


def test_seeds_of_different_shapes_are_refused(tmp_path):
  experiments = [
    *seeds_of((0,)),
    *seeds_of((1,), method={'name': 'adalabelhash', 'num_bits': 16}),
  ]
  with pytest.raises(ValueError, match='seeds 0 and 1 cannot be trained'):
    training.train_seeds(experiments, tmp_path)
  assert not list(pathlib.Path(tmp_path).iterdir())
