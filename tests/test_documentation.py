"""The documentation builds only if it is complete and its links lead on."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

pytest.importorskip('sphinx')
ROOT = pathlib.Path(__file__).parents[1]

CONF = """
import sys
sys.path[:0] = [{folder!r}, {extensions!r}]
extensions = [
  'myst_parser', 'sphinx.ext.autodoc', 'sphinxcontrib.bibtex',
  'command_help', 'complete', 'name_links', 'prose_docstrings',
]
default_role = 'name'
myst_heading_anchors = 2
bibtex_bibfiles = ['papers.bib']
complete_package = 'tiny'
complete_commands = ['tiny']
html_theme = 'basic'
"""
PAPERS = """
@book{cited, author = {A}, title = {B}, publisher = {C}, year = {2000}}
@book{uncited, author = {D}, title = {E}, publisher = {F}, year = {2001}}
"""
PACKAGE = '''
"""A package; `tiny.parts` and `parts.shown` are names, `x + 1` is code."""
'''
PARTS = '''
"""Its parts."""
__all__ = ['LIMIT', 'silent', 'shown', 'unseen']
LIMIT = 3
def shown():
  """Is on the page :cite:p:`cited`, at mAP@5000; see `jaxhash.losses`."""
def silent(): pass
def unseen():
  """Is on no page."""
if __name__ == '__main__':
  print('flags:')
'''
INDEX = """
# Tiny

```{eval-rst}
.. automodule:: tiny

.. automodule:: tiny.parts

.. autofunction:: shown

.. autofunction:: silent

.. py:module:: jaxhash.losses

.. bibliography::
```

[Here](#tiny).
"""
# What makes the same project whole: by file, what stands in place of what.
WHOLE = {
  'tiny/parts.py': [
    ("'silent', ", ''),
    ("'LIMIT'", "'LIMIT', 'silent'"),
    ('LIMIT = 3', '#: The most.\nLIMIT = 3'),
    ('silent(): pass', 'silent():\n  """Says something."""'),
    ("  print('flags:')", "  print('What it does.\\n\\nflags:\\n')"),
  ],
  'papers.bib': [('@book{uncited', '@comment{uncited')],
  'index.md': [
    (
      '.. py:module:: jax',
      '.. autofunction:: unseen\n\n.. autodata:: LIMIT\n\n.. py:module:: jax',
    ),
    ('[Here]', '```{command} tiny.parts\n```\n\n[Here]'),
  ],
}


def write(folder, changes):
  files = {
    'conf.py': CONF.format(
      folder=str(folder), extensions=str(ROOT / 'docs' / '_extensions')
    ),
    'papers.bib': PAPERS,
    'tiny/__init__.py': PACKAGE,
    'tiny/parts.py': PARTS,
    'index.md': INDEX,
  }
  for name, changed in changes.items():
    for old, new in changed:
      assert old in files[name]
      files[name] = files[name].replace(old, new)
  for name, text in files.items():
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def build(folder):
  # CI=true in the environment alone asks Sphinx for colours.
  sphinx = [sys.executable, '-m', 'sphinx', '--no-color']
  strictly = ['-W', '--keep-going', '--nitpicky']
  return subprocess.run(
    [*sphinx, *strictly, str(folder), str(folder / 'pages')],
    capture_output=True,
    text=True,
    cwd=ROOT,
    check=False,
  )


def test_what_is_missing_fails_the_build(tmp_path):
  write(tmp_path, {})
  finished = build(tmp_path)
  assert finished.returncode == 1
  assert [
    line.strip()
    for line in finished.stderr.partition('is incomplete:')[2].splitlines()
    if line.strip()
  ] == [
    'tiny.parts.LIMIT: on no page',
    'tiny.parts.LIMIT: no comment of the form `#: ...` above it',
    'tiny.parts.silent: no docstring',
    'tiny.parts.unseen: on no page',
    'python -m tiny.parts: its help is on no page',
    'uncited: no page cites this paper',
  ]


def test_what_is_whole_is_built(tmp_path, monkeypatch):
  monkeypatch.setenv('PYTHONPATH', str(tmp_path))
  write(tmp_path, WHOLE)
  finished = build(tmp_path)
  assert (finished.returncode, finished.stderr) == (0, '')
  page = (tmp_path / 'pages' / 'index.html').read_text()
  text = re.sub(r'<[^>]*>', '', page)
  assert 'What it does.' in text
  assert 'mailto:' not in page
  linked = re.findall(r'<a class="reference internal" href="([^"]*)"', page)
  assert {'#module-tiny.parts', '#tiny.parts.shown', '#cited', '#tiny'} <= {
    re.sub(r'^#id\d+', '#cited', link) for link in linked
  }
  assert '>x + 1</code>' in re.sub(r'</?span[^>]*>', '', page)


def test_broken_links_fail_the_build(tmp_path, monkeypatch):
  monkeypatch.setenv('PYTHONPATH', str(tmp_path))
  broken = (
    '[a](#nowhere) [b](nothing.md) {cite:p}`unknown`\n\n'
    '```{eval-rst}\n`jaxhash.losses.nothing`, `search.nothing`\n```\n\n[Here]'
  )
  index = [*WHOLE['index.md'], ('[Here]', broken)]
  write(tmp_path, {**WHOLE, 'index.md': index})
  finished = build(tmp_path)
  assert finished.returncode == 1
  for message in (
    'nowhere',
    'nothing.md',
    'could not find bibtex key "unknown"',
    'no documented name: jaxhash.losses.nothing',
    'no documented name: search.nothing',
  ):
    assert message in finished.stderr, message
  assert finished.stderr.count('WARNING') == 5


@pytest.mark.parametrize(
  'name', ['CHANGELOG.md', 'CONTRIBUTING.md', 'README.md']
)
def test_pages_at_the_root_link_to_files_that_are_there(name):
  text = (ROOT / name).read_text()
  targets = re.findall(r'\]\(([^)]*)\)', text)
  missing = [
    target
    for target in targets
    if '://' not in target and not (ROOT / target.partition('#')[0]).exists()
  ]
  assert not missing


def test_every_method_cites_its_paper():
  modules = [
    path
    for folder in ('methods', 'shallow')
    for path in (ROOT / 'jaxhash' / folder).glob('[a-z]*.py')
    # What all shallow methods share, and the cosine, have no paper.
    if path.name not in ('base.py', 'cosine.py')
  ]
  assert len(modules) > 30
  docstrings = [ast.get_docstring(ast.parse(m.read_text())) for m in modules]
  assert not [m.name for m, d in zip(modules, docstrings) if ':cite:' not in d]


@pytest.mark.slow
def test_the_documentation_is_built_without_a_warning(tmp_path):
  finished = subprocess.run(
    [
      *(sys.executable, '-m', 'sphinx', '-W', '--keep-going', '--nitpicky'),
      *(str(ROOT / 'docs'), str(tmp_path)),
    ],
    capture_output=True,
    text=True,
    cwd=ROOT,
    check=False,
  )
  assert (finished.returncode, finished.stderr) == (0, '')
