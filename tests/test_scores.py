"""What the configs promise, measured anew; minutes, so not in `make test`."""

import importlib
import json

import jax
import numpy as np
import pytest

from jaxhash import training

pytestmark = pytest.mark.slow


def score(setting, workdir, *, method='adalabelhash', **changes):
  config = importlib.import_module(f'experiments.configs.{method}').get_config(
    setting
  )
  config.update(changes)
  experiment = training.prepare(
    json.loads(json.dumps(config.to_dict())),
    workdir,
    mesh=training.make_mesh(jax.devices()[:1]),
  )
  encode = training.RowEncoder(experiment)
  state = training.train(experiment, workdir, encode=encode)
  results = training.evaluate(experiment, state, encode)
  return results['query_database']['mAP'], experiment


@pytest.fixture
def cifar10_features(real_data, tmp_path):
  folder = tmp_path / 'features'
  folder.mkdir()
  with np.load(real_data / 'cifar10' / 'features_pca256.npz') as arrays:
    for part in ('train', 'test'):
      features = arrays[f'{part}_features'].astype(np.float32)
      np.save(folder / f'{part}_features.npy', features)
      labels = arrays[f'{part}_labels'].astype(np.int32)
      np.save(folder / f'{part}_labels.npy', labels)
  return {'dataset': {'folder': str(folder)}}


def test_digits(tmp_path):
  found, _ = score('digits', tmp_path)
  assert found >= 0.97


@pytest.mark.parametrize(
  ('method', 'least'),
  [
    ('adalabelhash', 0.83),
    ('class_bits', 0.73),
    ('cross_entropy', 0.62),
    ('csq', 0.82),
    ('dpn', 0.80),
    ('greedyhash', 0.80),
    ('mdsh', 0.80),
    ('orthohash', 0.82),
    ('shc', 0.83),
  ],
)
def test_cifar10_features(cifar10_features, tmp_path, method, least):
  """A little below the least of five seeds, at 32 bits."""
  found, experiment = score(
    'cifar10_features', tmp_path, method=method, **cifar10_features
  )
  assert found > least
  if method == 'shc':
    itq = training.evaluate_shallow(experiment, 'itq', 32)
    assert found > itq['query_database']['mAP'] + 0.3
    centers = experiment.stage_reports['centers']
    assert centers['rank_correlation'] > 0.5


def test_unlabelled_rows_help(cifar10_features, tmp_path):
  differences = []
  for seed in range(3):
    few, semi = (
      score(
        f'cifar10_features_{setting}',
        tmp_path / f'{setting}{seed}',
        seed=seed,
        **cifar10_features,
      )[0]
      for setting in ('few_labels', 'semi')
    )
    differences.append(semi - few)
  assert np.mean(differences) > 0
