"""Bad input ends in one clear error before anything is compiled."""

import json

import numpy as np
import pytest

from jaxhash import training
from tests import processes
from tests.configs import small


def changed(**blocks):
  config = small.get_config().to_dict()
  for block, values in blocks.items():
    config[block] = (
      {**config.get(block, {}), **values}
      if isinstance(values, dict)
      else values
    )
  return config


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'method': {'name': 'adalabel'}}, r"method 'adalabel'.*known: adalabelh"),
    ({'method': {'margins': 1.0}}, r"no argument 'margins'.*mean 'margin'"),
    ({'method': {'num_bits': 0}}, r'num_bits.*0'),
    ({'encoder': {'hidden': 32}}, r"encoder 'mlp' cannot be made of"),
    ({'encoder': {'name': 3}}, r'name of the encoder must be text, got 3'),
    ({'method': {'name': 'math:pi'}}, r'not a function'),
    ({'method': {'margin': 'x'}}, r"method 'adalabelhash' cannot be made"),
    ({'method': {'num_bits': True}}, r'num_bits.*True'),
    ({'protocol': {'num_query': 1.5}}, r"protocol 'per_class' cannot"),
    ({'pipeline': {'augment': {'noise': float('nan')}}}, r'noise.*nan'),
    ({'encoder': {'name': 'net'}}, r"encoder 'net'.*known: cnn.*resnet152"),
    ({'dataset': {'name': 'mnist'}}, r"unknown data set 'mnist'.*cifar10"),
    ({'protocol': {'name': 'x'}}, r"unknown protocol 'x'.*cifar10_i"),
    ({'protocol': {'num_train': 99}}, r'99'),
    ({'batch_size': 10**6}, r'1000000'),
    ({'batch_size': 22}, r'not a multiple of the 4 devices'),
    ({'epochs': 0}, r'epochs.*0'),
    ({'log_every': 0}, r'log_every must be .* at least 1, got 0'),
    ({'eval_every': 0}, r'eval_every'),
    ({'checkpoint_every': 2.5}, r'checkpoint_every.*2\.5'),
    ({'keep_checkpoints': 1}, r'keep_checkpoints must be .* at least 2'),
    ({'seed': -1}, r'seed must be .* at least 0, got -1'),
    ({'epoch': 3}, r"config entry 'epoch' .did you mean 'epochs'"),
    ({'method': None}, r'method must hold settings, got None'),
    ({'pipeline': {'view': 2}}, r"pipeline has no argument 'view'.*'views'"),
    ({'evaluation': {'r': 5}}, r"evaluation has no argument 'r'.*denominator"),
    ({'optimizer': {'warmup_steps': 10**6}}, r'warmup_steps.*1000000'),
    ({'optimizer': {'weight_decay': -1.0}}, r'weight_decay.*-1'),
    ({'protocol': {'name': 'digits'}}, r'1,797 rows'),
    ({'method': {'name': 'adalabelhash_semi'}}, r'hides labels'),
    ({'optimizer': {'name': 'lamb'}}, r"unknown optimizer 'lamb'.*adam"),
    ({'optimizer': {'lr': 1.0}}, r"unknown optimizer setting 'lr'"),
    ({'optimizer': {'groups': {'method/x': {}}}}, r'method/codewords'),
    ({'evaluation': {'ties': 'random'}}, r'ties.*expected'),
    ({'evaluation': {'denominator': 'all'}}, r'denominator.*retrieved'),
    ({'encoder': {'name': 'resnet18'}}, r'\[batch, 6\]; feature vectors'),
    ({'evaluation': {'transductive': True}}, r'cannot be set: a method that'),
    (
      {'method': {'name': 'adsh'}, 'pipeline': {'epochs_per_round': 9}},
      r'18 steps.*6: none would end',
    ),
    ({'pipeline': {'rows_per_round': 0}}, r'rows_per_round must be an int'),
    ({'pipeline': {'rows_per_round': 25}}, r'rows_per_round.*got 25'),
  ],
)
def test_what_is_wrong_is_said(change, message):
  config = changed(**change)
  for block in ('encoder', 'dataset', 'protocol', 'method'):
    if 'name' in (change.get(block) or {}):
      config[block] = change[block]
      if block == 'method':
        config[block] = {'num_bits': 8, **config[block]}
  with pytest.raises(ValueError, match=f'(?s){message}'):
    training.build(config)


@pytest.mark.parametrize(
  ('labels', 'message'),
  [
    (np.array([0, 1, 2, 7] * 20), r'7'),
    (np.zeros((80, 2, 2), np.int32), r'\(80, 2, 2\)'),
    (np.tile([[0, 0], [0, 1]], (40, 1)), r'row 0'),
    (np.zeros(79, np.int32), r'79'),
  ],
)
def test_bad_labels(tmp_path, labels, message):
  np.save(tmp_path / 'inputs.npy', np.ones((80, 6), np.float32))
  np.save(tmp_path / 'labels.npy', labels)
  if labels.ndim == 1:
    (tmp_path / 'class_names.txt').write_text('a\nb\nc\n')
  config = changed()
  config['dataset'] = {'name': 'arrays', 'folder': str(tmp_path)}
  with pytest.raises(ValueError, match=message):
    training.build(config)


