import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jaxhash import training
from jaxhash.data import normalize
from jaxhash.data.pipeline import make_pipeline
from jaxhash.data.protocols.general import per_class
from jaxhash.data.sources.synthetic import clusters, shapes


def images(**options):
  dataset = shapes(num_per_class=12)
  split = per_class(
    dataset,
    num_query=2,
    num_train=8,
    num_labelled=options.pop('num_labelled', None),
  )
  options.setdefault('batch_size', 8)
  return dataset, split, make_pipeline(dataset, split, **options)


def test_a_batch_is_the_rows_of_its_index():
  dataset, split, pipeline = images(normalize='none')
  batch = pipeline.prepare(pipeline.data, pipeline.batch(3), jax.random.key(0))
  rows = split.train[np.asarray(batch['index'])]
  np.testing.assert_allclose(
    batch['inputs'], dataset.inputs[rows] / 255, rtol=1e-6
  )
  np.testing.assert_array_equal(batch['labels'], dataset.labels[rows])
  assert 'labelled' not in batch
  assert pipeline.steps_per_epoch == 72 // 8


@pytest.mark.parametrize('normalize', ['channel', 'scalar'])
def test_train_rows_are_normalised(normalize):
  dataset, split, pipeline = images(normalize=normalize)
  x = np.asarray(
    pipeline.preprocess(pipeline.data, dataset.inputs[split.train])
  )
  np.testing.assert_allclose(x.mean((0, 1, 2)), 0, atol=1e-4)
  std = np.sqrt(np.square(x).mean((0, 1, 2)))
  if normalize == 'channel':
    np.testing.assert_allclose(std, 1, rtol=1e-4)
  assert np.square(std).mean() == pytest.approx(1, rel=1e-4)


def test_rows_of_unit_length():
  dataset = clusters(num_classes=2, num_per_class=9)
  dataset = dataset._replace(inputs=dataset.inputs.astype(np.float16) * 100)
  split = per_class(dataset, num_query=1, num_train=4)
  pipeline = make_pipeline(dataset, split, batch_size=2, normalize='l2')
  x = pipeline.preprocess(pipeline.data, dataset.inputs)
  np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-5)


def test_a_value_that_never_changes_becomes_zero():
  dataset = clusters(num_classes=2, num_per_class=9)
  dataset.inputs[:, 0] = 7
  split = per_class(dataset, num_query=1, num_train=4)
  pipeline = make_pipeline(dataset, split, batch_size=2)
  x = pipeline.preprocess(pipeline.data, dataset.inputs)
  np.testing.assert_allclose(x[:, 0], 0, atol=1e-5)


def test_views_are_view_major():
  options = {'augment': {'noise': 0.01}, 'views': 2, 'normalize': 'none'}
  _, _, pipeline = images(**options)
  batch = pipeline.prepare(pipeline.data, pipeline.batch(0), jax.random.key(0))
  first, second = np.split(np.asarray(batch['inputs']), 2)
  assert batch['labels'].shape == (8,)
  np.testing.assert_allclose(first, second, atol=0.1)
  assert not np.array_equal(first, second)


def test_hidden_labels_are_hidden():
  dataset, split, pipeline = images(
    num_labelled=2, num_labelled_per_batch=3, seed=5
  )
  for step in range(4):
    batch = pipeline.prepare(
      pipeline.data, pipeline.batch(step), jax.random.key(0)
    )
    labelled = np.asarray(batch['labelled'])
    assert labelled.sum() == 3
    rows = split.train[np.asarray(batch['index'])]
    np.testing.assert_array_equal(
      batch['labels'], np.where(labelled, dataset.labels[rows], -1)
    )
    np.testing.assert_array_equal(labelled, np.isin(rows, split.labelled))


def test_hidden_multi_hot_labels_are_zero():
  dataset = shapes(num_per_class=4, multi_label=True)
  split = per_class(
    shapes(num_per_class=4), num_query=1, num_train=2, num_labelled=1
  )
  pipeline = make_pipeline(dataset, split, batch_size=4)
  labels = np.asarray(pipeline.data['labels'])
  hidden = ~np.isin(split.train, split.labelled)
  assert not labels[hidden].any()
  assert labels[~hidden].any(1).all()


