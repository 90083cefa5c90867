"""Looking at a trained run again: other rules, one of its seeds, other data."""

import json

import numpy as np
import pytest
from absl.testing import flagsaver
from ml_collections import ConfigDict

from experiments import command_line, evaluate
from jaxhash import training
from tests.configs import small


def config_of(**changes):
  config = ConfigDict(small.get_config().to_dict())
  training.merge(config, changes)
  return config.to_dict()


@pytest.fixture(scope='module')
def group(tmp_path_factory):
  """Two seeds that were trained together, with a head of batch norm."""
  config = config_of(encoder={'head': 'bn'})
  folder = tmp_path_factory.mktemp('group')
  experiments = [training.build({**config, 'seed': s}) for s in (0, 1)]
  states = training.train_seeds(experiments, folder)
  return folder, experiments, states


def run(folder, **flags):
  flags = {'progress': False, 'pictures': False, **flags}
  with flagsaver.flagsaver(workdir=str(folder), **flags):
    evaluate.main()


def scores_of(results):
  return {k: v for k, v in results.items() if k != 'versions'}


def test_each_seed_of_a_group(group, capsys):
  folder, experiments, states = group
  for seed, experiment, state in zip((0, 1), experiments, states):
    run(folder, seed=seed, pictures=True)
    saved = json.loads((folder / f'seed{seed}' / 'results.json').read_text())
    encode = training.RowEncoder(experiment)
    expected = training.results_of(experiment, state, encode)
    assert scores_of(saved) == scores_of(json.loads(json.dumps(expected)))
    assert (folder / f'seed{seed}' / 'training_curves.png').exists()
    assert (
      f'<dd>{seed}</dd>' in (folder / f'seed{seed}' / 'report.html').read_text()
    )
  assert not (folder / 'results.json').exists()
  with pytest.raises(SystemExit):
    run(folder)
  assert 'has the seeds 0, 1: choose one by --seed' in capsys.readouterr().err
  with pytest.raises(SystemExit):
    run(folder, seed=2)


def test_other_rules_have_files_of_their_own(group):
  folder = group[0]

  def files():
    return set((folder / 'seed0').glob('results-*.json'))

  for number, change in enumerate(
    [
      'evaluation.at=5',
      'measures.ndcg_at=[1]',
      'measures.ndcg_at=[2]',
      'evaluations.more={"evaluation": {"at": 3}}',
    ],
    start=1,
  ):
    run(folder, seed=0, set=[change])
    assert len(files()) == number
  run(folder, seed=0, fit_norm=True)
  assert len(files()) == 5
  noted = [json.loads(p.read_text()).get('norm_fitted_to') for p in files()]
  assert noted.count('database') == 1


@pytest.fixture
def other_data(tmp_path):
  """Five classes, official parts, and inputs of another kind."""
  rng = np.random.default_rng(0)
  folder = tmp_path / 'other'
  folder.mkdir()
  labels = np.repeat(np.arange(5), 12)
  centers = 3 * rng.normal(size=(5, 6))
  for part in ('train', 'test'):
    inputs = 5 + centers[labels] + rng.normal(size=(60, 6))
    np.save(folder / f'{part}_inputs.npy', inputs.astype(np.float32))
    np.save(folder / f'{part}_labels.npy', labels)
  return folder