def test_a_missing_data_set_says_where_it_looked(tmp_path):
  config = changed()
  config['dataset'] = {'name': 'cifar10', 'data_dir': str(tmp_path)}
  config['protocol'] = {'name': 'cifar10_i'}
  with pytest.raises(ValueError, match=r'(?s)npy') as error:
    training.build(config)
  assert str(tmp_path) in str(error.value)


def run_train(*arguments, module='train'):
  return processes.run(f'experiments.{module}', *arguments)


def test_a_workdir_of_another_config_is_refused(tmp_path):
  training.workdir.claim(tmp_path, small.get_config().to_dict())
  before = (tmp_path / 'config.json').read_bytes()
  done = run_train(
    '--config=tests/configs/small.py',
    f'--workdir={tmp_path}',
    '--config.method.num_bits=16',
  )
  assert done.returncode == 1
  assert 'method.num_bits: 8 there, 16 given' in done.stderr
  assert 'Traceback' not in done.stderr
  assert (tmp_path / 'config.json').read_bytes() == before
  assert list(tmp_path.iterdir()) == [tmp_path / 'config.json']


def test_a_workdir_of_an_older_version_is_refused(tmp_path):
  config = small.get_config().to_dict()
  training.workdir.claim(tmp_path, config)
  path = tmp_path / 'config.json'
  path.write_text(json.dumps({**json.loads(path.read_text()), 'format': 0}))
  with pytest.raises(training.WorkdirError, match=r'has format 0'):
    training.workdir.claim(tmp_path, config)


def test_checkpoints_without_a_config_are_refused(tmp_path):
  (tmp_path / 'checkpoints').mkdir()
  with pytest.raises(training.WorkdirError, match=r'no config\.json'):
    training.workdir.claim(tmp_path, small.get_config().to_dict())


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--config.method.name=csqq'], "error: unknown method 'csqq'"),
    (['--config.method.num_bit=2'], "no 'num_bit' (did you mean 'num_bits'?)"),
    (['--config.log_every=0'], 'log_every must be'),
    (['--set=method.num_bits=8.5'], 'num_bits'),
    (['--set=epoch=3'], "the config has no 'epoch'"),
    (['--set=method.marginn=3'], "no argument 'marginn' (did you mean"),
    (['--set=encoder.hidden'], 'wanted NAME=VALUE'),
    (['--set=encoder.name=cnn'], 'cnn'),
    (['--config=none.py'], 'none.py'),
    (['--workdir='], '--workdir=FOLDER is needed'),
    (['--workdirs=x'], "'workdirs' (did you mean 'workdir'?)"),
  ],
)
def test_the_command_line_gives_one_line_and_an_exit_code(
  tmp_path, arguments, message
):
  done = run_train(
    '--config=tests/configs/small.py',
    f'--workdir={tmp_path / "run"}',
    '--nopictures',
    *arguments,
  )
  assert done.returncode == 1
  assert message in done.stderr
  assert done.stderr.count('\n') == 1
  assert not (tmp_path / 'run').exists()


def test_any_value_can_be_changed_from_the_command_line(tmp_path):
  done = run_train(
    '--config=experiments/configs/adalabelhash.py:digits',
    f'--workdir={tmp_path}',
    '--config.method.floor_negatives=False',
    '--config.evaluation.at=50',
    '--config.epochs=1',
    '--config.optimizer.clip_norm=1.0',
    '--config.pipeline.augment.flip=True',
    '--set=encoder.name=cnn',
    '--set=encoder.channels=[4, 4]',
    '--set=protocol.num_labelled=5',
    '--set=method.name=adalabelhash_semi',
    '--set=method.num_bits=8',
    '--nopictures',
    '--noprogress',
  )
  assert done.returncode == 0, done.stderr
  assert 'mAP@50 ' in done.stdout
  config = training.read_config(tmp_path)
  assert config['encoder'] == {'name': 'cnn', 'channels': [4, 4]}
  assert config['method'] == {'name': 'adalabelhash_semi', 'num_bits': 8}
  assert config['optimizer']['clip_norm'] == 1.0
  assert config['pipeline']['augment']['flip'] is True


def test_arrays_take_the_place_of_the_data_set(tmp_path):
  rng = np.random.default_rng(0)
  labels = np.arange(90) % 3
  inputs = rng.normal(size=(90, 6)) + labels[:, None]
  np.save(tmp_path / 'inputs.npy', inputs.astype(np.float32))
  np.save(tmp_path / 'labels.npy', labels)
  run = [
    '--config=tests/configs/small.py',
    f'--workdir={tmp_path / "run"}',
    f'--arrays={tmp_path}',
    '--nopictures',
    '--noprogress',
  ]
  done = run_train(*run)
  assert done.returncode == 0, done.stderr
  results = (tmp_path / 'run' / 'results.json').read_bytes()
  np.save(tmp_path / 'labels.npy', labels[::-1])
  for again in (
    run_train(*run),
    run_train(*run[1:], module='evaluate'),
  ):
    assert again.returncode == 1
    assert 'was trained on other data' in again.stderr
    assert again.stderr.count('\n') == 1
    assert (tmp_path / 'run' / 'results.json').read_bytes() == results
