"""What is said of a wrong config, and of a wrong change of one."""

import pathlib

import pytest
from absl import flags

from experiments import command_line, config_errors
from experiments.configs import csq

ROOT = pathlib.Path(__file__).parents[2]
# How ml_collections loads a config.
pytestmark = pytest.mark.filterwarnings(
  'ignore:.*load_module:DeprecationWarning'
)
DEFAULT = 'experiments/configs/csq.py:digits'


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch):
  monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
  ('argv', 'message'),
  [
    (
      ['--config=experiments/configs/adalabelhas.py'],
      "configs/adalabelhas.py (did you mean 'adalabelhash.py'?); "
      'experiments/configs has adalabelhash.py, adsh.py, ',
    ),
    (['--config', 'csq:digits'], "csq (did you mean 'csq.py'?); experiments"),
    (
      ['--config=nowhere/common.py', '--config.seed=1'],
      'there is no config file nowhere/common.py; experiments/configs has ',
    ),
    (
      ['--config.metod.num_bits=8'],
      "--config.metod.num_bits: the config has no 'metod' (did you mean "
      "'method'?); it has batch_size, ",
    ),
    (
      ['--config.method.num_bit=8'],
      "block 'method' has no 'num_bit' (did you mean 'num_bits'?); it has ",
    ),
    (
      ['--config.pipeline.augment.pd', '3'],
      "block 'pipeline.augment' has no 'pd' (did you mean 'pad'?); it has ",
    ),
    (['--noconfig.determinstic'], "no 'determinstic' (did you mean 'determi"),
    (['--config.seed.x=1'], "'seed' is a value, not a block of values"),
  ],
)
def test_a_typo_in_a_config_suggests_what_is_near(argv, message):
  explained = config_errors.explain(argv, DEFAULT)
  assert message in explained and '\n' not in explained
  # Files without a config are not among those that there are.
  assert 'common.py,' not in explained


@pytest.mark.parametrize(
  'argv',
  [
    [],
    ['--config=experiments/configs/dpsh.py', '--config.method.num_bits=8'],
    ['--config=none.py', '--config=experiments/configs/dpsh.py'],
    ['--config.pipeline.augment.pad=1', '--epochs=3', '--configs.x=1'],
    ['--config.method.num_bits=many'],  # which the flag itself says
  ],
)
def test_nothing_is_said_of_a_good_config(argv):
  assert config_errors.explain(argv, DEFAULT) is None


def test_a_wrong_setting_suggests_what_is_near():
  with pytest.raises(flags.Error) as error:
    config_errors.explain(['--config=experiments/configs/csq.py:digit'], '')
  assert command_line.one_line(error.value).startswith(
    "unknown setting 'digit' (did you mean 'digits'?); known: digits,"
  )


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ('metod.name=dpsh', "the config has no 'metod' (did you mean 'method'?)"),
    ('epoch=3', "the config has no 'epoch' (did you mean 'epochs'?); it has"),
    (
      'pipeline.augmnt.pad=1',
      "block 'pipeline' has no 'augmnt' (did you mean 'augment'?); it has",
    ),
    ('seed.x=1', "'seed' is a value, not a block of values"),
    ('epochs', 'wanted NAME=VALUE or BLOCK.NAME=VALUE'),
  ],
)
def test_a_typo_in_a_change_suggests_what_is_near(change, message, capsys):
  with pytest.raises(SystemExit):
    command_line.change(csq.get_config(), change)
  said = capsys.readouterr().err
  assert said.startswith(f'error: --set={change}: ') and message in said
  assert said.count('\n') == 1


def test_a_change_may_add_an_argument_and_drop_those_of_another_name():
  config = csq.get_config()
  for change in (
    'method.codewords=bernoulli',
    'encoder.name=mlp',
    'encoder.hidden=[8]',
  ):
    command_line.change(config, change)
  assert config.method.codewords == 'bernoulli'
  assert config.encoder.to_dict() == {'name': 'mlp', 'hidden': [8]}
