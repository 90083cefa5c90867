"""What every command says of itself, and whether its examples are right."""

import json
import re
import shlex

import pytest

from tests import processes
from tests.processes import ROOT

FOLDERS = ('benchmarks', 'colabs', 'experiments', 'jaxhash')
FILES = {
  '.'.join(path.relative_to(ROOT).with_suffix('').parts): path
  for folder in FOLDERS
  for path in sorted((ROOT / folder).rglob('*.py'))
  if "if __name__ == '__main__':" in path.read_text()
}
FILES = {name.removesuffix('.__main__'): path for name, path in FILES.items()}
COMMAND = re.compile(r'^ *(python -m (?:.*\\\n)*.*)$', re.M)
SHELL = re.compile(r'```bash\n(.*?)```', re.S)


def run(commands):
  done = [processes.run(*command) for command in commands]
  return [(d.returncode, d.stdout, d.stderr) for d in done]


def commands_in(text):
  """The modules and flags of the commands in a text."""
  lines = [match.replace('\\\n', ' ') for match in COMMAND.findall(text)]
  return [shlex.split(line, comments=True)[2:] for line in lines]


@pytest.fixture(scope='module')
def helps():
  """By module: exit code, standard output, standard error of --help."""
  return dict(zip(FILES, run([[name, '--help'] for name in FILES])))


def test_the_commands_are_found():
  assert {'experiments.train', 'benchmarks.search', 'jaxhash.metrics'} <= set(
    FILES
  )


@pytest.mark.parametrize('name', FILES)
def test_help_is_complete_and_narrow(helps, name):
  code, text, error = helps[name]
  assert code == 1 and not error  # as absl ends
  # Beside the paths of the file and of defaults, which are of the checkout.
  lines = [line for line in text.splitlines() if str(ROOT) not in line]
  assert [line for line in lines if len(line) > 80] == []
  summary, rest = text.split('\n', 1)
  assert summary[-1] in '.?' and rest.startswith('\n')
  listed = re.findall(r'^  --(?:\[no\])?(\w+): +\S', text, re.M)
  # Of each flag the meaning, not a word or two.
  assert re.findall(r'^  --\S+: ?(?:\S+ ?){0,2}$\n(?!   )', text, re.M) == []
  assert '.;' not in text  # absl goes on where a flag may be repeated
  defined = re.findall(r"DEFINE_\w+\(\s*'(\w+)'", FILES[name].read_text())
  assert set(defined) <= set(listed) and listed
  assert name in [command[0] for command in commands_in(text)]
  for command in commands_in(text):
    for flag in command[1:]:
      given = re.match(r'--(?:no)?(\w+)', flag)
      assert given, flag
      assert command[0] != name or given[1] in listed


def test_examples_can_be_given_as_they_are(helps):
  texts = [text for _, text, _ in helps.values()]
  texts += SHELL.findall((ROOT / 'README.md').read_text())
  examples = [
    command
    for text in texts
    for command in commands_in(text)
    if command[0] in FILES and '--help' not in command
  ]
  assert len(examples) > len(FILES)
  given = []
  for command in examples:
    # What has a config shows it with all changes, else the flags are parsed.
    shows = 'config_flag(' in FILES[command[0]].read_text()
    last = '--print_config' if shows else '--only_check_args'
    given.append([*command, last])
  for command, (code, out, error) in zip(given, run(given)):
    assert (code, error) == (0, ''), shlex.join(command)
    assert command[-1] != '--print_config' or json.loads(out)


@pytest.mark.parametrize(
  ('flag', 'message'),
  [
    ('--workdirr=x', "no flag 'workdirr' (did you mean 'workdir'?)"),
    ('--noprogres', "no flag 'noprogres' (did you mean 'noprogress'?)"),
    ('--progress=maybe', "--progress must be true or false, got 'maybe'"),
    ('--config=none.py', 'no config file none.py; experiments/configs has '),
    ('--config.epochs=x', "--config.epochs must be a whole number, got 'x'"),
    ('--config.optimizer.learning_rate=x', 'must be a number, got'),
    (
      '--config=experiments/configs/csq.py:digit',
      "setting 'digit' (did you mean 'digits'?); known: digits,",
    ),
    ('--config=jaxhash/lookup.py', "has no attribute 'get_config'"),
  ],
)
def test_a_wrong_flag_is_one_line(wrong, flag, message):
  code, out, error = wrong[flag]
  assert code == 1 and not out
  assert error.startswith('error: a flag is wrong: ') and message in error
  assert error.count('\n') == 1


@pytest.fixture(scope='module')
def wrong():
  """By flag: what experiments.train says of it."""
  marks = test_a_wrong_flag_is_one_line.pytestmark
  given = [flag for flag, _ in marks[0].args[1]]
  return dict(zip(given, run([['experiments.train', f] for f in given])))
