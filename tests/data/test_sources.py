import numpy as np
import pytest

from jaxhash.data.protocols import general
from jaxhash.data.protocols.cifar10 import cifar10_i
from jaxhash.data.sources import arrays, synthetic, tfds_images
from jaxhash.data.sources.digits import digits
from jaxhash.data.validate import check_dataset


def test_digits():
  dataset = digits()
  check_dataset(dataset)
  assert dataset.inputs.shape == (1797, 8, 8, 1)
  assert dataset.inputs.max() == 255
  assert len(np.unique(dataset.inputs)) == 17  # 0 to 16 of the source


def test_clusters_are_nearer_in_the_tree():
  dataset = synthetic.clusters(num_classes=8, num_per_class=20, spread=0.1)
  check_dataset(dataset)
  means = dataset.inputs.reshape(8, 20, -1).mean(1)
  distance = np.linalg.norm(means[:, None] - means[None], axis=-1)
  siblings = [distance[i, i ^ 1] for i in range(8)]
  furthest = [distance[i, i ^ 4] for i in range(8)]
  assert max(siblings) < min(furthest)


@pytest.mark.parametrize('multi_label', [False, True])
def test_shapes(multi_label):
  dataset = synthetic.shapes(num_per_class=5, multi_label=multi_label)
  check_dataset(dataset)
  assert dataset.inputs.shape == (45, 16, 16, 3)
  if multi_label:
    assert (dataset.labels.sum(1) == 2).all()
  else:
    parents = synthetic.shapes_parents()
    assert {parents[n] for n in dataset.class_names} == set(synthetic.FAMILIES)
  again = synthetic.shapes(num_per_class=5, multi_label=multi_label)
  np.testing.assert_array_equal(dataset.inputs, again.inputs)


def write(folder, **files):
  for name, value in files.items():
    np.save(folder / f'{name}.npy', value)


def test_arrays_of_one_part(tmp_path):
  x = np.arange(12, dtype=np.float32).reshape(4, 3)
  write(tmp_path, inputs=x, labels=[0, 1, 2, 1], ids=['a', 'b', 'c', 'd'])
  dataset = arrays.arrays(folder=str(tmp_path))
  check_dataset(dataset)
  assert dataset.num_classes == 3
  assert dataset.num_official_train is None
  assert list(dataset.ids) == ['a', 'b', 'c', 'd']
  assert isinstance(dataset.inputs, np.memmap)


def test_arrays_of_parts_are_joined_without_a_copy(tmp_path):
  train, test = (np.full((n, 2), n, np.float16) for n in (5, 3))
  write(tmp_path, train_features=train, train_labels=[0, 1, 0, 1, 0])
  write(tmp_path, test_features=test, test_labels=[1, 1, 0])
  (tmp_path / 'class_names.txt').write_text('cat\ndog\nemu\n')
  dataset = arrays.arrays(folder=str(tmp_path))
  check_dataset(dataset)
  assert dataset.class_names == ('cat', 'dog', 'emu')
  assert dataset.num_official_train == 5
  assert dataset.inputs.shape == (8, 2)
  whole = np.concatenate([train, test])
  for rows in (
    np.array([7, 0, 4, 5]),
    np.array([[-1, 0], [-8, 5]]),
    np.arange(8) > 3,
    slice(3, 7),
    np.zeros(0, int),
  ):
    np.testing.assert_array_equal(dataset.inputs[rows], whole[rows])
  for rows in ([8], [-9], [0.5], np.ones(3, bool)):
    with pytest.raises(IndexError):
      dataset.inputs[np.array(rows)]


def test_arrays_multi_hot(tmp_path):
  write(tmp_path, images=np.zeros((2, 4, 4, 3), np.uint8), labels=np.eye(2))
  dataset = arrays.arrays(folder=str(tmp_path))
  check_dataset(dataset)
  assert dataset.labels.dtype == np.uint8


