import importlib.util
import json

import hypothesis
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import strategies as st
from jax.sharding import AxisType

from jaxhash import metrics
from jaxhash.metrics import (
  EvaluationProtocol,
  GroundTruth,
  Measures,
  evaluate,
  evaluate_ranking,
)
from tests.metrics import problems
from tests.oracles import average_precision as oracle
from tests.oracles import retrieval

NUMBA = importlib.util.find_spec('numba') is not None
BACKENDS = ['popcount'] + ['native'] * NUMBA
TIES = ['expected', 'database_order', 'best', 'worst']
fuzz = hypothesis.settings(max_examples=30, deadline=None, database=None)


def problem(items=150, bits=10, classes=3):
  rng = np.random.default_rng(0)
  codes = rng.choice(np.array([-1, 1], np.int8), (items, bits))
  return codes, rng.integers(0, classes, items, np.int32)


def numbers(scores):
  return {k: v for k, v in scores.items() if isinstance(v, float)}


def test_a_case_by_hand():
  codes = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, -1, -1]], np.int8)
  labels = np.array([0, 0, 1, 0], np.int32)
  scores = evaluate(
    codes[:1],
    codes[1:],
    labels[:1],
    labels[1:],
    measures=Measures(precision_at=(1, 2, 100), radius=1),
  )
  distances, relevant = [1, 1, 3], [True, False, True]
  expected, _ = oracle.expected(distances, relevant, None, 'retrieved')
  assert scores['mAP'] == pytest.approx(expected)
  assert scores['mAP_best'] == pytest.approx((1 + 2 / 3) / 2)
  assert scores['mAP_worst'] == pytest.approx((1 / 2 + 2 / 3) / 2)
  assert scores['precision@1'] == scores['precision@2'] == 1 / 2
  assert scores['recall@1'] == 1 / 4
  assert 'precision@100' not in scores
  assert scores['precision@radius1'] == scores['recall@radius1'] == 1 / 2
  assert scores['empty_balls@radius1'] == 0
  assert scores['pr_curve'] == {
    'distance': [1, 2, 3],
    'precision': [1 / 2, 1 / 2, pytest.approx(2 / 3)],
    'recall': [1 / 2, 1 / 2, 1],
  }
  assert (scores['num_query'], scores['num_database']) == (1, 3)
  assert scores['num_bits'] == 3
  assert scores['protocol'] == str(EvaluationProtocol())
  assert scores['protocol_digest'] == EvaluationProtocol().digest()
  assert json.loads(json.dumps(scores, allow_nan=False)) == scores


@fuzz
@hypothesis.given(
  items=st.lists(
    st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6
  ),
  at=st.none() | st.integers(1, 7),
  denominator=st.sampled_from(['retrieved', 'relevant', 'min']),
  area=st.sampled_from(['steps', 'trapezoids']),
)
@pytest.mark.parametrize('ties', TIES)
@pytest.mark.parametrize('backend', BACKENDS)
def test_over_all_orders(backend, ties, items, at, denominator, area):
  distances, relevant = zip(*items)
  database = np.array([[d > 0, d > 1] for d in distances])
  protocol = EvaluationProtocol(at, denominator, ties=ties, area=area)
  scores = evaluate(
    np.zeros((1, 2), bool),
    database,
    np.array([1]),
    np.array(relevant, int),
    protocol,
    backend=backend,
  )
  orders = list(oracle.orders(distances, relevant))

  def score(ranked):
    return oracle.average_precision(ranked, at, denominator, area)[0]

  def early(ranked):
    return sum(r / 2**i for i, r in enumerate(ranked))

  values = [score(ranked) for ranked in orders]
  expected = {
    'expected': np.mean(values),
    'best': score(max(orders, key=early)),
    'worst': score(min(orders, key=early)),
    'database_order': score(
      [r for _, r in sorted(items, key=lambda item: item[0])]
    ),
  }
  assert scores['mAP'] == pytest.approx(expected[ties], abs=1e-12)
  if ties != 'expected':
    assert scores['tie_difference'] == pytest.approx(
      expected[ties] - expected['expected'], abs=1e-12
    )
  if (denominator == 'relevant' or at is None) and area == 'steps':
    assert scores['mAP_best'] == pytest.approx(max(values), abs=1e-12)
    assert scores['mAP_worst'] == pytest.approx(min(values), abs=1e-12)


