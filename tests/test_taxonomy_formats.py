"""What a taxonomy is made from and read from, and what is refused."""

import copy
import dataclasses
import json
import pickle
import re

import jaxtyping
import pytest

from jaxhash import taxonomy
from jaxhash.taxonomy import Taxonomy
from tests.test_taxonomy import CHAINS, EDGES

NESTED = {'entity': [{'animal': {'feline': ['cat', 'lion'], 'bird': None}}]}
NESTED['entity'].append('boat')


def test_constructors_by_hand():
  trees = [
    taxonomy.from_edges(EDGES),
    taxonomy.from_nested(NESTED),
    taxonomy.from_chains(CHAINS),
    taxonomy.from_chains({k: [v] for k, v in CHAINS.items()}),
  ]
  assert all(tree == trees[0] for tree in trees)
  assert trees[0].root == 'entity'
  assert trees[0].parents['feline'] == ('animal',)
  assert taxonomy.from_edges(EDGES, classes=('boat', 'cat')) != trees[0]
  for other in (pickle.loads(pickle.dumps(trees[0])), copy.deepcopy(trees[0])):
    assert other == trees[0]
  with pytest.raises(dataclasses.FrozenInstanceError):
    trees[0].classes = ()


def test_nodes_without_a_name_are_called_by_their_place():
  tree = taxonomy.from_nested([['a', ['b', 'c']], {'x': ['d'], 'e': {}}, 'f'])
  assert tree.classes == tuple('abcdef')
  assert tree.parents == {
    'root': (),
    'root/0': ('root',),
    'root/0/1': ('root/0',),
    'x': ('root',),
    **{'a': ('root/0',), 'b': ('root/0/1',), 'c': ('root/0/1',)},
    **{'d': ('x',), 'e': ('root',), 'f': ('root',)},
  }
  named = taxonomy.from_nested({'x': ['a', 'b'], 'y': None}, root='top')
  assert named.parents['x'] == named.parents['y'] == ('top',)


def test_what_is_given_can_change_afterwards():
  parents = {'a': ('root',), 'root': ()}
  tree = Taxonomy(('a',), parents)
  parents['c'] = ()
  assert tree == Taxonomy(('a',), {'a': ('root',), 'root': ()})