def test_arrays_that_are_wrong(tmp_path):
  with pytest.raises(ValueError, match='no such folder'):
    arrays.arrays(folder=str(tmp_path / 'none'))
  with pytest.raises(ValueError, match='it has no files'):
    arrays.arrays(folder=str(tmp_path))


X, Y = np.zeros((3, 2), np.float32), [0, 1, 0]
TRAIN = {'train_inputs': X, 'train_labels': Y}


@pytest.mark.parametrize(
  ('files', 'message'),
  [
    ({'images': X}, r'images\.npy needs labels\.npy.*it has images\.npy'),
    ({'labels': Y}, r'labels\.npy needs inputs\.npy'),
    ({**TRAIN, 'test_inputs': X}, r'test_inputs\.npy needs test_labels\.npy'),
    ({**TRAIN, 'train_images': X}, 'which is meant'),
    (
      {
        f'{part}_{kind}': value
        for part in ('train', 'val', 'test')
        for kind, value in (('inputs', X), ('labels', Y))
      },
      'add those of val to train',
    ),
    ({**TRAIN, 'inputs': X, 'labels': Y}, 'also the parts train'),
    ({'inputs': X, 'labels': [0, 1]}, '3 rows, 2 labels'),
    (
      {**TRAIN, 'test_inputs': np.zeros((3, 5)), 'test_labels': Y},
      'rows of test are float64',
    ),
    (
      {**TRAIN, 'test_inputs': X, 'test_labels': np.eye(3)},
      r'labels of test are \(3, 3\)',
    ),
    ({'inputs': X, 'labels': [0, 0.9, 1]}, r'row 1 is 0\.9'),
    ({'inputs': X, 'labels': [0, 1, -1]}, 'row 2 is -1'),
    ({'inputs': X, 'labels': [0, 1, 2**32]}, 'row 2 is 4294967296'),
    ({'inputs': X, 'labels': [0, 1, np.nan]}, 'row 2 is nan'),
    ({'inputs': X, 'labels': np.eye(3) * 257}, 'multi-hot, 0 or 1'),
    ({'inputs': X, 'labels': np.eye(3) * 0.5}, 'multi-hot, 0 or 1'),
    ({'inputs': X, 'labels': np.eye(3) * [1, 1, 0]}, 'row 2.*all 0'),
    ({'inputs': X, 'labels': np.array(['a', 'b', 'c'])}, 'whole numbers'),
    ({'inputs': X, 'labels': np.array(3)}, 'a single value'),
    ({'inputs': X[:, None], 'labels': Y}, r'got shape \(3, 1, 2\)'),
    ({'inputs': X, 'labels': Y, 'ids': [1]}, '1 ids for 3 rows'),
  ],
)
def test_arrays_refuse(tmp_path, files, message):
  write(tmp_path, **files)
  with pytest.raises(ValueError, match=message):
    arrays.arrays(folder=str(tmp_path))


def test_a_file_that_is_no_array(tmp_path):
  write(tmp_path, labels=Y)
  (tmp_path / 'inputs.npy').write_text('rows')
  with pytest.raises(ValueError, match=r'inputs\.npy cannot be read'):
    arrays.arrays(folder=str(tmp_path))


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'inputs': np.ones((20, 2, 2))}, r'got shape \(20, 2, 2\)'),
    ({'inputs': np.ones((19, 2))}, '19 inputs, 20 labels'),
    ({'inputs': np.ones((20, 4), np.int32)}, 'must be float, got int32'),
    ({'inputs': np.ones((20, 4, 4, 3))}, 'must be uint8, got float64'),
    ({'inputs': np.full((20, 2), np.nan)}, 'row 0 are not finite'),
    ({'class_names': ('a',)}, '1 class names for 4'),
    ({'ids': np.arange(3)}, '3 ids for 20 rows'),
    ({'num_official_train': 21}, '1 to 20 rows, got 21'),
    ({'labels': np.full(20, 4, np.int32)}, 'from 0 to 3, but row 0 is 4'),
    ({'labels': np.zeros((20, 4), np.uint8)}, 'row 0.*all 0'),
    ({'labels': np.zeros(0, np.int32), 'inputs': np.ones((0, 2))}, 'no rows'),
  ],
)
def test_a_data_set_that_is_wrong(change, message):
  dataset = synthetic.clusters(num_classes=4, num_per_class=5)
  with pytest.raises(ValueError, match=message):
    check_dataset(dataset._replace(**change))