def protocols():
  return [
    EvaluationProtocol(at=at, ties=ties, empty=empty, denominator=denominator)
    for ties in TIES
    for at, empty, denominator in (
      (None, 'zero', 'retrieved'),
      (7, 'skip', 'min'),
    )
  ]


@pytest.mark.parametrize('protocol', protocols(), ids=str)
@pytest.mark.parametrize('kind', ['single', 'multi_hot', 'lists'])
@pytest.mark.parametrize('backend', BACKENDS)
def test_against_rankings_by_definition(protocol, kind, backend):
  """Every score of every kind of relevance, one query and order at a time."""
  queries, items, ks = 12, 60, (1, 5, 30)
  rng = np.random.default_rng(0)
  query, database = problems.codes(0, queries, 4), problems.codes(1, items, 4)
  ids = {'query_ids': np.arange(5, 17), 'database_ids': np.arange(items)}
  ignored = np.arange(5, 17)[:, None] == np.arange(items)
  args = [query, database]
  kwargs = dict(ids)
  if kind == 'lists':
    relevant = rng.random((queries, items)) < 0.1
    junk = (rng.random((queries, items)) < 0.2) & ~relevant
    kwargs['ground_truth'] = GroundTruth(
      [np.flatnonzero(row) for row in relevant],
      [np.flatnonzero(row) for row in junk],
    )
    ignored = ignored | junk
    worth = relevant.astype(int)
  else:
    args += [problems.labels(2, queries, kind), problems.labels(3, items, kind)]
    worth = np.array(
      [[problems.shared(a, b) for b in args[3]] for a in args[2]]
    )
  hierarchical_at, similarity = (), None
  if kind == 'single':
    hierarchical_at = (40,)
    similarity = rng.choice([0, 0.25, 0.5, 1], (4, 4))
    worth = similarity[args[2]][:, args[3]]
    worth[args[2] < 0] = worth[:, args[3] < 0] = 0
  measures = Measures(ks, ndcg_at=(5, 30), hierarchical_at=hierarchical_at)
  scores = metrics.score_codes(
    *args,
    protocol=protocol,
    measures=measures,
    similarity=similarity,
    backend=backend,
    **kwargs,
  )
  distances = (query[:, None] != database[None]).sum(-1)
  for i in range(queries):
    kept = np.flatnonzero(~ignored[i])
    d, gains = distances[i][kept], worth[i][kept]
    hits = gains > 0
    if kind == 'single':
      hits = args[3][kept] == max(args[2][i], -0.5)
    else:
      gains = 2**gains - 1
    rows = []
    for _ in range(300 if protocol.ties == 'expected' else 1):
      order = {
        'expected': rng.random(len(kept)),
        'database_order': np.arange(len(kept)),
        'best': -1.0 * hits,
        'worst': 1.0 * hits,
      }[protocol.ties]
      ranked = np.lexsort((order, d))
      relevances = hits[ranked].tolist()
      if protocol.ties in ('best', 'worst'):
        ranked = np.lexsort((gains if protocol.ties == 'worst' else -gains, d))
      total = max(sum(relevances), 1)
      ap, _ = oracle.average_precision(
        relevances, protocol.at, protocol.denominator
      )
      graded = gains[ranked].tolist()
      rows.append(
        {
          'mAP': ap,
          **{f'precision@{k}': sum(relevances[:k]) / k for k in ks},
          **{f'recall@{k}': sum(relevances[:k]) / total for k in ks},
          **{f'NDCG@{k}': retrieval.ndcg(graded, k) for k in (5, 30)},
          **{
            f'HP@{k}': retrieval.hierarchical_precision(graded, k)[-1]
            for k in hierarchical_at
          },
          **{
            f'mAHP@{k}': retrieval.average_hierarchical_precision(graded, k)
            for k in hierarchical_at
          },
        }
      )
    for name in rows[0]:
      values = [row[name] for row in rows]
      tolerance = 5 * np.std(values) / np.sqrt(len(values)) + 1e-12
      found = scores.values[name][i]
      assert abs(found - np.mean(values)) <= tolerance, (name, i)


