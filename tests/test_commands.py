"""What commands say of a wrong flag."""

import pytest
from absl import flags

from jaxhash import commands


@pytest.fixture
def defined():
  """Flags of every kind, apart from those of the process."""
  values = flags.FlagValues()
  flags.DEFINE_integer('k', 1, '', lower_bound=1, flag_values=values)
  flags.DEFINE_float('rate', 1.0, '', flag_values=values)
  flags.DEFINE_bool('progress', True, '', flag_values=values)
  flags.DEFINE_enum('ties', 'best', ['best', 'worst'], '', flag_values=values)
  flags.DEFINE_list('sizes', [], '', flag_values=values)
  flags.register_validator(
    'sizes', lambda v: len(v) < 3, 'must be two at most', flag_values=values
  )
  return values


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    ('--k=2.5', "--k must be a whole number, got '2.5'"),
    ('--k=', "--k must be a whole number, got ''"),
    ('--k=0', '--k=0: 0 is not a positive integer'),
    ('--k', 'Missing value for flag --k'),
    ('--rate=fast', "--rate must be a number, got 'fast'"),
    ('--progress=maybe', "--progress must be true or false, got 'maybe'"),
    ('--noprogress=x', '--noprogress=x does not take an argument'),
    (
      '--ties=bset',
      "--ties must be one of best, worst, got 'bset' (did you mean 'best'?)",
    ),
    ('--ties=a: b', "--ties must be one of best, worst, got 'a: b'"),
    ('--sizes=1,2,3', "--sizes=['1', '2', '3']: must be two at most"),
  ],
)
def test_a_wrong_value(defined, given, message):
  with pytest.raises((flags.Error, ValueError)) as error:
    defined(['command', given])
  assert commands.flag_error(error.value) == message


def test_a_wrong_name(monkeypatch, defined):
  monkeypatch.setattr(flags, 'FLAGS', defined)
  for given, message in (
    ('--szes=1', "there is no flag 'szes' (did you mean 'sizes'?); see --help"),
    ('--noprogres', "'noprogres' (did you mean 'noprogress'?); see --help"),
    ('--xyz', "there is no flag 'xyz'; see --help"),
  ):
    with pytest.raises(flags.UnrecognizedFlagError) as error:
      defined(['command', given])
    assert commands.flag_error(error.value).endswith(message)


def test_a_wrong_flag_ends_the_command(monkeypatch, defined, capsys):
  monkeypatch.setattr(flags, 'FLAGS', defined)
  assert commands.parse(['command', '--k=3', 'rest']) == ['command', 'rest']
  with pytest.raises(SystemExit) as ended:
    commands.parse(['command', '--k=3', '--ties=x'])
  assert ended.value.code == 1
  said = capsys.readouterr().err
  assert said.startswith('error: a flag is wrong: --ties must be one of best')
  assert said.count('\n') == 1
