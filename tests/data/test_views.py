"""Views that were computed before: files, checks, protocol and batches."""

import jax
import numpy as np
import pytest

from jaxhash.data.pipeline import make_pipeline
from jaxhash.data.protocols.views import train_with_views
from jaxhash.data.sources.arrays import arrays
from jaxhash.data.sources.synthetic import clusters
from jaxhash.data.splits import data_digest
from jaxhash.data.types import Views
from jaxhash.data.validate import check_dataset

ROWS = np.array([3, 4, 7, 11, 20, 21, 30, 31])


def with_views(rows=ROWS, views=2):
  data = clusters(num_classes=3, num_per_class=20, num_features=4)
  rng = np.random.default_rng(0)
  seen = data.inputs[rows][None] + rng.normal(size=(views, len(rows), 4))
  return data._replace(
    num_official_train=40, views=Views(seen.astype(np.float32), rows)
  )


def test_a_batch_has_the_views_of_its_rows():
  data = with_views()
  split = train_with_views(data, num_query=5, num_val=4)
  np.testing.assert_array_equal(split.train, ROWS)
  pipelines = [
    make_pipeline(
      data, split, batch_size=4, views=2, normalize='none', **options
    )
    for options in ({}, {'device_limit_bytes': 0})
  ]
  for pipeline in pipelines:
    for step in (0, 1, 2, 0):
      batch = pipeline.prepare(
        pipeline.data, pipeline.batch(step), jax.random.key(0)
      )
      index = np.asarray(batch['index'])
      expected = data.views.inputs[:, index].reshape(8, 4)
      np.testing.assert_array_equal(batch['inputs'], expected)
      np.testing.assert_array_equal(batch['labels'], data.labels[ROWS[index]])


def test_views_are_normalised_and_augmented_too():
  data = with_views()
  split = train_with_views(data, num_query=5)
  plain, noisy = (
    make_pipeline(data, split, batch_size=8, views=2, augment=augment)
    for augment in ({}, {'noise': 1e-3})
  )
  a, b = (
    np.asarray(p.prepare(p.data, p.batch(0), jax.random.key(0))['inputs'])
    for p in (plain, noisy)
  )
  index = plain.batch(0)['index']
  for view, got in zip(data.views.inputs, np.split(a, 2)):
    expected = plain.preprocess(plain.data, view[index])
    np.testing.assert_allclose(got, expected, rtol=1e-6)
  assert not np.array_equal(a, b)
  np.testing.assert_allclose(a, b, atol=0.01)


def test_one_view_is_the_row_itself():
  data = with_views()
  split = train_with_views(data, num_query=5)
  pipeline = make_pipeline(data, split, batch_size=8, normalize='none')
  batch = pipeline.prepare(pipeline.data, pipeline.batch(0), jax.random.key(0))
  np.testing.assert_array_equal(
    batch['inputs'], data.inputs[ROWS[np.asarray(batch['index'])]]
  )


def test_what_views_cannot_do():
  data = with_views()
  split = train_with_views(data, num_query=5)
  with pytest.raises(
    ValueError, match='has 2 views of a row, views asks for 3'
  ):
    make_pipeline(data, split, batch_size=4, views=3)
  more = split._replace(train=np.arange(10))
  with pytest.raises(ValueError, match=r'7 train rows are not.*first is 0'):
    make_pipeline(data, more, batch_size=4, views=2)
  make_pipeline(data, more, batch_size=4)  # one view wants none of them


def test_the_protocol_draws_queries_alone():
  data = with_views()
  a, b = (
    train_with_views(data, num_query=5, num_val=num_val, seed=1)
    for num_val in (0, 6)
  )
  other = train_with_views(data, num_query=5, seed=2)
  np.testing.assert_array_equal(a.query, b.query)
  assert len(b.val) == 6 and not np.isin(b.val, ROWS).any()
  assert a.query.min() >= 40 and not np.array_equal(a.query, other.query)
  np.testing.assert_array_equal(a.database, np.arange(40))


@pytest.mark.parametrize(
  ('change', 'options', 'message'),
  [
    ({'views': None}, {}, 'clusters has no views'),
    ({'num_official_train': None}, {}, 'no official split'),
    ({'num_official_train': 25}, {}, '2 rows with views are not in the offic'),
    ({}, {'num_query': 21}, '21 rows are wanted, there are 20'),
    ({}, {'num_val': 33}, '33 rows are wanted, there are 32'),
  ],
)
def test_the_protocol_refuses(change, options, message):
  data = with_views()._replace(**change)
  with pytest.raises(ValueError, match=message):
    train_with_views(data, **{'num_query': 5, **options})


@pytest.mark.parametrize(
  ('views', 'message'),
  [
    (Views(np.zeros((2, 8, 3), np.float32), ROWS), r'\[views, 8, 4\], got'),
    (Views(np.zeros((2, 8, 4)), ROWS), r'be float32 .*got float64'),
    (Views(np.zeros((0, 8, 4), np.float32), ROWS), r'not be empty.*\[0, 8, 4'),
    (Views(np.zeros((2, 0, 4), np.float32), ROWS[:0]), r'not be empty'),
    (Views(np.zeros((2, 8, 4), np.float32), ROWS[::-1]), 'sorted'),
    (Views(np.zeros((2, 8, 4), np.float32), ROWS + 30), 'some of the 60 rows'),
    (Views(np.full((2, 8, 4), np.nan, np.float32), ROWS), 'not finite'),
  ],
)
def test_views_that_are_wrong(views, message):
  with pytest.raises(ValueError, match=message):
    check_dataset(with_views()._replace(views=views))


def test_views_from_files(tmp_path):
  data = with_views()
  np.save(tmp_path / 'inputs.npy', data.inputs)
  np.save(tmp_path / 'labels.npy', data.labels)
  assert arrays(folder=str(tmp_path)).views is None
  np.save(tmp_path / 'views.npy', data.views.inputs)
  first = arrays(folder=str(tmp_path)).views
  np.testing.assert_array_equal(first.rows, np.arange(8))
  np.save(tmp_path / 'view_rows.npy', ROWS[::-1])  # in any order
  views = arrays(folder=str(tmp_path)).views
  np.testing.assert_array_equal(views.rows, ROWS)
  np.testing.assert_array_equal(views.inputs, data.views.inputs[:, ::-1])
  np.save(tmp_path / 'view_rows.npy', ROWS[:3])
  with pytest.raises(ValueError, match=r'must be int \[8\].*got int64 \[3\]'):
    arrays(folder=str(tmp_path))
  np.save(tmp_path / 'views.npy', data.views.inputs[0])
  with pytest.raises(ValueError, match=r'must be \[views, rows, ...\], got'):
    arrays(folder=str(tmp_path))


def test_a_change_of_the_views_is_a_change_of_the_data():
  data = with_views()
  split = train_with_views(data, num_query=5)
  changed = data.views._replace(inputs=data.views.inputs + 1)
  digests = {
    data_digest(split, data._replace(views=views))
    for views in (None, data.views, changed)
  }
  assert len(digests) == 3