@pytest.mark.parametrize('ties', TIES)
@pytest.mark.parametrize('kind', ['single', 'multi_hot', 'many labels'])
def test_all_ways_give_the_same_scores(ties, kind):
  query, database = problems.codes(0, 30, 9), problems.codes(1, 200, 9)
  args = (
    query,
    database,
    problems.labels(2, 30, kind),
    problems.labels(3, 200, kind),
    EvaluationProtocol(at=20, ties=ties),
  )
  ids = {'query_ids': np.arange(30), 'database_ids': np.arange(10, 210)}
  similarity, hierarchical_at = None, ()
  if kind == 'single':
    similarity, hierarchical_at = np.eye(4) + np.arange(4) / 8, (15,)
  measures = Measures(ndcg_at=(9,), hierarchical_at=hierarchical_at)
  kwargs = dict(ids, measures=measures, similarity=similarity)
  expected = evaluate(*args, backend='popcount', **kwargs)
  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  assert evaluate(*args, mesh=mesh, block_size=7, **kwargs) == expected
  distances = -(query.astype(np.float32) @ database.T)
  for given in (distances, lambda rows: distances[rows]):
    ranked = evaluate_ranking(given, *args[2:], **kwargs)
    shared = {k: v for k, v in numbers(expected).items() if 'radius' not in k}
    assert numbers(ranked) == pytest.approx(shared)
  assert ranked['protocol_digest'] == expected['protocol_digest']
  if NUMBA:
    native = evaluate(*args, backend='native', **kwargs)
    assert numbers(native) == pytest.approx(numbers(expected), rel=1e-12)
    assert native['pr_curve'] == expected['pr_curve']


@pytest.mark.parametrize('ties', TIES)
@pytest.mark.parametrize('backend', BACKENDS)
def test_parts_of_the_queries(ties, backend, monkeypatch):
  codes, labels = problem()
  args = (codes[:20], codes, labels[:20], labels, EvaluationProtocol(ties=ties))
  kwargs = {
    'measures': Measures(ndcg_at=(5,)),
    'query_ids': np.arange(20),
    'database_ids': np.arange(len(codes)),
    'backend': backend,
  }
  whole = evaluate(*args, **kwargs)
  for name in ('COUNTS_AT_A_TIME', 'PAIRS_AT_A_TIME'):
    monkeypatch.setattr(f'jaxhash.metrics.evaluation.{name}', 400)
  parts = evaluate(*args, progress=True, **kwargs)
  assert numbers(parts) == pytest.approx(numbers(whole), rel=1e-12)
  for name in ('precision', 'recall'):
    curve = whole['pr_curve'][name]
    np.testing.assert_allclose(parts['pr_curve'][name], curve)


def test_rankings_in_parts(monkeypatch):
  rng = np.random.default_rng(0)
  distances = rng.integers(0, 9, (20, 70)).astype(np.float32)
  labels = rng.integers(0, 5, 20), rng.integers(0, 5, 70)
  whole = evaluate_ranking(distances, *labels)
  monkeypatch.setattr('jaxhash.metrics.ranking_evaluation.PAIRS_AT_A_TIME', 200)
  parts = evaluate_ranking(distances, *labels)
  assert numbers(parts) == pytest.approx(numbers(whole))
  for name in ('precision', 'recall'):
    curve = whole['pr_curve'][name]
    np.testing.assert_allclose(parts['pr_curve'][name], curve)
  assert whole['pr_curve']['recall'][-1] == pytest.approx(1)
  assert sorted(whole['pr_curve']['recall']) == whole['pr_curve']['recall']
  json.dumps(whole, allow_nan=False)


def test_a_function_gives_the_distances_of_few_queries_at_a_time(monkeypatch):
  monkeypatch.setattr('jaxhash.metrics.ranking_evaluation.PAIRS_AT_A_TIME', 200)
  distances = np.random.default_rng(0).random((20, 70))
  asked = []

  def some(rows):
    asked.append(rows.stop - rows.start)
    return jnp.asarray(distances[rows])

  labels = np.arange(20) % 3, np.arange(70) % 3
  scores = evaluate_ranking(some, *labels)
  assert numbers(scores) == pytest.approx(
    numbers(evaluate_ranking(distances.astype(np.float32), *labels))
  )
  assert max(asked) == 2


