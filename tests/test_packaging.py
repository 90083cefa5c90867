"""What users of the package meet first: its import, and how to cite it."""

import pathlib
import subprocess
import sys
import tomllib

import yaml

import jaxhash
from tests import check_installed

ROOT = pathlib.Path(__file__).parents[1]


def test_the_citation_is_of_this_version():
  citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
  assert citation['version'] == jaxhash.__version__
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  assert project['version'] == jaxhash.__version__
  assert citation['license'] == project['license']


def test_the_citation_has_what_cff_1_2_0_requires():
  citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
  assert citation['cff-version'] == '1.2.0'
  for key in ('message', 'title', 'abstract'):
    assert isinstance(citation[key], str) and citation[key]
  assert citation['type'] in ('software', 'dataset')
  assert citation['authors'] == [{'name': 'The jaxhash authors'}]
  keywords = citation['keywords']
  assert len(set(keywords)) == len(keywords) >= 1
  # The keys of the schema; a misspelt one would be silently passed over.
  known = {
    'abstract',
    'authors',
    'cff-version',
    'commit',
    'contact',
    'date-released',
    'doi',
    'identifiers',
    'keywords',
    'license',
    'license-url',
    'message',
    'preferred-citation',
    'references',
    'repository',
    'repository-artifact',
    'repository-code',
    'title',
    'type',
    'url',
    'version',
  }
  assert set(citation) <= known


def test_importing_the_package_imports_nothing_heavy():
  code = 'import jaxhash, sys; print(*sys.modules)'
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=False
  )
  assert done.returncode == 0, done.stderr
  imported = set(done.stdout.split())
  assert 'jaxhash.metrics' in imported
  assert not imported & set(check_installed.HEAVY)


def test_what_is_tried_of_an_installed_package_works_here_too():
  check_installed.check_answers()
