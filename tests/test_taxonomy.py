import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash import taxonomy
from jaxhash.taxonomy import Taxonomy, distances, similarities
from tests.oracles import taxonomy as oracle

# A tree of unequal depth; the heights are animal 2, feline 1, entity 3.
CHAINS = {
  'cat': ['cat', 'feline', 'animal', 'entity'],
  'lion': ['lion', 'feline', 'animal', 'entity'],
  'bird': ['bird', 'animal', 'entity'],
  'boat': ['boat', 'entity'],
}
EDGES = [
  ('feline', 'cat'),
  ('entity', 'animal'),
  ('feline', 'lion'),
  ('animal', 'bird'),
  ('animal', 'feline'),
  ('entity', 'boat'),
]

# a and b are both below tall, which is deep and has a long branch to another
# class, and below low, which is right below the root.
TALL_OR_LOW = [
  *(('root', 'p'), ('p', 'q'), ('q', 'tall'), ('tall', 'a'), ('tall', 'b')),
  *(('tall', 't'), ('t', 'u'), ('u', 'c')),
  *(('root', 'low'), ('low', 'a'), ('low', 'b')),
]


def wu_palmer(tree):
  return similarities(tree, kind='wu_palmer')


@st.composite
def graphs(draw, max_parents):
  """What `Taxonomy` takes: some of the leaves, and parents in any order."""
  size = draw(st.integers(1, 9))
  name = draw(st.permutations([f'n{i}' for i in range(size)]))
  parents = {name[0]: ()}
  for i in range(1, size):
    above = st.lists(
      st.sampled_from(name[:i]), min_size=1, max_size=max_parents, unique=True
    )
    parents[name[i]] = tuple(draw(above))
  leaves = [n for n in name if not any(n in p for p in parents.values())]
  classes = draw(st.lists(st.sampled_from(leaves), min_size=1, unique=True))
  order = draw(st.permutations(name))
  return tuple(classes), {node: parents[node] for node in order}


def test_a_tree_by_hand():
  tree = taxonomy.from_chains(CHAINS)
  d = np.array([[0, 1, 2, 3], [1, 0, 2, 3], [2, 2, 0, 3], [3, 3, 3, 0]]) / 3
  assert distances(tree).dtype == similarities(tree).dtype == np.float64
  np.testing.assert_array_equal(distances(tree), d)
  np.testing.assert_array_equal(similarities(tree), 1 - d)
  # Depths: entity 1, animal and boat 2, feline and bird 3, cat and lion 4.
  w = [[1, 6 / 8, 4 / 7, 2 / 6], [6 / 8, 1, 4 / 7, 2 / 6]]
  w += [[4 / 7, 4 / 7, 1, 2 / 5], [2 / 6, 2 / 6, 2 / 5, 1]]
  np.testing.assert_array_equal(wu_palmer(tree), w)


def test_the_lowest_common_subsumer_of_a_dag_is_not_the_deepest():
  tree = taxonomy.from_edges(TALL_OR_LOW, classes=['a', 'b', 'c'])
  # Heights: low 1, tall 3, root 6. Depths: low 2, tall 4.
  assert distances(tree)[0].tolist() == [0, 1 / 6, 3 / 6]
  np.testing.assert_allclose(wu_palmer(tree)[0], [1, 8 / 10, 8 / (5 + 7)])


def test_wu_palmer_of_a_dag_is_that_of_the_best_subsumer():
  far = [('root', 'x'), ('x', 'deep'), ('root', 'near')]
  far += [('near', 'a'), ('near', 'b')]
  for c in 'ab':
    far += [('deep', f'{c}1'), (f'{c}1', f'{c}2'), (f'{c}2', c)]
  tree = taxonomy.from_edges(far)
  assert tree.classes == ('a', 'b')
  assert wu_palmer(tree)[0, 1] == 4 / 6  # of deep: 6 / 12
  assert distances(tree)[0, 1] == 1 / 5


