"""Scores, reports and shallow references of a run."""

import importlib
import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import metrics, training
from jaxhash.core import Outputs
from jaxhash.training import encode as encode_module
from jaxhash.training import tasks
from tests import processes
from tests.configs import small
from tests.method_suite import experiment_of, run_steps

METHOD = {'name': 'adalabelhash', 'num_bits': 8}


def untrained(**changes):
  experiment = experiment_of(METHOD, **changes)
  return experiment, training.initial_state(experiment)


def test_codes_do_not_depend_on_the_batch():
  experiment, state = untrained()
  rows = np.array([5, 0, 119, 7, 7, 33])
  whole = training.RowEncoder(experiment)(state, rows)
  parts = training.RowEncoder(experiment, batch_size=4)(state, rows)
  np.testing.assert_array_equal(whole.codes, parts.codes)
  assert whole.codes.dtype == np.int8
  assert set(np.unique(whole.codes)) <= {-1, 1}
  one = training.RowEncoder(experiment)(state, rows[2:3])
  np.testing.assert_array_equal(whole.codes[2:3], one.codes)


def test_the_encode_step_compiles_once(monkeypatch):
  chex.clear_trace_counter()
  make = encode_module.make_encode_step
  monkeypatch.setattr(
    encode_module,
    'make_encode_step',
    lambda *a, **k: chex.assert_max_traces(make(*a, **k), n=1),
  )
  experiment, state = untrained()
  encode = training.RowEncoder(experiment, batch_size=16)
  training.evaluate(experiment, state, encode)
  training.validate(experiment, state, encode)
  state = state._replace(step=state.step + 1)
  encode(state, np.arange(3))


def test_scores_are_those_of_the_codes():
  experiment, state = untrained()
  encode = training.RowEncoder(experiment)
  results = training.evaluate(experiment, state, encode)
  split, labels = experiment.split, experiment.dataset.labels
  for key, database in (
    ('query_database', split.database),
    (
      'query_database_without_train',
      np.setdiff1d(split.database, split.train),
    ),
  ):
    expected = metrics.evaluate(
      encode(state, split.query).codes,
      encode(state, database).codes,
      labels[split.query],
      labels[database],
      experiment.protocol,
    )
    assert results[key]['mAP'] == expected['mAP']
    assert results[key]['num_database'] == len(database)
  assert results['codewords']['least_distance'] <= 8
  json.dumps(results)


def test_val_searches_the_database_without_val_and_query():
  experiment, state = untrained()
  encode = training.RowEncoder(experiment)
  split, labels = experiment.split, experiment.dataset.labels
  database = np.setdiff1d(split.database, np.union1d(split.val, split.query))
  assert len(database) < len(split.database)
  expected = metrics.evaluate(
    encode(state, split.val).codes,
    encode(state, database).codes,
    labels[split.val],
    labels[database],
    experiment.protocol,
  )
  score = training.validate(experiment, state, encode)
  assert score == {'val/mAP': expected['mAP']}
  results = training.evaluate(experiment, state, encode)
  assert results['val']['mAP'] == expected['mAP']
  assert results['val']['num_database'] == len(database)


@pytest.mark.parametrize('shallow', [False, True])
def test_a_row_that_is_not_finite_is_no_code(shallow):
  experiment, state = untrained()
  inputs = experiment.dataset.inputs.copy()
  row = experiment.split.query[1]
  inputs[row, 2] = np.nan
  experiment = experiment._replace(
    dataset=experiment.dataset._replace(inputs=inputs)
  )
  with pytest.raises(training.RunError, match=f'row {row} .*not finite'):
    if shallow:
      training.evaluate_shallow(experiment, 'lsh', 8)
    else:
      training.evaluate(experiment, state, training.RowEncoder(experiment))


def test_no_val_no_score():
  experiment, state = untrained(protocol={'num_val': 0})
  encode = training.RowEncoder(experiment)
  assert training.validate(experiment, state, encode) == {}


def test_leave_one_out_does_not_retrieve_the_query():
  experiment, state = untrained()
  rows = np.arange(0, 120, 10, dtype=np.int32)
  split = experiment.split._replace(
    train=np.array([1, 2], np.int32), query=rows, database=rows
  )
  labels = np.arange(120, dtype=np.int32)  # nothing else is relevant
  experiment = experiment._replace(
    split=split,
    dataset=experiment.dataset._replace(labels=labels),
    scored_labels=labels,
  )
  results = training.evaluate(
    experiment, state, training.RowEncoder(experiment)
  )
  assert results['query_database']['mAP'] == 0


