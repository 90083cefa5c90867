"""Further evaluations of a state, measures of choice, class hierarchies."""

import json

import numpy as np
import pytest

from jaxhash import metrics, taxonomy, training
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