def test_from_the_host_the_same_batches_come_in_any_order():
  options = {'augment': {'pad': 1, 'flip': True}, 'seed': 2}
  _, _, device = images(**options)
  _, _, host = images(device_limit_bytes=0, **options)
  assert 'inputs' not in host.data
  for step in (0, 1, 2, 7, 1):
    key = jax.random.key(step)
    a, b = (
      jax.jit(p.prepare)(p.data, p.batch(step), key) for p in (device, host)
    )
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_mesh_of_four_gives_the_same_values():
  _, _, pipeline = images(augment={'pad': 1, 'flip': True})
  mesh = training.make_mesh()
  assert mesh.size == 4
  sharded = jax.device_put(
    pipeline.batch(0), NamedSharding(mesh, PartitionSpec('data'))
  )
  data = jax.device_put(pipeline.data, NamedSharding(mesh, PartitionSpec()))
  key = jax.random.key(0)
  one = jax.jit(pipeline.prepare)(pipeline.data, pipeline.batch(0), key)
  four = jax.jit(pipeline.prepare)(data, sharded, key)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
    one,
    four,
  )


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'normalize': 'whiten'}, "unknown normalize 'whiten'.*channel"),
    ({'views': 0}, 'views must be an int of at least 1'),
    ({'batch_size': 1000}, 'the 72 rows there are, got 1000'),
    ({'num_labelled_per_batch': 1}, 'hides none'),
    ({'rows_per_class': 3}, 'not a multiple of rows_per_class 3'),
    ({'rows_per_class': 2, 'num_labelled_per_batch': 1}, 'hides none'),
    ({'augment': {'flp': True}}, "'flp' .did you mean 'flip'"),
    ({'augment': {'pad': 16}}, 'less than the image of 16 x 16'),
  ],
)
def test_refuses(options, message):
  with pytest.raises(ValueError, match=message):
    images(**options)


class Unreadable:
  """Rows that must not be read."""

  def __init__(self, like):
    self.shape, self.dtype = like.shape, like.dtype

  def __len__(self):
    return self.shape[0]

  def __getitem__(self, rows):
    raise AssertionError('read before the arguments were checked')


def test_a_wrong_argument_is_refused_before_a_row_is_read():
  dataset, split, _ = images()
  dataset = dataset._replace(inputs=Unreadable(dataset.inputs))
  for wrong in ({'augment': {'pda': 1}}, {'augment': {'noise': -1.0}}):
    with pytest.raises(ValueError, match=r'pda|noise'):
      make_pipeline(dataset, split, batch_size=8, **wrong)


@pytest.mark.parametrize(('offset', 'size'), [(0, 1e-7), (1e4, 1), (-3, 1e3)])
def test_statistics_of_blocks_at_any_scale(monkeypatch, offset, size):
  monkeypatch.setattr(normalize, 'BLOCK_ROWS', 7)
  dataset = clusters(num_classes=2, num_per_class=50)
  x = dataset.inputs.astype(np.float64) * size + offset
  dataset = dataset._replace(inputs=x.astype(np.float32))
  split = per_class(dataset, num_query=1, num_train=45)
  rows = dataset.inputs[split.train].astype(np.float64)
  pipeline = make_pipeline(dataset, split, batch_size=2)
  got = pipeline.data['statistics']
  np.testing.assert_allclose(got['mean'], rows.mean(0), rtol=1e-6)
  np.testing.assert_allclose(got['scale'], 1 / rows.std(0), rtol=1e-6)


def test_float16_features_do_not_overflow():
  dataset = clusters(num_classes=2, num_per_class=50)
  dataset = dataset._replace(inputs=(dataset.inputs * 3000).astype(np.float16))
  split = per_class(dataset, num_query=1, num_train=40)
  pipeline = make_pipeline(dataset, split, batch_size=2, normalize='scalar')
  x = pipeline.preprocess(pipeline.data, dataset.inputs)
  assert jnp.isfinite(x).all() and x.dtype == jnp.float32


def test_batches_with_several_rows_of_a_class():
  dataset = clusters(num_classes=4, num_per_class=20)
  split = per_class(dataset, num_query=1, num_train=16)
  pipeline = make_pipeline(dataset, split, batch_size=12, rows_per_class=3)
  key = jax.random.key(0)
  for step in range(2 * pipeline.steps_per_epoch):
    batch = pipeline.prepare(pipeline.data, pipeline.batch(step), key)
    labels = np.asarray(batch['labels']).reshape(4, 3)
    assert (labels == labels[:, :1]).all()
  hidden = per_class(dataset, num_query=1, num_train=16, num_labelled=4)
  with pytest.raises(ValueError, match='for a split that hides no labels'):
    make_pipeline(dataset, hidden, batch_size=12, rows_per_class=3)