def test_nothing_is_transductive_where_no_train_row_is_searched():
  experiment = experiment_of(
    {'name': 'tests.toy_methods:alternating', 'num_bits': 8},
    protocol={'train_in_database': False},
  )
  assert experiment.method.bank is not None
  results = training.evaluate(
    experiment,
    training.initial_state(experiment),
    training.RowEncoder(experiment),
  )
  assert 'transductive' not in results


def test_a_bank_gives_the_codes_of_train_rows_alone():
  experiment = experiment_of(
    {'name': 'tests.toy_methods:alternating', 'num_bits': 8}
  )
  state = training.initial_state(experiment)
  bank = np.asarray(state.method_state['bank']).copy()
  labels = experiment.dataset.labels[experiment.split.train]
  bank[:] = np.where(np.arange(8) < 2 * labels[:, None], 1.0, -1.0)
  bank[::3] = 0  # no codes were learnt of these rows
  state = state._replace(
    method_state={**state.method_state, 'bank': jnp.asarray(bank)}
  )
  results = training.evaluate(
    experiment, state, training.RowEncoder(experiment)
  )
  encode = training.RowEncoder(experiment)
  split, labels = experiment.split, experiment.dataset.labels
  codes = encode(state, split.database).codes.copy()
  for i, row in enumerate(split.database):
    place = np.flatnonzero(split.train == row)
    if len(place) and place[0] % 3:
      codes[i] = bank[place[0]]
  expected = metrics.evaluate(
    encode(state, split.query).codes,
    codes,
    labels[split.query],
    labels[split.database],
    experiment.protocol,
  )
  assert results['transductive']['mAP'] == expected['mAP']
  assert results['transductive']['learnt_rows'] == sum(
    i % 3 > 0 and row in split.database for i, row in enumerate(split.train)
  )
  # The two are never taken for one another.
  protocols = [
    results[name]['protocol'] for name in ('query_database', 'transductive')
  ]
  assert protocols[1] == protocols[0] + ' transductive'
  digests = [
    results[name]['protocol_digest']
    for name in ('query_database', 'transductive')
  ]
  assert (
    digests[0] != digests[1] and digests[0] == results['val']['protocol_digest']
  )
  results = {'step': 0, **results}
  assert 'rows of the database were learnt' in training.results_table(results)
  assert results['query_database']['mAP'] != expected['mAP']


def test_a_shallow_method_with_a_distance_ranks_by_it():
  experiment, _ = untrained()
  results = training.evaluate_shallow(experiment, 'cosine', 8)
  split, labels = experiment.split, experiment.dataset.labels
  x = np.asarray(
    experiment.pipeline.preprocess(
      experiment.pipeline.data, experiment.dataset.inputs
    )
  )
  x = x / np.linalg.norm(x, axis=1, keepdims=True)
  expected = metrics.evaluate_ranking(
    -x[split.query] @ x[split.database].T,
    labels[split.query],
    labels[split.database],
    experiment.protocol,
  )
  assert results['query_database']['mAP'] == pytest.approx(expected['mAP'])
  assert 'symmetric' not in results and 'code_health' not in results


@pytest.mark.parametrize('name', ['sdh', 'pq'])
def test_shallow_methods_get_the_labels_that_may_be_seen(name):
  experiment = experiment_of(METHOD, protocol={'num_labelled': 4})
  results = training.evaluate_shallow(experiment, name, 8)
  split, dataset = experiment.split, experiment.dataset
  shallow = importlib.import_module(f'jaxhash.shallow.{name}')
  x = experiment.pipeline.preprocess(experiment.pipeline.data, dataset.inputs)
  labels = np.where(
    np.isin(split.train, split.labelled), dataset.labels[split.train], -1
  )
  more = {'labels': jnp.asarray(labels)} if name == 'sdh' else {}
  model = shallow.fit(x[split.train], jax.random.key(0), num_bits=8, **more)
  codes = np.asarray(shallow.encode(model, x))
  of_both = dataset.labels[split.query], dataset.labels[split.database]
  if name == 'sdh':
    expected = metrics.evaluate(
      codes[split.query], codes[split.database], *of_both
    )
    assert results['code_health']['distinct_codes'] > 1
  else:
    distances = shallow.distance(model, x[split.query], codes[split.database])
    expected = metrics.evaluate_ranking(np.asarray(distances), *of_both)
    assert results['used_codewords'] == [len(np.unique(codes[split.database]))]
    assert results['symmetric']['mAP'] != results['query_database']['mAP']
  assert results['query_database']['mAP'] == pytest.approx(
    expected['mAP'], rel=1e-5
  )