@pytest.mark.parametrize(
  ('classes', 'parents', 'message'),
  [
    ((), {'a': ()}, 'needs at least one class'),
    ((), {}, 'needs at least one class'),
    (('a', 'b'), {'a': ('r',), 'r': ()}, "class 'b' is not a node"),
    (
      ('a', 'b', 'a'),
      {'a': ('r',), 'b': ('r',), 'r': ()},
      "classes 0 and 2 are both 'a'",
    ),
    (('r',), {'a': ('r',), 'r': ()}, "class 'r' is not a leaf"),
    (('a',), {'a': ('r',)}, "parent 'r' of 'a' is not a node"),
    (
      ('a', 'c'),
      {'a': ('r',), 'r': (), 'c': ()},
      r"one root, but 2 nodes have no parent: 'r', 'c'$",
    ),
    (
      ('a',),
      {'a': ('r0',), **{f'r{i}': () for i in range(7)}},
      r"7 nodes have no parent: 'r0', 'r1', 'r2', 'r3', 'r4', \.\.\.$",
    ),
    (('a',), {'a': ('a',)}, "cycle: 'a' > 'a'"),
    (
      ('a',),
      {'a': ('x', 'r'), 'r': (), 'x': ('y',), 'y': ('x',)},
      "cycle: '([xy])' > '[xy]' > '\\1'",
    ),
    ('a', {'a': ()}, "classes must be a list of names, got 'a'"),
    (('a',), {'a': 'r', 'r': ()}, "parents of 'a' must be a list"),
    (('a', 1), {'a': ()}, 'classes: a name must be text, got 1'),
    (('a',), {'a': (), 2: ()}, 'nodes: a name must be text, got 2'),
    (('a',), {'a': ('',)}, "parents of 'a': a name must be text, got ''"),
  ],
)
def test_what_is_no_taxonomy(classes, parents, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    Taxonomy(classes, parents)


@pytest.mark.parametrize(
  ('make', 'given', 'message'),
  [
    ('edges', [], 'needs at least one class'),
    ('edges', [('r', 'a', 'b')], r"must be \(parent, child\), got \('r', 'a"),
    ('edges', ['ra'], r"must be \(parent, child\), got 'ra'"),
    ('edges', [('r', 1)], r"edge \('r', 1\): a name must be text, got 1"),
    ('edges', [('r', 'a'), ('s', 'b')], "no parent: 'r', 's'"),
    ('edges', [('a', 'b'), ('b', 'a')], "cycle: '([ab])' > '[ab]' > '\\1'"),
    ('nested', [], r'wanted nested dicts and lists of names, got \[\]'),
    ('nested', {}, r'wanted nested dicts and lists of names, got \{\}'),
    ('nested', 'cat', "wanted nested dicts and lists of names, got 'cat'"),
    ('nested', ['a', ['b', 'a']], "'a' is there twice"),
    ('nested', {'x': ['a'], 'y': ['a']}, "'a' is there twice"),
    ('nested', {'x': ['x', 'a']}, "'x' is there twice"),
    ('nested', ['root/1', ['a']], "'root/1' is there twice"),
    ('nested', ['a', []], "list 1 below 'root' is empty"),
    ('nested', {'x': 'a'}, "below 'x' must be a dict, a list or None, got 'a'"),
    ('nested', ['a', 1], 'nested names: a name must be text, got 1'),
    ('nested', {'x': [None]}, 'nested names: a name must be text, got None'),
    ('chains', {}, 'needs at least one class'),
    ('chains', {'a': []}, "chain of 'a' must lead from it to the root"),
    ('chains', {'a': [[]]}, "chain of 'a' must lead from it to the root"),
    ('chains', {'a': ['b', 'r']}, r"chain of 'a' must lead .* got \['b', 'r'"),
    ('chains', {'a': 'abc'}, "chain of 'a' must be a list of names, got 'abc'"),
    ('chains', {'a': ['a', ['r']]}, "a name must be text, got \\['r'\\]"),
    ('chains', {'a': None}, "chain of 'a' must be a list of names, got None"),
    ('chains', {'a': ['a', 'r'], 'b': ['b', 's']}, "no parent: 'r', 's'"),
    ('chains', {'a': ['a', 'r'], 'r': ['r']}, "class 'r' is not a leaf"),
    (
      'chains',
      {'a': ['a', 'x', 'y', 'r'], 'b': ['b', 'y', 'x', 'r']},
      "cycle: '([xy])' > '[xy]' > '\\1'",
    ),
  ],
)
def test_what_the_constructors_do_not_take(make, given, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    getattr(taxonomy, f'from_{make}')(given)


@pytest.mark.parametrize(
  ('make', 'given'), [('edges', EDGES), ('nested', NESTED), ('chains', CHAINS)]
)
def test_classes_that_are_not_there(make, given):
  with pytest.raises(ValueError, match="class 'dog' is not a node"):
    getattr(taxonomy, f'from_{make}')(given, classes=('cat', 'dog'))


@pytest.mark.parametrize(
  'text',
  [
    json.dumps({'classes': list(CHAINS), 'chains': CHAINS, 'names': {}}),
    json.dumps({'chains': CHAINS}),
    json.dumps(NESTED),
    '\n' + '\n'.join(f'{p}  {c}' for p, c in EDGES) + '\n\n',
    '\r\n'.join(f'{p}\t{c}' for p, c in EDGES),
  ],
)
def test_files(tmp_path, text):
  path = tmp_path / 'taxonomy'
  path.write_bytes(text.encode())
  tree = taxonomy.from_chains(CHAINS)
  assert taxonomy.read_taxonomy(path) == tree
  classes = ('boat', 'lion')
  expected = dataclasses.replace(tree, classes=classes)
  assert taxonomy.read_taxonomy(str(path), classes=classes) == expected


def test_the_order_of_classes_is_that_of_the_file(tmp_path):
  path = tmp_path / 'tree.json'
  classes = ['boat', 'cat', 'lion', 'bird']
  path.write_text(json.dumps({'classes': classes, 'chains': CHAINS}))
  assert taxonomy.read_taxonomy(path).classes == tuple(classes)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'needs at least one class'),
    ('{"a": ', 'Expecting value'),
    ('r a\nr b c\n', 'line 2 has 3 names, not a parent and a child'),
    ('r a\n\nb\n', 'line 3 has 1 names'),
    ('a b\nb a\n', "cycle: '([ab])' > '[ab]' > '\\1'"),
    ('{"classes": ["a"]}', 'there are "classes", but no "chains"'),
    ('{"classes": ["b"], "chains": {"a": ["a"]}}', "class 'b' is not a node"),
    ('{"classes": null, "chains": {"a": [1]}}', 'a name must be text, got 1'),
    ('{"classes": 3, "chains": {"a": ["a"]}}', 'classes must be a list'),
    ('{"chains": [["a", "b"]]}', 'chains must be a dict of lists'),
    ('{"r": {"a": {}, "a": {}}}', "'a' is there twice in one JSON object"),
    ('["a", 1]', 'a name must be text, got 1'),
    (b'\xff\xfe', "codec can't decode"),
  ],
)
def test_files_that_are_no_taxonomy(tmp_path, text, message):
  path = tmp_path / 'file.txt'
  path.write_bytes(text if isinstance(text, bytes) else text.encode())
  wanted = 'is JSON with "classes" and "chains".*lines of "parent child": '
  match = f'^{re.escape(str(path))} cannot be .*{wanted}.*{message}'
  with pytest.raises(ValueError, match=match):
    taxonomy.read_taxonomy(path)
  with pytest.raises(ValueError, match=r'cannot be read .*No such file'):
    taxonomy.read_taxonomy(tmp_path / 'none')
