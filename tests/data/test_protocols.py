import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxhash.data.protocols import cifar10, digits, general
from jaxhash.data.sources.synthetic import clusters, shapes
from jaxhash.data.splits import (
  check_split,
  data_digest,
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
    ('cifar10_i_database', {}, (59000, 0, 1000, 59000)),
    ('cifar10_ii', {}, (50000, 0, 10000, 50000)),
    ('cifar10_ii', {'final_fit': False}, (45000, 5000, 10000, 50000)),
    ('cifar10_ii_pooled', {}, (50000, 0, 10000, 50000)),
    ('cifar10_ii_pooled', {'final_fit': False}, (45000, 5000, 10000, 50000)),
  ],
)
def test_those_of_cifar10(protocol, options, sizes):
  dataset = cifar_like()
  make = getattr(cifar10, protocol)
  split = make(dataset, seed=1, **options)
  parts = (split.train, split.val, split.query, split.database)
  assert tuple(map(len, parts)) == sizes
  assert split.protocol.startswith(f'{protocol} = ')
  if protocol != 'cifar10_ii':  # the official split is what it is
    for rows in (split.train, split.val, split.query):
      assert len(counts(dataset, rows)) == 1
  train_searched = np.isin(split.train, split.database)
  assert train_searched.all() == (protocol != 'cifar10_54000')
  assert train_searched.any() == (protocol != 'cifar10_54000')
  assert np.isin(split.val, split.database).all()
  same, other = make(dataset, seed=1, **options), make(dataset, seed=2)
  assert split_digest(same, dataset.labels) == split_digest(
    split, dataset.labels
  )
  if protocol != 'cifar10_ii':
    assert split_digest(other, dataset.labels) != split_digest(
      split, dataset.labels
    )


def test_protocol_i_has_the_same_queries_whatever_trains():
  dataset = cifar_like()
  for seed in (0, 3):
    a = cifar10.cifar10_i(dataset, seed=seed)
    b = cifar10.cifar10_i_database(dataset, seed=seed)
    np.testing.assert_array_equal(a.query, b.query)
    np.testing.assert_array_equal(a.database, b.database)
    np.testing.assert_array_equal(b.train, b.database)


@settings(deadline=None, max_examples=40)
@given(
  labels=st.lists(st.integers(0, 2), min_size=6, max_size=60),
  query=st.integers(1, 4),
  train=st.integers(1, 4),
  val=st.integers(0, 3),
  inside=st.booleans(),
)
def test_per_class_counts_and_keeps_apart(labels, query, train, val, inside):
  dataset = Dataset(
    'any', np.zeros((len(labels), 1)), np.array(labels, np.int32), 3, ('a',) * 3
  )
  options = {'num_query': query, 'num_train': train, 'num_val': val}
  smallest = np.bincount(labels, minlength=3).min()
  if query + train + val > smallest:
    with pytest.raises(ValueError, match='are wanted'):
      general.per_class(dataset, **options)
    return
  if not inside and len(labels) == 3 * (query + train):
    return  # an empty database, which check_split refuses
  split = general.per_class(dataset, train_in_database=inside, **options)
  for rows, count in ((split.query, query), (split.train, train)):
    np.testing.assert_array_equal(
      np.bincount(dataset.labels[rows], minlength=3), count
    )
  assert len(split.val) == 3 * val
  used = np.concatenate([split.query, split.train, split.val])
  assert len(np.unique(used)) == len(used)
  out = set(split.query) | (set() if inside else set(split.train))
  assert set(split.database) == set(range(len(labels))) - out


def test_some_of_the_official_queries():
  dataset = clusters(num_classes=4, num_per_class=9)
  order = np.random.default_rng(0).permutation(36)
  dataset = dataset._replace(
    inputs=dataset.inputs[order],
    labels=dataset.labels[order],
    num_official_train=26,
  )
  few = general.official(dataset, num_query=4)
  assert len(few.query) == 4 and (few.query >= 26).all()
  with_val = general.official(dataset, num_query=4, num_val=1)
  np.testing.assert_array_equal(few.query, with_val.query)
  with pytest.raises(ValueError, match='11 rows are wanted, there are 10'):
    general.official(dataset, num_query=11)


def test_the_official_split_of_a_multi_label_set():
  dataset = shapes(num_per_class=4, multi_label=True)
  split = general.official(dataset._replace(num_official_train=30))
  assert (len(split.train), len(split.query)) == (30, 6)


def test_a_negative_number_of_rows_is_refused():
  dataset = clusters(num_classes=4, num_per_class=5)._replace(
    num_official_train=12
  )
  for make, options in (
    (general.held_out_queries, {'num_query': 4, 'num_val': -1}),
    (general.held_out_queries, {'num_query': -1}),
    (general.random_rows, {'num_query': 3, 'num_train': 4, 'num_val': -2}),
    (general.official, {'num_query': -1}),
    (general.per_class, {'num_query': -1, 'num_train': 2}),
  ):
    with pytest.raises(ValueError, match='negative'):
      make(dataset, **options)


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
  with pytest.raises(ValueError, match='9 rows are wanted, there are 8'):
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
  ids = np.array([f'picture {i}' for i in range(36)])
  dataset = clusters(num_classes=4, num_per_class=9)._replace(ids=ids)
  for labelled in (None, 2):
    split = general.per_class(
      dataset, num_query=2, num_train=3, num_labelled=labelled
    )
    save_split(split, tmp_path / 'named', dataset)
    loaded, digest = load_split(tmp_path / 'named')
    assert digest == data_digest(loaded, dataset)
    assert digest == data_digest(split, dataset)
    assert digest.startswith(split_digest(split, dataset.labels))
    other = dataset._replace(inputs=dataset.inputs + 1)
    assert digest != data_digest(split, other)
    half = dataset._replace(inputs=dataset.inputs.astype(np.float16))
    assert digest != data_digest(split, half)
    assert loaded.protocol == split.protocol
    assert (loaded.labelled is None) == (labelled is None)
    with np.load(tmp_path / 'named') as arrays:
      np.testing.assert_array_equal(arrays['query_ids'], ids[split.query])


def test_a_file_that_is_no_split(tmp_path):
  with pytest.raises(ValueError, match='cannot be read'):
    load_split(tmp_path / 'none.npz')
  (tmp_path / 'text').write_text('rows')
  with pytest.raises(ValueError, match='cannot be read'):
    load_split(tmp_path / 'text')
  np.savez(tmp_path / 'other.npz', x=np.ones(2))
  with pytest.raises(ValueError, match='no saved split: it has x'):
    load_split(tmp_path / 'other.npz')


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


def test_train_rows_in_a_database_that_must_not_have_any():
  parts = {'train': [0, 1], 'val': [2], 'query': [7], 'database': [1, 2, 8]}
  split = general.Split(
    'p', **{k: np.array(v, np.int32) for k, v in parts.items()}
  )
  check_split(split, 10)
  with pytest.raises(ValueError, match='1 rows are both train and database'):
    check_split(split, 10, train_in_database=False)