def test_shallow_references_use_the_same_split():
  experiment, _ = untrained()
  lsh = training.evaluate_shallow(experiment, 'lsh', 16)
  itq = training.evaluate_shallow(experiment, 'itq', 4)
  assert lsh['split_digest'] == itq['split_digest']
  assert lsh['query_database']['num_bits'] == 16
  assert itq['query_database']['mAP'] > 0.7  # the clusters are far apart
  with pytest.raises(ValueError, match=r"unknown shallow method 'pcaa'.*lsh"):
    training.evaluate_shallow(experiment, 'pcaa', 4)


@pytest.mark.parametrize('name', ['adalabelhash', 'quantised'])
def test_a_run_leaves_results_and_pictures(tmp_path, name):
  """Also one whose ranking is not by Hamming distance."""
  config = small.get_config().to_dict()
  if name == 'quantised':
    config['method'] = {'name': 'tests.toy_methods:quantised', 'num_bits': 8}
  config['dataset'] = {'name': 'shapes', 'num_per_class': 12, 'size': 8}
  config['protocol'] = {'name': 'per_class', 'num_query': 2, 'num_train': 8}
  config['encoder'] = {'name': 'cnn', 'channels': [4, 4], 'hidden': 8}
  config['pipeline'] = {'augment': {'pad': 1, 'flip': True, 'color': 0.1}}
  experiment = training.build(config)
  state = training.train(experiment, tmp_path)
  encode = Counting(experiment)
  results = training.write_report(experiment, state, encode, tmp_path)
  assert encode.calls == 1
  saved = json.loads((tmp_path / 'results.json').read_text())
  assert saved == json.loads(json.dumps(results))
  assert saved['versions']['jax'] == jax.__version__
  pictures = {'pr_curve', 'training_curves', 'gallery'}
  pictures |= {'code_map', 'pair_distances'}
  if name == 'adalabelhash':
    pictures |= {'bit_health', 'codewords'}
  assert {p.stem for p in tmp_path.glob('*.png')} == pictures
  for path in tmp_path.glob('*.png'):
    assert path.read_bytes().startswith(b'\x89PNG')
  text = training.results_table(results)
  assert f'{results["query_database"]["mAP"]:.4f}' in text
  assert 'database without train' in text
  assert 'ties=expected' in text
  assert (
    (tmp_path / 'parameters.txt')
    .read_text()
    .splitlines()[-1]
    .startswith('total')
  )


class Counting(training.RowEncoder):
  calls = 0

  def __call__(self, state, rows):
    self.calls += 1
    return super().__call__(state, rows)


def test_by_its_own_distance_no_query_retrieves_itself():
  experiment = experiment_of(
    {'name': 'tests.toy_methods:quantised', 'num_bits': 8}
  )
  state = training.initial_state(experiment)
  ranker = training.rank(experiment, state, training.RowEncoder(experiment))
  rows = experiment.split.database
  query = rows[:9]
  scores = ranker.score(query, rows)
  assert scores['ignored_pairs'] == 9
  labels = experiment.dataset.labels
  expected = metrics.evaluate_ranking(
    ranker._asymmetric(query, ranker.codes(rows)),
    labels[query],
    labels[rows],
    experiment.protocol,
    query_ids=query,
    database_ids=rows,
  )
  assert scores == expected


def test_queries_that_are_quantised_too_are_scored_beside():
  experiment = experiment_of(
    {'name': 'tests.toy_methods:quantised', 'num_bits': 8}
  )
  state = training.initial_state(experiment)
  encode = training.RowEncoder(experiment)
  results = training.evaluate(experiment, state, encode)
  split, labels = experiment.split, experiment.dataset.labels
  books = np.asarray(state.params['method']['codebooks'])
  query, items = (
    encode(state, rows).codes for rows in (split.query, split.database)
  )
  expected = metrics.evaluate_ranking(
    sum(
      np.square(books[m][query[:, m]][:, None] - books[m][items[:, m]]).mean(-1)
      for m in (0, 1)
    ),
    labels[split.query],
    labels[split.database],
    experiment.protocol,
  )
  assert results['symmetric']['mAP'] == pytest.approx(expected['mAP'], abs=1e-6)
  assert results['symmetric'] != results['query_database']
  assert results['used_codewords'] == [
    len(np.unique(items[:, m])) for m in (0, 1)
  ]
  assert 'code_health' not in results