def test_the_depth_of_a_subsumer_is_its_longest_path():
  edges = [('root', 's'), ('root', 'm'), ('m', 's'), ('s', 'a'), ('s', 'b')]
  # By the shortest path to s: 4 / 6.
  assert wu_palmer(taxonomy.from_edges(edges))[0, 1] == 6 / 8


def test_leaves_that_are_no_classes_count_for_the_height():
  all_leaves = taxonomy.from_edges(EDGES)
  assert all_leaves.classes == ('cat', 'lion', 'bird', 'boat')
  two = taxonomy.from_edges(EDGES, classes=('boat', 'bird'))
  np.testing.assert_array_equal(distances(two), [[0, 1], [1, 0]])
  two = taxonomy.from_chains(CHAINS, classes=('lion', 'bird'))
  np.testing.assert_array_equal(distances(two), [[0, 2 / 3], [2 / 3, 0]])


def test_a_root_alone():
  tree = taxonomy.from_nested(['thing'], root='thing/s')
  assert (tree.classes, tree.root) == (('thing',), 'thing/s')
  alone = taxonomy.from_nested({'thing': []})
  assert alone == Taxonomy(('thing',), {'thing': ()})
  for t in (tree, alone):
    assert distances(t).tolist() == [[0.0]]
    assert similarities(t).tolist() == wu_palmer(t).tolist() == [[1.0]]


@given(graphs(max_parents=3))
def test_dags_agree_with_every_path(graph):
  tree = Taxonomy(*graph)
  for measure, ours in (
    (oracle.distance, distances(tree)),
    (oracle.wu_palmer, wu_palmer(tree)),
  ):
    expected = oracle.table(measure, tree.classes, tree.parents)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


@given(graphs(max_parents=3))
def test_dags_have_the_properties_of_a_similarity(graph):
  tree = Taxonomy(*graph)
  d, h, w = distances(tree), similarities(tree), wu_palmer(tree)
  others = ~np.eye(len(d), dtype=bool)
  for s in (h, w):
    np.testing.assert_array_equal(s, s.T)
    np.testing.assert_array_equal(np.diag(s), 1)
    assert (s >= 0).all() and (s[others] < 1).all()
  np.testing.assert_array_equal(np.diag(d), 0)
  assert (d <= 1).all() and (d[others] > 0).all() and (w > 0).all()
  turned = dataclasses.replace(tree, classes=tree.classes[::-1])
  np.testing.assert_array_equal(distances(turned), d[::-1, ::-1])
  np.testing.assert_array_equal(wu_palmer(turned), w[::-1, ::-1])


@given(graphs(max_parents=1))
def test_trees_are_ultrametric(graph):
  tree = Taxonomy(*graph)
  d = distances(tree)
  assert (d[:, None] <= np.maximum(d[:, :, None], d[None])).all()


@given(graphs(max_parents=1))
def test_constructors_agree_on_trees(graph):
  tree = Taxonomy(*graph)
  edges = [(p, c) for c, above in tree.parents.items() for p in above]
  paths = oracle.all_paths(tree.parents)
  below = {n: [c for c, p in tree.parents.items() if n in p] for n in paths}
  leaves = [n for n in paths if not below[n]]

  def nest(node):
    return {c: nest(c) for c in below[node]}

  made = [
    taxonomy.from_nested({tree.root: nest(tree.root)}, classes=tree.classes),
    taxonomy.from_chains(
      {leaf: paths[leaf][0] for leaf in leaves}, classes=tree.classes
    ),
  ]
  if edges:
    made.append(taxonomy.from_edges(edges, classes=tree.classes))
  assert all(t == tree for t in made)
  assert len({*map(hash, made), hash(tree)}) == 1