def test_cifar_through_tfds(tmp_path):
  """A prepared directory with ten rows, written as tfds writes it."""
  tfds = pytest.importorskip('tensorflow_datasets')
  pytest.importorskip('array_record')

  class Cifar10(tfds.core.GeneratorBasedBuilder):
    name = 'cifar10'
    VERSION = tfds.core.Version('3.0.2')

    def _info(self):
      return self.dataset_info_from_configs(
        features=tfds.features.FeaturesDict(
          {
            'image': tfds.features.Image(shape=(32, 32, 3)),
            'label': tfds.features.ClassLabel(num_classes=10),
          }
        )
      )

    def _split_generators(self, dl_manager):
      return {'train': self._rows(6, 0), 'test': self._rows(4, 100)}

    def _generate_examples(self):
      raise AssertionError('the parts are generators already')

    def _rows(self, count, start):
      import io

      from PIL import Image

      for i in range(count):
        png = io.BytesIO()
        pixels = np.full((32, 32, 3), start + i, np.uint8)
        Image.fromarray(pixels).save(png, 'PNG')
        png.seek(0)
        yield i, {'image': png, 'label': i}

  builder = Cifar10(data_dir=tmp_path, file_format='array_record')
  builder.download_and_prepare()
  dataset = tfds_images.cifar10(data_dir=str(tmp_path))
  check_dataset(dataset)
  assert dataset.num_official_train == 6
  values = dataset.inputs[:, 0, 0, 0].astype(int)
  expected = np.where(np.arange(10) < 6, 0, 100) + dataset.labels
  np.testing.assert_array_equal(values, expected)


def test_the_newest_version_is_read(tmp_path, monkeypatch):
  """By number: 10.0.0 is newer than 3.0.2."""
  tfds = pytest.importorskip('tensorflow_datasets')
  for version in ('3.0.2', '10.0.0', '9.1.0'):
    folder = tmp_path / 'cifar10' / version
    folder.mkdir(parents=True)
    (folder / 'dataset_info.json').write_text('{}')

  def stop(folder):
    raise RuntimeError(folder.name)

  monkeypatch.setattr(tfds, 'builder_from_directory', stop)
  with pytest.raises(RuntimeError, match=r'^10\.0\.0$'):
    tfds_images.cifar10(data_dir=str(tmp_path))


def test_a_set_that_is_not_prepared(tmp_path, monkeypatch):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path))
  with pytest.raises(ValueError, match=r'TensorFlow.*npy') as error:
    tfds_images.cifar100()
  assert str(tmp_path / 'cifar100') in str(error.value)


@pytest.mark.parametrize(
  ('name', 'rows', 'classes', 'official'),
  [
    ('cifar10', 60000, 10, 50000),
    ('tiny-imagenet-200', 30000, 200, 20000),
    ('coco18', 15925, 18, None),
  ],
)
def test_real_features(real_data, tmp_path, name, rows, classes, official):
  """Unpacked as a user would have them, they load and split."""
  with np.load(real_data / name / 'features_pca256.npz') as z:
    write(tmp_path, **{key: z[key] for key in z.files})
  dataset = arrays.arrays(folder=str(tmp_path))
  assert dataset.inputs.shape == (rows, 256)
  assert dataset.num_classes == classes
  assert dataset.num_official_train == official
  if name == 'cifar10':
    assert len(cifar10_i(dataset).database) == 59000
  elif name == 'coco18':
    split = general.random_rows(dataset, num_query=1500, num_train=5000)
    assert len(split.database) == rows - 1500
  else:
    split = general.held_out_queries(dataset, num_query=2000)
    assert len(split.database) == rows - 2000