def test_classes():
  codes, labels = problem()
  args = (codes[:20], codes, labels[:20], labels)
  scores = evaluate(*args, by_class=True)
  assert [x['class'] for x in scores['classes']] == [0, 1, 2]
  for row in scores['classes']:
    of_class = labels[:20] == row['class']
    alone = evaluate(codes[:20][of_class], codes, labels[:20][of_class], labels)
    assert row['num_query'] == of_class.sum()
    assert numbers(row) == pytest.approx(numbers(alone))
  total = sum(x['num_query'] * x['mAP'] for x in scores['classes'])
  assert scores['mAP'] == pytest.approx(total / 20)


def test_a_query_counts_for_each_of_its_labels():
  codes, _ = problem()
  labels = problems.labels(0, len(codes), 'multi_hot')
  scores = metrics.score_codes(codes, codes, labels, labels)
  for row in metrics.summarize(scores, by_class=True)['classes']:
    which = labels[:, row['class']] > 0
    assert row['num_query'] == which.sum()
    assert row['mAP'] == pytest.approx(scores.values['mAP'][which].mean())


def test_intervals():
  codes, labels = problem()
  scores = evaluate(codes[:50], codes, labels[:50], labels, bootstrap=200)
  for name in ('mAP', 'precision@10', 'recall@radius2'):
    low, high = scores['intervals'][name]
    assert low < scores[name] < high
  json.dumps(scores, allow_nan=False)


@pytest.mark.parametrize('empty', ['zero', 'skip'])
@pytest.mark.parametrize('backend', BACKENDS)
def test_means_and_intervals_are_over_the_queries_that_count(empty, backend):
  codes, labels = problem()
  labels = np.where(np.arange(len(codes)) % 3 == 0, -1, labels)
  query = slice(0, 60)
  measures = Measures(precision_at=(10, 150), ndcg_at=(10,))
  args = (codes[query], codes, labels[query], labels)
  kwargs = {'measures': measures, 'backend': backend}
  for ties in ('expected', 'database_order'):
    protocol = EvaluationProtocol(empty=empty, ties=ties)
    scores = metrics.score_codes(*args, protocol, **kwargs)
    results = metrics.summarize(scores, bootstrap=300, by_class=True)
    known = labels[query] >= 0
    for name in ('mAP', 'NDCG@10', 'recall@10', 'recall@radius2'):
      values = scores.values[name]
      counted = known
      if empty == 'zero' and not name.startswith('recall'):
        counted = np.ones(60, bool)
      assert results[name] == pytest.approx(values[counted].mean()), name
      assert not values[~known].any()
      low, high = results['intervals'][name]
      half = 1.96 * values[counted].std() / np.sqrt(counted.sum())
      assert low == pytest.approx(results[name] - half, abs=half / 2)
      assert high == pytest.approx(results[name] + half, abs=half / 2)
    assert results['recall@150'] == pytest.approx(1)
    assert [x['class'] for x in results['classes']] == [0, 1, 2]
  wide = metrics.summarize(scores, bootstrap=300, confidence=0.5)
  assert wide['intervals']['mAP'][1] < results['intervals']['mAP'][1]


def test_nothing_counts():
  codes, labels = problem()
  protocol = EvaluationProtocol(empty='skip')
  args = (codes[:3], codes, np.full(3, -1), labels, protocol)
  scores = evaluate(*args, bootstrap=10, by_class=True)
  assert scores['mAP'] == 0 and 'mAP' not in scores['intervals']
  assert scores['classes'] == []
  json.dumps(scores, allow_nan=False)


def test_results_say_what_was_relevant():
  codes, labels = problem(items=20)
  ids = {'query_ids': np.arange(5), 'database_ids': np.arange(20)}
  for args, kind, ignored in (
    ((labels[:5], labels), 'labels', 5),
    ((np.eye(3)[labels[:5]], np.eye(3)[labels]), 'multi-hot labels', 5),
    ((), 'lists', 9),
  ):
    kwargs = dict(ids)
    if kind == 'lists':
      kwargs['ground_truth'] = GroundTruth(
        [[9]] * 5, [[1], [8], [7], [3, 5], []]
      )
    scores = evaluate(codes[:5], codes, *args, **kwargs)
    assert (scores['relevance'], scores['ignored_pairs']) == (kind, ignored)


