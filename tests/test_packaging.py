"""What stands beside the code: the citation file."""

import pathlib
import tomllib

import yaml

import jaxhash

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
