import numpy as np
import pytest

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
  rows = np.array([7, 0, 4, 5])
  np.testing.assert_array_equal(
    dataset.inputs[rows], np.concatenate([train, test])[rows]
  )


def test_arrays_multi_hot(tmp_path):
  write(tmp_path, images=np.zeros((2, 4, 4, 3), np.uint8), labels=np.eye(2))
  dataset = arrays.arrays(folder=str(tmp_path))
  check_dataset(dataset)
  assert dataset.labels.dtype == np.uint8


def test_arrays_that_are_wrong(tmp_path):
  with pytest.raises(ValueError, match='no such folder'):
    arrays.arrays(folder=str(tmp_path / 'none'))
  write(tmp_path, images=np.zeros((3, 2), np.float32))
  with pytest.raises(ValueError, match=r'it has images\.npy'):
    arrays.arrays(folder=str(tmp_path))
  write(tmp_path, labels=[0, 1])
  with pytest.raises(ValueError, match='3 rows, 2 labels'):
    arrays.arrays(folder=str(tmp_path))
  write(tmp_path, labels=[0, 1, 0], images=np.zeros((3, 2), np.float32))
  write(tmp_path, train_images=np.zeros((3, 5)), train_labels=[0, 1, 0])
  with pytest.raises(ValueError, match='rows of train are float64'):
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


def test_a_set_that_is_not_prepared(tmp_path, monkeypatch):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path))
  with pytest.raises(ValueError, match=r'TensorFlow.*npy') as error:
    tfds_images.cifar100()
  assert str(tmp_path / 'cifar100') in str(error.value)


def test_real_features(real_data):
  """The parts of real features, as a user would unpack them."""
  with np.load(real_data / 'cifar10' / 'features_pca256.npz') as z:
    assert {'train_features', 'test_features'} <= set(z.files)
    assert z['train_features'].shape == (50000, 256)