def test_database_order_over_several_pieces_with_ignored_items():
  pytest.importorskip('numba')
  query, database = problems.codes(0, 6, 8), problems.codes(1, 20_000, 8)
  rng = np.random.default_rng(0)
  args = query, database, rng.integers(0, 3, 6), rng.integers(0, 3, 20_000)
  ids = {
    'query_ids': np.arange(6),
    'database_ids': rng.integers(0, 40, 20_000),
  }
  protocol = EvaluationProtocol(at=15_000, ties='database_order')
  native, plain = (
    evaluate(*args, protocol, backend=backend, **ids)
    for backend in ('native', 'popcount')
  )
  assert numbers(native) == pytest.approx(numbers(plain), rel=1e-12)
  assert native['ignored_pairs'] > 2000


def test_labels_of_more_than_16_bits():
  codes, labels = problem()
  args = codes[:20], codes
  expected = evaluate(*args, labels[:20], labels)
  for large in (2**15, 2**16, 2**31 - 3):
    assert evaluate(*args, labels[:20] + large, labels + large) == expected


def test_empty_balls():
  query = np.ones((2, 8), np.int8)
  query[1] = -1
  database, labels = np.ones((3, 8), np.int8), np.zeros(3, int)
  args = (query, database, labels[:2], labels)
  zero = evaluate(*args)
  assert zero['precision@radius2'] == zero['empty_balls@radius2'] == 1 / 2
  assert zero['empty_balls'] == 'zero'
  skip = evaluate(*args, measures=Measures(empty_balls='skip'))
  assert skip['precision@radius2'] == 1 and skip['empty_balls'] == 'skip'
  assert 'radius' not in str(
    list(evaluate(*args, measures=Measures(radius=None)))
  )


def test_scores_of_runs_are_saved_and_compared(tmp_path):
  codes, labels = problem()
  kwargs = {'measures': Measures(ndcg_at=(5,))}
  runs = [
    metrics.score_codes(c[:50], c, labels[:50], labels, **kwargs)
    for c in (codes, np.where(labels[:, None] == 1, 1, codes))
  ]
  path = tmp_path / 'scores'
  runs[1].save(path)
  loaded = metrics.load_scores(path)
  assert loaded.facts == runs[1].facts
  assert metrics.summarize(loaded) == metrics.summarize(runs[1])
  result = metrics.compare(runs[0], loaded)
  means = [metrics.summarize(run)['mAP'] for run in runs]
  assert result['difference'] == pytest.approx(means[1] - means[0])
  np.savez(tmp_path / 'other.npz', x=1)
  path.write_bytes(path.read_bytes()[:-30])
  for broken in (path, tmp_path / 'other.npz'):
    with pytest.raises(ValueError, match='no file of scores'):
      metrics.load_scores(broken)


def test_nothing_relevant():
  codes, labels = problem()
  scores = evaluate(codes[:5], codes, labels[:5], labels + 10)
  assert scores['mAP'] == scores['precision@10'] == 0
  assert scores['pr_curve']['recall'] == []
  json.dumps(scores, allow_nan=False)


@pytest.mark.parametrize('ties', ['expected', 'best', 'worst'])
def test_order_of_the_database_does_not_matter(ties):
  codes, labels = problem()
  order = np.argsort(labels, kind='stable')
  protocol = EvaluationProtocol(at=30, ties=ties)
  a = evaluate(codes[:20], codes, labels[:20], labels, protocol)
  b = evaluate(codes[:20], codes[order], labels[:20], labels[order], protocol)
  assert a == b


