import numpy as np
import pytest

from jaxhash.data.protocols import cifar10, digits, general
from jaxhash.data.sources.synthetic import clusters, shapes
from jaxhash.data.splits import (
  check_split,
  load_split,
  save_split,
  split_digest,
)
from jaxhash.data.types import Dataset


def cifar_like():
  labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 6000))
  order = np.argsort(np.argsort(labels, kind='stable') % 6 == 5, kind='stable')
  return Dataset(
    'cifar10',
    np.zeros((60000, 1), np.float16),
    labels[order].astype(np.int32),
    10,
    tuple('abcdefghij'),
    50000,
  )


def counts(dataset, rows):
  return np.unique(np.bincount(dataset.labels[rows], minlength=10))


# Sizes of train, val, query, database.
@pytest.mark.parametrize(
  ('protocol', 'options', 'sizes'),
  [
    ('cifar10_54000', {}, (5000, 1000, 1000, 54000)),
    ('cifar10_i', {}, (5000, 1000, 1000, 59000)),
    ('cifar10_ii', {}, (50000, 0, 10000, 50000)),
    ('cifar10_ii', {'final_fit': False}, (45000, 5000, 10000, 50000)),
    ('cifar10_ii_pooled', {}, (50000, 0, 10000, 50000)),
    ('cifar10_ii_pooled', {'final_fit': False}, (45000, 5000, 10000, 50000)),
  ],
)
def test_the_four_of_cifar10(protocol, options, sizes):
  dataset = cifar_like()
  make = getattr(cifar10, protocol)
  split = make(dataset, seed=1, **options)
  parts = (split.train, split.val, split.query, split.database)
  assert tuple(map(len, parts)) == sizes
  if protocol != 'cifar10_ii':  # the official split is what it is
    for rows in (split.train, split.val, split.query):
      assert len(counts(dataset, rows)) == 1
  train_searched = np.isin(split.train, split.database)
  assert train_searched.all() == (protocol != 'cifar10_54000')
  assert train_searched.any() == (protocol != 'cifar10_54000')
  assert np.isin(split.val, split.database).all()
  same, other = make(dataset, seed=1, **options), make(dataset, seed=2)
  assert split_digest(same) == split_digest(split)
  if protocol != 'cifar10_ii':
    assert split_digest(other) != split_digest(split)


def test_digits_sizes():
  labels = np.repeat(np.arange(10), 180)[:1797].astype(np.int32)
  dataset = Dataset(
    'digits', np.zeros((1797, 8, 8, 1)), labels, 10, tuple('0123456789')
  )
  split = digits.digits(dataset)
  parts = (split.train, split.val, split.query, split.database)
  assert tuple(map(len, parts)) == (1000, 100, 200, 1597)


def test_labelled_rows_are_a_part_of_train():
  dataset = clusters(num_classes=4, num_per_class=20)
  split = general.per_class(dataset, num_query=2, num_train=10, num_labelled=3)
  assert len(split.labelled) == 12
  assert np.isin(split.labelled, split.train).all()
  assert 'num_labelled=3' in split.protocol


def test_leave_one_out_searches_itself():
  dataset = clusters(num_classes=4, num_per_class=5)._replace(
    num_official_train=12
  )
  split = general.leave_one_out(dataset)
  np.testing.assert_array_equal(split.query, split.database)
  assert len(split.query) == 8


def test_held_out_queries():
  dataset = clusters(num_classes=4, num_per_class=5)._replace(
    num_official_train=12
  )
  split = general.held_out_queries(dataset, num_query=3, num_val=2)
  assert (split.query >= 12).all() and (split.val >= 12).all()
  assert len(split.database) == 17
  with pytest.raises(ValueError, match='the test part has 8 rows'):
    general.held_out_queries(dataset, num_query=9)


def test_random_rows_for_multi_label():
  dataset = shapes(num_per_class=4, multi_label=True)
  split = general.random_rows(
    dataset, num_query=5, num_train=10, num_val=3, train_in_database=False
  )
  assert len(split.database) == 36 - 15
  with pytest.raises(ValueError, match='use random_rows'):
    general.per_class(dataset, num_query=1, num_train=1)


def test_too_few_rows():
  dataset = clusters(num_classes=4, num_per_class=5)
  with pytest.raises(ValueError, match='has 5 rows, 6 are wanted'):
    general.per_class(dataset, num_query=3, num_train=3)
  with pytest.raises(ValueError, match='no official split'):
    general.official(dataset)
  with pytest.raises(ValueError, match='60,000 rows'):
    cifar10.cifar10_i(dataset)


def test_a_saved_split_comes_back(tmp_path):
  dataset = clusters(num_classes=4, num_per_class=9)
  for labelled in (None, 2):
    split = general.per_class(
      dataset, num_query=2, num_train=3, num_labelled=labelled
    )
    save_split(split, tmp_path / 's.npz')
    loaded = load_split(tmp_path / 's.npz')
    assert split_digest(loaded) == split_digest(split)
    assert loaded.protocol == split.protocol
    assert (loaded.labelled is None) == (labelled is None)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'query': [0, 1]}, 'both query and train'),
    ({'query': [8]}, 'both query and database'),
    ({'val': [0]}, 'both val and train'),
    ({'val': [7]}, 'both val and query'),
    ({'query': []}, 'query is empty'),
    ({'train': [0, 99]}, 'outside the 10'),
    ({'train': [1, 1]}, 'twice'),
    ({'train': [1, 0]}, 'not sorted'),
    ({'labelled': [5]}, '1 are not'),
    ({'labelled': []}, 'labelled'),
  ],
)
def test_what_a_protocol_forbids(change, message):
  parts = {'train': [0, 1], 'val': [2], 'query': [7], 'database': [0, 1, 2, 8]}
  parts = {k: np.array(v, np.int32) for k, v in {**parts, **change}.items()}
  with pytest.raises(ValueError, match=message):
    check_split(general.Split('p', **parts), 10)
