import json
import subprocess
import sys

import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash import similarity
from jaxhash.metrics import EvaluationProtocol, evaluate, evaluate_ranking
from tests.oracles import average_precision as oracle


def problem(items=150, bits=10, classes=3):
  rng = np.random.default_rng(0)
  codes = rng.choice(np.array([-1, 1], np.int8), (items, bits))
  return codes, rng.integers(0, classes, items, np.int32)


def without_digits(scores):
  return {k: v for k, v in scores.items() if isinstance(v, float)}


def test_a_case_by_hand():
  codes = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, -1, -1]], np.int8)
  labels = np.array([0, 0, 1, 0], np.int32)
  scores = evaluate(
    codes[:1],
    codes[1:],
    labels[:1],
    labels[1:],
    precision_at=(1, 2, 100),
    radius=1,
  )
  distances, relevant = [1, 1, 3], [True, False, True]
  expected, _ = oracle.expected(distances, relevant, None, 'retrieved')
  assert scores['mAP'] == pytest.approx(expected)
  assert scores['precision@1'] == scores['precision@2'] == 1 / 2
  assert 'precision@100' not in scores
  assert scores['precision@radius1'] == 1 / 2
  assert scores['pr_curve'] == {
    'distance': [1, 2, 3],
    'precision': [1 / 2, 1 / 2, pytest.approx(2 / 3)],
    'recall': [1 / 2, 1 / 2, 1],
  }
  assert (scores['num_query'], scores['num_database']) == (1, 3)
  assert scores['protocol'] == str(EvaluationProtocol())
  assert scores['protocol_digest'] == EvaluationProtocol().digest()
  assert json.loads(json.dumps(scores, allow_nan=False)) == scores


@pytest.mark.parametrize('multi_label', [False, True])
@pytest.mark.parametrize('at', [None, 7])
def test_rankings_score_like_codes(multi_label, at):
  codes, labels = problem()
  if multi_label:
    labels = np.random.default_rng(1).integers(0, 2, (len(codes), 3), np.uint8)
  protocol = EvaluationProtocol(at=at, empty='skip')
  ids = np.arange(len(codes))
  scores = evaluate(
    codes[:30],
    codes,
    labels[:30],
    labels,
    protocol,
    query_ids=ids[:30],
    database_ids=ids,
  )
  ranked = evaluate_ranking(
    -(codes[:30].astype(np.float32) @ codes.T),
    similarity.relevance(labels[:30], labels),
    protocol,
    excluded=ids[:30, None] == ids[None],
  )
  del scores['precision@radius2']
  assert without_digits(ranked) == pytest.approx(without_digits(scores))
  assert ranked['protocol_digest'] == scores['protocol_digest']
  json.dumps(ranked, allow_nan=False)


def test_rankings_in_blocks_of_queries(monkeypatch):
  rng = np.random.default_rng(0)
  distances = rng.integers(0, 9, (20, 70)).astype(np.float32)
  relevant = rng.random((20, 70)) < 0.2
  whole = evaluate_ranking(distances, relevant)
  monkeypatch.setattr('jaxhash.metrics.evaluation.PAIRS_AT_A_TIME', 200)
  blocks = evaluate_ranking(distances, relevant)
  assert without_digits(blocks) == pytest.approx(without_digits(whole))
  for name in ('precision', 'recall'):
    curve = whole['pr_curve'][name]
    np.testing.assert_allclose(blocks['pr_curve'][name], curve)
  assert whole['pr_curve']['recall'][-1] == pytest.approx(1)
  assert sorted(whole['pr_curve']['recall']) == whole['pr_curve']['recall']


def test_cut_offs_beyond_the_database():
  codes, labels = problem(items=4)
  args = (codes[:1], codes, labels[:1], labels)
  assert 'precision@5' not in evaluate(*args, precision_at=(5,))


def test_nothing_relevant():
  codes, labels = problem()
  scores = evaluate(codes[:5], codes, labels[:5], labels + 10)
  assert scores['mAP'] == scores['precision@10'] == 0
  assert scores['pr_curve']['recall'] == []
  json.dumps(scores, allow_nan=False)


def test_order_of_the_database_does_not_matter():
  codes, labels = problem()
  order = np.argsort(labels, kind='stable')
  a = evaluate(codes[:20], codes, labels[:20], labels)
  b = evaluate(codes[:20], codes[order], labels[:20], labels[order])
  assert a == b


def test_jax_and_numpy_arrays():
  codes, labels = problem()
  args = (codes[:20], codes, labels[:20], labels)
  assert evaluate(*args) == evaluate(*map(jnp.asarray, args))


CODES, LABELS = np.ones((2, 4), np.int8), np.zeros(2, np.int32)
ZERO = np.array([[1, 1, 1, 1], [1, 1, 0, 1]], np.int8)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({0: ZERO}, 'query codes must be -1 or .1, but row 1, bit 2 is 0'),
    ({1: ZERO * np.int8(-128)}, 'database codes .* row 0, bit 0 is -128'),
    ({0: CODES.astype(np.int32)}, 'got int32'),
    ({0: CODES[0]}, r'got int8 \[4\]'),
    ({0: CODES[:0]}, 'query codes are empty'),
    ({1: CODES[:, :2]}, '4 bits, database codes 2'),
    ({2: LABELS[:1]}, '2 query codes, but 1 query labels'),
    ({3: np.eye(2)}, 'both multi-hot'),
    ({'precision_at': (1, 0)}, 'k must be an int of at least 1, got 0'),
    ({'radius': -1}, 'radius must be an int of at least 0, got -1'),
    ({'database_ids': LABELS}, 'database_ids alone'),
  ],
)
def test_bad_inputs(change, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  args = [CODES, CODES, LABELS, LABELS]
  for i in range(4):
    args[i] = change.get(i, args[i])
  kwargs = {k: v for k, v in change.items() if isinstance(k, str)}
  with pytest.raises(ValueError, match=message):
    evaluate(*args, **kwargs)


def test_real_codes_agree_with_sorted_rankings(real_data):
  path = real_data / 'cifar10' / 'features_pca256.npz'
  if not path.exists():
    pytest.skip(f'{path} is not there')
  with np.load(path) as arrays:
    features = arrays['test_features'][:600].astype(np.float32)
    labels = arrays['test_labels'][:600].astype(np.int32)
  rng = np.random.default_rng(0)
  planes = rng.standard_normal((features.shape[1], 64), np.float32)
  codes = np.where((features - features.mean(0)) @ planes >= 0, 1, -1)
  codes = codes.astype(np.int8)
  score = evaluate(codes[:50], codes[50:], labels[:50], labels[50:])['mAP']
  orders = []
  for _ in range(20):
    total = 0.0
    for code, label in zip(codes[:50], labels[:50]):
      distances = (code != codes[50:]).sum(1)
      order = np.lexsort((rng.random(550), distances))
      ranked = (labels[50:] == label)[order].tolist()
      total += oracle.average_precision(ranked, None, 'retrieved')[0]
    orders.append(total / 50)
  error = np.std(orders) / np.sqrt(len(orders))
  assert abs(score - np.mean(orders)) < 4 * error + 1e-9


def test_imports_nothing_heavy():
  code = (
    'import sys, jaxhash; '
    'heavy = {"flax", "matplotlib", "tensorflow_datasets", "optax", '
    '"scipy.stats"}; '
    'sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)'
  )
  done = subprocess.run(
    [sys.executable, '-c', code], check=False, capture_output=True, text=True
  )
  assert done.returncode == 0, done.stderr
