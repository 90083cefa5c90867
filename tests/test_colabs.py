import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import nbformat
import pytest

from colabs import build

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / 'colabs'
SCRIPTS = build.scripts(FOLDER)
GITHUB = 'https://colab.research.google.com/github'
BADGE = 'https://colab.research.google.com/assets/colab-badge.svg'
PACKAGE = 'jaxhash[data,plots,search]'
MOST_BYTES_OF_ALL = 5_000_000
# Of the machine that executed them, or of one of its processes.
LOCAL = ('/home/', '/root/', '/tmp/', '/work/', 'site-packages', ' at 0x')

GOOD = """\
# %% [markdown]
# # OWNER/jaxhash

# %%
import os
import pathlib
import time

import jaxhash

pathlib.Path('left_behind.txt').write_text('here')
print(os.listdir())
time.sleep(0.5)
print(pathlib.Path(jaxhash.__file__).parent)

# %%
import matplotlib.pyplot as plt

plt.plot([1, 2])
plt.show()
"""
WRONG = """\
# %%
x = 1

# %%
print('so far so good')
x / 0
"""


@pytest.fixture(params=SCRIPTS, ids=lambda path: path.stem)
def script(request):
  return request.param


@pytest.fixture
def notebook(script):
  return nbformat.read(script.with_suffix('.ipynb'), as_version=4)


def _repository(notebook):
  """Owner and name that a notebook was built with."""
  (found,) = re.findall(rf'\({GITHUB}/([^/]+/[^/]+)/', notebook.cells[0].source)
  return found


def _code(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == 'code']


def _texts(notebook):
  """What the outputs say, without pictures."""
  for cell in _code(notebook):
    for output in cell.outputs:
      yield output.get('text', '')
      for kind, value in output.get('data', {}).items():
        if kind.startswith('text/'):
          yield re.sub(r'data:image/[^"]*', '', value)


def test_each_script_has_a_notebook_and_the_reverse():
  notebooks = {path.stem for path in FOLDER.glob('*.ipynb')}
  assert {path.stem for path in SCRIPTS} == notebooks


def test_notebook_is_built_from_its_script(script, notebook):
  wanted = build.read_script(script, _repository(notebook))
  nbformat.validate(notebook)
  assert notebook.metadata == wanted.metadata
  assert [
    (c.id, c.cell_type, c.source, c.metadata) for c in notebook.cells
  ] == [(c.id, c.cell_type, c.source, c.metadata) for c in wanted.cells]


def test_notebooks_are_of_one_repository():
  repositories = {
    _repository(nbformat.read(path.with_suffix('.ipynb'), as_version=4))
    for path in SCRIPTS
  }
  assert len(repositories) == 1


def test_every_cell_was_executed_without_an_error(notebook):
  code = _code(notebook)
  assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
  outputs = [output for cell in code for output in cell.outputs]
  assert not [o for o in outputs if o.output_type == 'error']
  assert not [o.text for o in outputs if o.get('name') == 'stderr']


def test_there_is_a_picture(notebook):
  data = [o.get('data', {}) for c in _code(notebook) for o in c.outputs]
  pictures = [d for d in data if 'image/png' in d]
  animated = [d for d in data if 'data:image/gif' in d.get('text/html', '')]
  assert pictures or animated


def test_outputs_do_not_depend_on_the_machine(notebook):
  for text in _texts(notebook):
    found = [x for x in (*LOCAL, str(ROOT), sys.prefix) if x in text]
    assert not found, text


def test_badge_opens_the_notebook_itself(script, notebook):
  first = notebook.cells[0]
  assert first.cell_type == 'markdown'
  assert first.source.startswith('# ')
  address = (
    f'{GITHUB}/{_repository(notebook)}/blob/main/colabs/{script.stem}.ipynb'
  )
  assert f'[![Open in Colab]({BADGE})]({address})' in first.source


@pytest.mark.parametrize('there', [True, False])
def test_second_cell_installs_only_what_is_not_there(
  notebook, monkeypatch, there
):
  calls = []
  monkeypatch.setattr(
    subprocess, 'run', lambda command, check: calls.append((command, check))
  )
  monkeypatch.setattr(
    importlib.util, 'find_spec', lambda name: name if there else None
  )
  exec(notebook.cells[1].source, {})
  address = f'git+https://github.com/{_repository(notebook)}'
  command = [sys.executable, '-m', 'pip', 'install', '-q']
  wanted = ([*command, f'{PACKAGE} @ {address}'], True)
  assert calls == ([] if there else [wanted])


def test_notebooks_are_small():
  sizes = [path.stat().st_size for path in FOLDER.glob('*.ipynb')]
  assert max(sizes) <= build.MOST_BYTES
  assert sum(sizes) <= MOST_BYTES_OF_ALL