@given(graphs(max_parents=3))
def test_constructors_agree_on_dags(graph):
  tree = Taxonomy(*graph)
  edges = [(p, c) for c, above in tree.parents.items() for p in above]
  paths = oracle.all_paths(tree.parents)
  inner = {p for p, _ in edges}
  chains = {leaf: paths[leaf] for leaf in paths if leaf not in inner}
  assert taxonomy.from_chains(chains, classes=tree.classes) == tree
  if edges:
    twice = edges[::-1] + edges
    assert taxonomy.from_edges(twice, classes=tree.classes) == tree


def test_an_unknown_kind():
  with pytest.raises(ValueError, match="unknown kind 'lin'; known: height"):
    similarities(taxonomy.from_edges(EDGES), kind='lin')


def test_wordnet_above_tiny_imagenet(real_data):
  path = real_data / 'tiny-imagenet-200' / 'wordnet_tree.json'
  if not path.exists():
    pytest.skip(f'there is no {path}')
  tree = taxonomy.read_taxonomy(path)
  names = json.loads(path.read_text())['names']
  assert len(tree.classes) == 200 and len(tree.parents) == len(names) == 519
  assert names[tree.root] == 'entity'
  assert tree.classes == tuple(sorted(tree.classes))
  label = {names[c]: i for i, c in enumerate(tree.classes)}
  goldfish, tarantula, cockroach = (
    label[name] for name in ('goldfish', 'tarantula', 'cockroach')
  )
  # The heights of entity, animal and arthropod are 17, 11 and 5, and all are
  # below physical_entity, of height 16.
  d, w = distances(tree), wu_palmer(tree)
  assert d[tarantula, cockroach] == 5 / 17
  assert d[goldfish, tarantula] == d[goldfish, cockroach] == 11 / 17
  # The depths of the three classes are 17, 12, 12, of those two nodes 7 and 9.
  assert w[tarantula, cockroach] == 18 / 24
  assert w[goldfish, tarantula] == 14 / 29
  assert d.max() == 16 / 17
  assert (d[:, None] <= np.maximum(d[:, :, None], d[None])).all()
  some = tree.classes[::20]
  for measure, ours in ((oracle.distance, d), (oracle.wu_palmer, w)):
    expected = oracle.table(measure, some, tree.parents)
    np.testing.assert_allclose(ours[::20, ::20], expected, rtol=1e-12)


def test_cifar100():
  tree = taxonomy.cifar100()
  assert len(set(tree.classes)) == 100
  assert tree.classes == tuple(sorted(tree.classes))
  assert [tree.classes[i] for i in (0, 1, 2, 81, 99)] == [
    *('apple', 'aquarium_fish', 'baby', 'streetcar', 'worm')
  ]
  coarse = sorted(
    n for n, above in tree.parents.items() if above == (tree.root,)
  )
  assert len(coarse) == 20 and len(tree.parents) == 121
  labels = [coarse.index(tree.parents[c][0]) for c in tree.classes]
  # The coarse label of each fine label, as in the data set's files.
  assert labels == [
    *(4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11),
    *(6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5),
    *(5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17),
    *(10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13),
    *(16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13),
  ]
  same = np.equal.outer(labels, labels)
  assert (same.sum(axis=1) == 5).all()
  expected = np.where(same, 0.5, 1) - np.eye(100) / 2
  np.testing.assert_array_equal(distances(tree), expected)


def test_a_thousand_classes():
  rng = np.random.default_rng(0)
  edges = [(f'{rng.integers(i)}', f'{i}') for i in range(1, 1000)]
  edges += [(f'{rng.integers(i)}', f'{i}') for i in range(1, 1000)]
  edges += [(f'{rng.integers(1000)}', f'c{i}') for i in range(1000)]
  tree = taxonomy.from_edges(edges, classes=[f'c{i}' for i in range(1000)])
  d, w = distances(tree), wu_palmer(tree)
  assert d.shape == w.shape == (1000, 1000)
  assert len(np.unique(d)) > 5