def test_a_run_on_other_data(group, other_data, capsys):
  folder, experiments, states = group
  flags = {
    'seed': 1,
    'transfer': str(other_data),
    'set': ['protocol.name=official'],
  }
  found = []
  for fit_norm in (False, True):
    before = set((folder / 'seed1').glob('*.json'))
    run(folder, fit_norm=fit_norm, **flags)
    (path,) = set((folder / 'seed1').glob('*.json')) - before
    found.append(json.loads(path.read_text()))
  plain, fitted = found
  assert plain['transfer']['dataset']['folder'] == str(other_data)
  assert plain['query_database']['num_database'] == 60
  assert plain['dataset'] == plain['transfer']['dataset']
  # Fitted, each bit is balanced over the database; before, inputs that are all
  # larger have bits that are always the same.
  balance = [r['code_health']['mean_bit_imbalance'] for r in found]
  assert balance[1] < 0.5 < balance[0]
  assert fitted['norm_fitted_to'] == 'database'
  # The same as by hand: inputs by the statistics of the rows that trained.
  moved = training.transfer(
    experiments[1],
    {'name': 'arrays', 'folder': str(other_data)},
    {'name': 'official'},
  )
  assert moved.pipeline is experiments[1].pipeline
  assert not len(moved.split.train) and not len(moved.split.val)
  assert 'query_database_without_train' not in plain
  encode = training.RowEncoder(moved)
  expected = training.evaluate(moved, states[1], encode)
  assert plain['query_database']['mAP'] == expected['query_database']['mAP']
  # Its own rows and protocol are still checked.
  with pytest.raises(SystemExit):
    run(folder, seed=1, set=['protocol.name=official'])
  assert 'evaluated as it was trained' in capsys.readouterr().err


def test_what_other_data_cannot_have_is_left_out(other_data, tmp_path):
  """A taxonomy of other classes, and codes that were learnt of train rows."""
  names = [f'class {n:02b}' for n in range(3)]
  tree = tmp_path / 'tree.json'
  chains = {name: [name, 'all'] for name in names}
  tree.write_text(json.dumps({'classes': names, 'chains': chains}))
  experiment = training.build(
    config_of(
      method={'name': 'tests.toy_methods:alternating', 'num_bits': 8},
      taxonomy=str(tree),
      measures={'hierarchical_at': [5]},
    )
  )
  assert experiment.class_distances is not None
  moved = training.transfer(
    experiment,
    {'name': 'arrays', 'folder': str(other_data)},
    {'name': 'official'},
  )
  assert moved.class_distances is None
  state, encode = (
    training.initial_state(experiment),
    training.RowEncoder(moved),
  )
  results = training.evaluate(moved, state, encode)
  assert 'transductive' not in results
  assert 'mAHP@5' not in results['query_database']


def test_labels_that_make_nothing_relevant(tmp_path):
  config = config_of(
    dataset={'name': 'tests.training.test_evaluations:tagged'},
    protocol={'name': 'random_rows', 'num_query': 10, 'num_train': 48},
    method={'name': 'dpsh', 'num_bits': 8},
  )
  folder = tmp_path / 'run'
  training.train(training.build(config), folder)
  run(folder)
  run(folder, set=['ignored_labels=["person"]'])
  whole = json.loads((folder / 'results.json').read_text())
  (other,) = folder.glob('results-*.json')
  without = json.loads(other.read_text())
  assert without['split'] == f'{whole["split"]}, ignoring person'
  assert without['split_digest'] != whole['split_digest']
  assert without['query_database']['mAP'] < whole['query_database']['mAP']
  # On other data the labels are others: none of them is ignored.
  experiment = training.build({**config, 'ignored_labels': ['person']})
  moved = training.transfer(experiment, config['dataset'], config['protocol'])
  assert 'ignoring' not in moved.split.protocol
  assert moved.scored_labels.shape[1] == 4


def test_other_inputs_are_refused(group, tmp_path, capsys):
  np.save(tmp_path / 'inputs.npy', np.zeros((20, 7), np.float32))
  np.save(tmp_path / 'labels.npy', np.repeat([0, 1], 10))
  with pytest.raises(SystemExit):
    run(group[0], seed=0, transfer=str(tmp_path))
  error = capsys.readouterr().err
  assert 'trained on inputs [6], those of' in error and error.count('\n') == 1


def test_fitting_needs_a_head_with_batch_norm(tmp_path, capsys):
  training.train(training.build(config_of()), tmp_path)
  with pytest.raises(SystemExit):
    run(tmp_path, fit_norm=True)
  assert "needs head='bn'" in capsys.readouterr().err
  assert command_line.SET.value == []