def _build(folder, *flags):
  return subprocess.run(
    [sys.executable, '-m', 'colabs.build', f'--folder={folder}', *flags],
    cwd=ROOT,
    env={**os.environ, 'MPLBACKEND': 'agg'},
    capture_output=True,
    text=True,
    check=False,
  )


def test_build_executes_and_writes_the_same_again(tmp_path):
  (tmp_path / '01_good.py').write_text(GOOD)
  done = _build(tmp_path, '--repository=somebody/fork')
  assert done.returncode == 0, done.stderr
  assert re.fullmatch(r'01_good: \d+ s, 0\.\d\d MB\n', done.stdout)
  text = (tmp_path / '01_good.ipynb').read_text()
  notebook = nbformat.reads(text, as_version=4)
  nbformat.validate(notebook)
  title, first, second = notebook.cells
  assert title.source == '# somebody/fork'
  (printed,) = first.outputs  # in one piece, with a pause in between
  here, package = printed.text.splitlines()
  assert here == "['left_behind.txt']"
  assert package == str(ROOT / 'jaxhash')
  assert 'image/png' in second.outputs[0].data
  assert not any(cell.metadata for cell in notebook.cells)
  assert set(notebook.metadata) == {'kernelspec', 'language_info'}
  assert sorted(p.name for p in tmp_path.iterdir()) == [
    '01_good.ipynb',
    '01_good.py',
  ]
  assert _build(tmp_path, '--repository=somebody/fork').returncode == 0
  assert (tmp_path / '01_good.ipynb').read_text() == text


def test_build_stops_at_a_cell_that_fails(tmp_path):
  (tmp_path / '01_wrong.py').write_text(WRONG)
  (tmp_path / '01_wrong.ipynb').write_text('of before')
  (tmp_path / '02_good.py').write_text('# %%\nprint(2)\n')
  done = _build(tmp_path)
  assert done.returncode == 1
  assert done.stdout == ''
  assert done.stderr.startswith(
    "error: 01_wrong, cell 1 (print('so far so good')) failed:\n"
  )
  assert 'ZeroDivisionError: division by zero' in done.stderr
  assert '\x1b' not in done.stderr
  assert (tmp_path / '01_wrong.ipynb').read_text() == 'of before'
  done = _build(tmp_path, '--only=02')
  assert done.returncode == 0
  assert json.loads((tmp_path / '02_good.ipynb').read_text())['cells'][0][
    'outputs'
  ] == [{'name': 'stdout', 'output_type': 'stream', 'text': ['2\n']}]


@pytest.mark.parametrize(
  ('script', 'seconds', 'error'),
  [
    ('import time\ntime.sleep(600)', 3, ': the notebook takes more than 3 s'),
    ('import os\nos._exit(3)', 100, ' failed:\nKernel died'),
  ],
)
def test_build_stops_where_a_kernel_does_not_answer(
  tmp_path, script, seconds, error
):
  (tmp_path / '01_stuck.py').write_text(f'# %%\n{script}\n')
  done = _build(tmp_path, f'--seconds={seconds}')
  assert done.returncode == 1
  first_line = script.partition('\n')[0]
  where = f'01_stuck, cell 0 ({first_line})'
  assert done.stderr == f'error: {where}{error}\n'
  assert not (tmp_path / '01_stuck.ipynb').exists()


def test_scripts_are_chosen_by_the_beginning_of_their_names(tmp_path):
  for name in ('01_a.py', '02_b.py', '10_c.py', 'build.py'):
    (tmp_path / name).write_text('')
  names = [p.name for p in build.scripts(tmp_path)]
  assert names == ['01_a.py', '02_b.py', '10_c.py']
  names = [p.name for p in build.scripts(tmp_path, ['10', '01_a'])]
  assert names == ['01_a.py', '10_c.py']
  with pytest.raises(build.BuildError, match="'3'; it has these: 01_a, 02_b"):
    build.scripts(tmp_path, ['01', '3'])


def test_read_script_says_what_is_wrong(tmp_path):
  path = tmp_path / '01_a.py'
  path.write_text('')
  with pytest.raises(build.BuildError, match=r'01_a\.py has no cells'):
    build.read_script(path)
  with pytest.raises(build.BuildError, match="OWNER/NAME, got 'jaxhash'"):
    build.read_script(path, 'jaxhash')


def test_a_notebook_that_is_too_large_is_not_written():
  cell = nbformat.v4.new_code_cell('x' * build.MOST_BYTES)
  with pytest.raises(build.BuildError, match=r'1\.5 MB of at most 1\.5'):
    build.to_text(nbformat.v4.new_notebook(cells=[cell]), '01_a')
