"""Bad input ends in one clear error before anything is compiled."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from jaxhash import training
from tests.configs import small

ROOT = pathlib.Path(__file__).parents[2]


def changed(**blocks):
  config = small.get_config().to_dict()
  for block, values in blocks.items():
    config[block] = (
      {**config[block], **values} if isinstance(values, dict) else values
    )
  return config


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'method': {'name': 'adalabel'}}, r"unknown method 'adalabel'.*mean '"),
    ({'method': {'margins': 1.0}}, r"no argument 'margins'.*mean 'margin'"),
    ({'method': {'num_bits': 0}}, r'num_bits.*0'),
    ({'encoder': {'name': 'resnet'}}, r'unknown encoder.*resnet18'),
    ({'dataset': {'name': 'mnist'}}, r"unknown data set 'mnist'.*cifar10"),
    ({'protocol': {'name': 'x'}}, r"unknown protocol 'x'.*cifar10_i"),
    ({'protocol': {'num_train': 99}}, r'99'),
    ({'batch_size': 10**6}, r'1000000'),
    ({'batch_size': 22}, r'not a multiple of the 4 devices'),
    ({'epochs': 0}, r'epochs'),
    ({'optimizer': {'name': 'lamb'}}, r"unknown optimizer 'lamb'.*adam"),
    ({'optimizer': {'lr': 1.0}}, r"unknown optimizer setting 'lr'"),
    ({'optimizer': {'groups': {'method/x': {}}}}, r'method/codewords'),
    ({'evaluation': {'ties': 'random'}}, r'ties.*expected'),
    ({'evaluation': {'denominator': 'all'}}, r'denominator.*retrieved'),
    ({'encoder': {'name': 'resnet18'}}, r'\[batch, 6\]; feature vectors'),
  ],
)
def test_what_is_wrong_is_said(change, message):
  config = changed(**change)
  for block in ('encoder', 'dataset', 'protocol', 'method'):
    if 'name' in change.get(block, {}):
      config[block] = change[block]
      if block == 'method':
        config[block]['num_bits'] = 8
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


def run_train(*arguments):
  return subprocess.run(
    [sys.executable, '-m', 'experiments.train', *arguments],
    cwd=ROOT,
    env={**os.environ, 'XLA_FLAGS': ''},
    capture_output=True,
    text=True,
    check=False,
  )


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


def test_the_command_line_gives_one_line_and_an_exit_code(tmp_path):
  done = run_train(
    '--config=tests/configs/small.py',
    f'--workdir={tmp_path / "run"}',
    '--config.method.name=csqq',
  )
  assert done.returncode == 1
  assert done.stderr.count('\n') == 1
  assert done.stderr.startswith("error: unknown method 'csqq'")
  assert not (tmp_path / 'run').exists()
  done = run_train('--workdirs=x')
  assert done.returncode == 1
  assert 'workdir' in done.stderr
