"""Further evaluations of a state, measures of choice, class hierarchies."""

import json

import numpy as np
import pytest

from jaxhash import metrics, taxonomy, training
from jaxhash.data.types import Dataset
from tests.configs import small


@pytest.fixture
def tree_file(tmp_path):
  path = tmp_path / 'tree.json'
  above = {'class 00': 'near', 'class 01': 'near', 'class 10': 'far'}
  chains = {name: [name, node, 'root'] for name, node in above.items()}
  path.write_text(json.dumps({'chains': chains}))
  return path


def config_of(**changes):
  return {**small.get_config().to_dict(), **changes}


def test_measures_are_those_of_the_config():
  config = config_of(
    measures={'precision_at': [1, 7], 'ndcg_at': [5], 'radius': None}
  )
  experiment = training.build(config)
  results = training.evaluate(
    experiment,
    training.initial_state(experiment),
    training.RowEncoder(experiment),
  )['query_database']
  assert {'precision@7', 'NDCG@5'} <= set(results)
  assert 'precision@10' not in results
  assert not any('radius' in name for name in results)


def test_an_evaluation_on_other_rows_of_the_same_state():
  config = config_of(
    evaluations={
      'at_three': {'evaluation': {'at': 3}},
      'best': {'evaluation': {'ties': 'best'}},
    }
  )
  experiment = training.build(config)
  state = training.initial_state(experiment)
  encode = training.RowEncoder(experiment)
  results = training.evaluate(experiment, state, encode)
  codes = encode(state, np.arange(len(experiment.dataset.labels))).codes
  split, labels = experiment.split, experiment.dataset.labels
  for name, protocol in (
    ('at_three', metrics.EvaluationProtocol(at=3)),
    ('best', metrics.EvaluationProtocol(ties='best')),
  ):
    expected = metrics.evaluate(
      codes[split.query],
      codes[split.database],
      labels[split.query],
      labels[split.database],
      protocol,
    )
    found = results['evaluations'][name]
    assert found['query_database']['mAP'] == pytest.approx(expected['mAP'])
    assert found['split_digest'] == results['split_digest']
  assert 'query_database' in results


@pytest.mark.parametrize(
  ('evaluations', 'message'),
  [
    ({'x': {'method': {}}}, r'evaluations.x may have protocol, evaluation'),
    ({'x': 3}, r'evaluations.x may have .* got 3'),
    (
      {
        'x': {'protocol': {'name': 'per_class', 'num_query': 5, 'num_train': 9}}
      },
      r'evaluations.x has other train rows than the run',
    ),
    ({'x': {'evaluation': {'att': 3}}}, r"no argument 'att'"),
    ({'x': {'measures': {'ndcg': 3}}}, r"no argument 'ndcg'"),
    (
      {'x': {'measures': {'hierarchical_at': [3]}}},
      r'hierarchical_at needs taxonomy',
    ),
  ],
)
def test_wrong_evaluations_are_one_clear_error(evaluations, message):
  with pytest.raises(ValueError, match=message):
    training.build(config_of(evaluations=evaluations))


def test_hierarchical_precision_by_a_taxonomy(tree_file):
  config = config_of(
    taxonomy=str(tree_file), measures={'hierarchical_at': [10]}
  )
  experiment = training.build(config)
  tree = taxonomy.read_taxonomy(tree_file)
  np.testing.assert_array_equal(
    experiment.class_distances, taxonomy.distances(tree)
  )
  state, encode = (
    training.initial_state(experiment),
    training.RowEncoder(experiment),
  )
  found = training.evaluate(experiment, state, encode)['query_database']
  split, labels = experiment.split, experiment.dataset.labels
  codes = encode(state, np.arange(len(labels))).codes
  expected = metrics.evaluate(
    codes[split.query],
    codes[split.database],
    labels[split.query],
    labels[split.database],
    measures=metrics.Measures(hierarchical_at=(10,)),
    similarity=taxonomy.similarities(tree),
  )
  assert found['mAHP@10'] == pytest.approx(expected['mAHP@10'])
  assert 0.5 < found['mAHP@10'] < 1


def test_a_taxonomy_of_other_classes_is_refused(tree_file):
  config = config_of(taxonomy=str(tree_file))
  config['dataset'] = {**config['dataset'], 'num_classes': 4}
  with pytest.raises(
    ValueError, match=r'the 3 classes of the taxonomy .* 4 of'
  ):
    training.build(config)
  with pytest.raises(ValueError, match=r'none\.json'):
    training.build(config_of(taxonomy='none.json'))