def test_the_nearest_are_the_nearest():
  experiment, state = untrained()
  ranker = training.rank(experiment, state, training.RowEncoder(experiment))
  query, database = experiment.split.query[:3], experiment.split.train
  distances, rows = ranker.nearest(query, database, 5)
  products = ranker.codes(query).astype(int) @ ranker.codes(database).T
  order = np.argsort((8 - products) // 2, axis=1, kind='stable')[:, :5]
  np.testing.assert_array_equal(rows, database[order])
  np.testing.assert_array_equal(
    distances, np.take_along_axis((8 - products) // 2, order, axis=1)
  )


def test_evaluate_repeats_the_results_of_train(tmp_path):
  """Two processes, as a user would run them."""

  def run(module, *arguments):
    done = processes.run(f'experiments.{module}', *arguments)
    done.check_returncode()
    return done.stdout

  workdir = f'--workdir={tmp_path}'
  flags = ['--noprogress', '--nopictures']
  out = run('train', '--config=tests/configs/small.py', workdir, *flags)
  first = (tmp_path / 'results.json').read_text()
  again = run('evaluate', workdir, *flags)
  assert (tmp_path / 'results.json').read_text() == first
  assert out.startswith(again.rstrip())
  third = run('evaluate', workdir, '--step=3', *flags)
  assert 'step 3;' in third
  assert (tmp_path / 'results.json').read_text() == first
  assert (tmp_path / 'results-step3.json').exists()
  fourth = run('evaluate', workdir, '--set=evaluation.at=5', *flags)
  assert 'mAP@5 ' in fourth
  assert (tmp_path / 'results.json').read_text() == first
  assert len(list(tmp_path.glob('results-*.json'))) == 2


def test_steps_do_not_wait_for_the_host(tmp_path, monkeypatch):
  """The loop reads nothing from the device but where it logs or saves."""
  experiment = experiment_of(METHOD)
  experiment.config.update(log_every=12, eval_every=10**9, checkpoint_every=12)
  read_at, compiled = [], tasks.compile_step

  class Watched:
    """Stands for a metric, and remembers when it was read."""

    def __init__(self, step):
      self.step = step

    def __array__(self, dtype=None, copy=None):
      read_at.append(self.step)
      return np.zeros((), np.float32)

  def watched(experiment):
    step_fn = compiled(experiment)
    taken = iter(range(1, 10**6))

    def step(state, data, batch):
      state, metrics = step_fn(state, data, batch)
      number = next(taken)
      return state, {name: Watched(number) for name in metrics}

    return step

  monkeypatch.setattr(tasks, 'compile_step', watched)
  training.train(experiment, tmp_path)
  assert set(read_at) == {12, 24}


def test_a_state_owns_its_buffers():
  """A caller's array survives the donation of a state made from it."""
  experiment = experiment_of(METHOD)
  table = experiment.variables.params['codewords']
  run_steps(experiment, 2)
  assert np.isfinite(np.asarray(table)).all()
  assert isinstance(experiment.info.outputs, Outputs)


def test_the_train_step_compiles_once_in_a_run(tmp_path, monkeypatch):
  chex.clear_trace_counter()
  make = tasks.make_train_step
  monkeypatch.setattr(
    tasks,
    'make_train_step',
    lambda *a, **k: chex.assert_max_traces(make(*a, **k), n=1),
  )
  state = training.train(experiment_of(METHOD), tmp_path)
  assert int(state.step) == 24


def test_a_reconstruction_is_called_so(tmp_path):
  experiment = experiment_of(
    {'name': 'adalabelhash_semi', 'num_bits': 8}, protocol={'num_labelled': 2}
  )
  results = training.write_report(
    experiment,
    training.initial_state(experiment),
    training.RowEncoder(experiment),
    tmp_path,
  )
  assert 'unlabelled' in results['reconstruction']
  assert 'RECONSTRUCTION' in training.results_table(results)
