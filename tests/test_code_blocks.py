"""Every fenced block of the README and the documentation does what it says.

`python` blocks are run, and print exactly what the `text` block below a line
`prints` says; without one they print nothing. Each block of the README and of
CONTRIBUTING.md stands alone. Those of a page in docs/ are run in their order,
and share their names.

Commands of `bash` blocks are parsed: the module is there, has such flags, and
can read their values; a target is one of the Makefile's. `test_shell_blocks.py`
runs them. Words in capitals stand for what the reader has.
"""

import contextlib
import io
import re

import pytest

from tests import processes
from tests.code_blocks import blocks, commands, mistake, pages, read_blocks

KNOWN = re.compile(r'python|bash|text|\{[\w-]+\}.*')
BLOCKS = [block for page in pages() for block in blocks(page)]


def scripts():
  """Lists of blocks that share their names."""
  found = {}
  for block in BLOCKS:
    if block.language == 'python':
      alone = not block.page.startswith('docs/')
      name = f'{block.page}:{block.line}' if alone else block.page
      found.setdefault(name, []).append(block)
  return found


SCRIPTS = scripts()


@pytest.mark.parametrize('name', SCRIPTS)
def test_python_prints_what_is_written_below_it(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  names = {}
  for block in SCRIPTS[name]:
    printed = io.StringIO()
    code = compile(block.text, f'{block.page}:{block.line}', 'exec')
    with contextlib.redirect_stdout(printed):
      exec(code, names)
    assert printed.getvalue() == (block.prints or ''), block.line


@pytest.fixture(scope='module')
def fresh_process():
  """Calls a function in a process that has no flags yet."""
  with processes.CONTEXT.Pool(1, maxtasksperchild=1) as pool:
    yield pool.apply


def test_shell_commands_are_there_and_take_these_flags(fresh_process):
  found = [
    (f'{block.page}:{block.line}', command)
    for block in BLOCKS
    if block.language == 'bash'
    for command in commands(block.text)
  ]
  assert len(found) > 10
  wrong = [
    (where, ' '.join(command), message)
    for where, command in found
    if (message := fresh_process(mistake, (command,)))
  ]
  assert not wrong


@pytest.mark.parametrize(
  'text, message',
  [
    ('python -m experiments.trains', 'no module of this repository'),
    ('python -m experiments.train --workdr=a', 'workdr'),
    ('python -m experiments.train --config.method.num_bit=8', 'num_bit'),
    ('python -m experiments.train --config.seed=a', 'seed'),
    ('python -m experiments.train --config=a.py', 'a.py'),
    ('python -m experiments.train --set=encoder.name=resnet', 'resnet18'),
    ('python -m experiments.train runs', 'no flags'),
    ('python -m jaxhash.metrics --at=all', 'at'),
    ('python -m jaxhash.metrics --ties=some', 'ties'),
    ('A=1 make test tests', "['tests']"),
    ('cd jaxhash && pip install ".[plot]"', "['plot']"),
    ('conda install jaxhash', 'conda'),
  ],
)
def test_wrong_commands_are_found(fresh_process, text, message):
  messages = [fresh_process(mistake, (command,)) for command in commands(text)]
  assert message in (messages[-1] or '')
  assert not any(messages[:-1])


def test_only_languages_that_are_tested():
  assert not [b for b in BLOCKS if not KNOWN.fullmatch(b.language)]


def test_blocks_are_read_as_markdown_has_them():
  source = (
    'a\n\n```python\nx = 1\n```\n\nprints\n\n```text\n1\n```\n'
    '- ```bash\n  make \\\n    a  # why\n  ```\n\n````text\n```\n````\n'
  ).replace('- ```', '  ```')
  first, printed, command, nested = read_blocks(source, 'page.md')
  assert (first.language, first.line, first.prints) == ('python', 3, '1\n')
  assert (printed.prints, nested.text) == (None, '```\n')
  assert list(commands(command.text)) == [['make', 'a']]