@pytest.mark.parametrize('backend', BACKENDS)
def test_all_forms_of_codes_and_labels(backend):
  codes, labels = problem(bits=12)

  class OnlyDlpack:
    def __init__(self, array):
      self._array = array

    def __dlpack__(self, **kwargs):
      return self._array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
      return self._array.__dlpack_device__()

  def score(form, labels=labels, **kwargs):
    x = form(codes)
    query = x[:20] if not isinstance(x, OnlyDlpack) else OnlyDlpack(codes[:20])
    return evaluate(query, x, labels[:20], labels, backend=backend, **kwargs)

  expected = score(lambda x: x)
  for form in (
    jnp.asarray,
    OnlyDlpack,
    lambda x: x > 0,
    lambda x: (x > 0).astype(np.float64),
    lambda x: x.astype(np.float32),
    lambda x: x.tolist(),
  ):
    assert score(form) == expected
  packed = score(lambda x: np.packbits(x > 0, axis=1), num_bits=12)
  assert packed == expected
  assert score(lambda x: x, labels=jnp.asarray(labels)) == expected
  with_torch = pytest.importorskip('torch')
  assert score(with_torch.from_numpy, with_torch.from_numpy(labels)) == expected


CODES, LABELS = np.ones((2, 4), np.int8), np.zeros(2, np.int32)
ZERO = np.array([[1, -1, 1, 1], [1, 1, 0, 1]], np.int8)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({0: ZERO}, 'query codes must be -1/.1 or 0/1, but row 1, bit 2 is 0'),
    ({1: CODES * np.int8(-128)}, 'database codes .* row 0, bit 0 is -128'),
    ({0: CODES[0]}, r'got int8 \[4\]'),
    ({0: CODES[:0]}, 'query codes are empty'),
    ({1: CODES[:, :2]}, '4 bits, database codes 2'),
    ({2: LABELS[:1]}, '2 query codes, but 1 query labels'),
    ({3: np.eye(2)}, 'both multi-hot'),
    ({'database_ids': LABELS}, 'database_ids alone'),
    ({'similarity': np.eye(2)[:1]}, 'similarity must be'),
    (
      {'measures': Measures(hierarchical_at=(1,))},
      'hierarchical_at needs a similarity',
    ),
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


@pytest.mark.parametrize(
  ('kwargs', 'message'),
  [
    ({'precision_at': 10}, 'several numbers of items are wanted, got 10'),
    ({'precision_at': (1, 0)}, 'k must be an int of at least 1, got 0'),
    ({'ndcg_at': (0,)}, 'k must be an int of at least 1, got 0'),
    ({'hierarchical_at': (1.5,)}, 'k must be an int of at least 1, got 1.5'),
    ({'radius': -1}, 'radius must be an int of at least 0, got -1'),
    ({'empty_balls': 'drop'}, "'drop'; known: zero, skip"),
  ],
)
def test_bad_measures(kwargs, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    Measures(**kwargs)


@pytest.mark.parametrize(
  ('distances', 'labels', 'message'),
  [
    (np.array([[0, np.nan]]), ([0], [0, 1]), 'query 0 to item 1 is NaN'),
    (np.zeros(3), ([0], [0]), r'must be \[query, database\]'),
    (np.zeros((1, 0)), ([0], []), 'neither empty'),
    (np.zeros((1, 2)), ([0, 1], [0, 1]), '1 query codes, but 2 query labels'),
    (lambda rows: np.zeros((1, 2)), ([0, 1], [0, 1]), r'2 queries .*\[1, 2\]'),
    (lambda rows: np.zeros((1, 2)), (None, None), 'need labels'),
    (np.zeros((1, 2), complex), ([0], [0, 1]), 'real numbers, got complex128'),
  ],
)
def test_bad_rankings(distances, labels, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  labels = [None if x is None else np.array(x, int) for x in labels]
  with pytest.raises(ValueError, match=message):
    evaluate_ranking(distances, *labels)


def test_nan_of_a_later_part_of_the_queries(monkeypatch):
  monkeypatch.setattr('jaxhash.metrics.ranking_evaluation.PAIRS_AT_A_TIME', 20)
  distances = np.zeros((5, 10))
  distances[3, 4] = np.nan
  with pytest.raises(ValueError, match='distance of query 3 to item 4 is NaN'):
    evaluate_ranking(distances, np.zeros(5, int), np.zeros(10, int))


def test_rankings_in_half_precision():
  rng = np.random.default_rng(0)
  distances = jnp.asarray(rng.random((9, 50)), jnp.bfloat16)
  labels = np.arange(9) % 3, np.arange(50) % 3
  expected = evaluate_ranking(np.asarray(distances, np.float64), *labels)
  assert evaluate_ranking(distances, *labels) == expected


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