def test_statistics_of_a_head_are_fitted_to_the_database():
  config = config_of(encoder={'name': 'mlp', 'hidden': [8], 'head': 'bn'})
  experiment = training.build(config)
  state = training.initial_state(experiment)
  rows = experiment.split.database
  fitted = training.fit_norm(experiment, state, rows)
  kept = experiment.method._replace(encode=lambda _, outputs: outputs.logits)
  encode = training.RowEncoder(experiment._replace(method=kept))
  before, after = (encode(s, rows).codes for s in (state, fitted))
  assert abs(before.mean(axis=0)).max() > 0.01
  np.testing.assert_allclose(after.mean(axis=0), 0, atol=1e-4)
  np.testing.assert_allclose(after.std(axis=0), 1, atol=0.1)  # epsilon
  plain = training.build(config_of())
  with pytest.raises(ValueError, match="needs head='bn'"):
    training.fit_norm(plain, training.initial_state(plain), rows)


def multi_label_config(**changes):
  return config_of(
    dataset={'name': 'tests.training.test_evaluations:tagged'},
    protocol={'name': 'random_rows', 'num_query': 10, 'num_train': 48},
    **changes,
  )


def tagged():
  """Rows of which most have the label `person`, and some nothing else."""
  rng = np.random.default_rng(0)
  labels = (rng.random((90, 4)) < [0.8, 0.3, 0.3, 0.3]).astype(np.uint8)
  labels[~labels.any(axis=1), 1] = 1
  inputs = rng.normal(size=(90, 6)).astype(np.float32)
  names = ('person', 'dog', 'car', 'tree')
  return Dataset('tagged', inputs, labels, 4, names)


@pytest.mark.parametrize('ignored', [['person'], [0], ['person', 0], (0,)])
def test_labels_that_make_nothing_relevant(ignored):
  config = multi_label_config(
    evaluations={'without': {'ignored_labels': ignored}},
    method={'name': 'dpsh', 'num_bits': 8},
  )
  experiment = training.build(config)
  state = training.initial_state(experiment)
  encode = training.RowEncoder(experiment)
  results = training.evaluate(experiment, state, encode)
  split, labels = experiment.split, experiment.dataset.labels
  codes = encode(state, np.arange(len(labels))).codes
  for found, kept in (
    (results, labels),
    (results['evaluations']['without'], labels[:, 1:]),
  ):
    expected = metrics.evaluate(
      codes[split.query],
      codes[split.database],
      kept[split.query],
      kept[split.database],
    )
    assert found['query_database']['mAP'] == pytest.approx(expected['mAP'])
  without = results['evaluations']['without']
  assert without['split_digest'] != results['split_digest']
  assert without['split'] == f'{results["split"]}, ignoring person'
  # What trains is the same: all labels.
  assert experiment.info.labels.shape[1] == 4
  whole = training.build(multi_label_config(ignored_labels=ignored))
  assert whole.scored_labels.shape[1] == 3
  assert whole.info.labels.shape[1] == 4


@pytest.mark.parametrize(
  ('ignored', 'message'),
  [
    (['cat'], "tagged has no label 'cat'; it has person, dog, car, tree"),
    ([4], 'tagged has no label 4'),
    ([-1], 'tagged has no label -1'),
    ([0.5], 'tagged has no label 0.5'),
    ([True], 'tagged has no label True'),
    ([False], 'tagged has no label False'),
    ([None], 'tagged has no label None'),
    ('person', "must be a list of names or numbers, got 'person'"),
    ([0, 1, 2, 3], 'there is no label left'),
  ],
)
def test_labels_that_there_are_not(ignored, message):
  with pytest.raises(ValueError, match=message):
    training.build(multi_label_config(ignored_labels=ignored))


def test_one_class_a_row_has_no_label_to_ignore():
  with pytest.raises(ValueError, match='is for multi-label data'):
    training.build(config_of(ignored_labels=[0]))


def test_a_method_is_told_the_distances_of_the_taxonomy(tree_file):
  experiment = training.build(config_of(taxonomy=str(tree_file)))
  np.testing.assert_array_equal(
    experiment.info.class_distances, experiment.class_distances
  )
  assert training.build(config_of()).info.class_distances is None
