import numpy as np
import pytest

from jaxhash import metrics
from jaxhash.metrics import EvaluationProtocol, published_protocol
from tests.metrics import problems
from tests.oracles import evaluators

NAMES = ['deephash_pytorch', 'orthohash', 'hashnet', 'thulab']


def problem(multi_label, queries=40, items=500, bits=12):
  rng = np.random.default_rng(0)
  if multi_label:
    labels = [
      (rng.random((n, 30)) < 0.05).astype(int) for n in (queries, items)
    ]
  else:  # of the last class there are no items
    labels = [
      np.eye(9, dtype=int)[rng.integers(0, c, n)]
      for c, n in ((9, queries), (8, items))
    ]
  codes = problems.codes(1, queries, bits), problems.codes(2, items, bits)
  return *codes, *labels


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('multi_label', [False, True])
@pytest.mark.parametrize('at', [5, 100, 500])
def test_with_a_stable_sort(name, multi_label, at):
  args = problem(multi_label)
  theirs = getattr(evaluators, name)(*args, at, evaluators.stable)
  ours = metrics.evaluate(*args, published_protocol(name, at))
  assert abs(ours['mAP'] - theirs) < 1e-6
  # Most of such a ranking is ties, and the number shows it.
  assert abs(ours['tie_difference']) > 1e-5
  expected = EvaluationProtocol(at=at, empty=published_protocol(name, at).empty)
  assert ours['mAP'] - ours['tie_difference'] == pytest.approx(
    metrics.evaluate(*args, expected)['mAP']
  )


@pytest.mark.parametrize('name', NAMES)
def test_in_plain_form_without_ties(name):
  """Item j differs from the query in j bits, in a shuffled database."""
  bits = 40
  rng = np.random.default_rng(0)
  query = problems.codes(0, 1, bits)
  flipped = np.arange(bits + 1)[:, None] > np.arange(bits)[None]
  database = np.where(flipped, -query, query)
  order = rng.permutation(len(database))
  labels = np.eye(3, dtype=int)[rng.integers(0, 3, len(database))]
  args = (query, database[order], labels[:1], labels)
  for at in (7, 30, 41):
    theirs = getattr(evaluators, name)(*args, at, evaluators.unstable)
    scores = metrics.evaluate(*args, published_protocol(name, at))
    assert abs(scores['mAP'] - theirs) < 1e-6
    assert abs(scores['tie_difference']) < 1e-12


@pytest.mark.parametrize('backend', ['popcount', None])
def test_revisited_oxford_and_paris(backend):
  query, database = problems.codes(0, 12, 6), problems.codes(1, 200, 6)
  rng = np.random.default_rng(0)
  rows = [rng.permutation(200) for _ in query]
  truth = [
    {'easy': r[: i % 5], 'hard': r[5:9], 'junk': r[9:30]}
    for i, r in enumerate(rows)
  ]
  for difficulty in ('easy', 'medium', 'hard'):
    lists = metrics.revisited_ground_truth(truth, difficulty)
    theirs = evaluators.revisitop(
      query, database, lists.relevant, lists.ignored, evaluators.stable
    )
    ours = metrics.evaluate(
      query,
      database,
      protocol=published_protocol('revisitop'),
      ground_truth=lists,
      backend=backend,
    )
    assert abs(ours['mAP'] - theirs) < 1e-12


def test_an_unstable_sort_gives_another_number():
  args = problem(multi_label=False)
  plain = evaluators.deephash_pytorch(*args, 100, evaluators.unstable)
  stable = evaluators.deephash_pytorch(*args, 100, evaluators.stable)
  assert plain != stable


def test_all_but_the_last():
  args = problem(multi_label=False)
  theirs = evaluators.deephash_pytorch(*args, -1, evaluators.stable)
  protocol = published_protocol('deephash_pytorch', -1, num_database=500)
  assert metrics.evaluate(*args, protocol)['mAP'] == pytest.approx(theirs)
  every = published_protocol('deephash_pytorch', 500)
  assert metrics.evaluate(*args, every)['mAP'] != pytest.approx(theirs)


@pytest.mark.parametrize(
  ('args', 'kwargs', 'message'),
  [
    (('faiss', 5), {}, "'faiss'; known: deephash_pytorch, orthohash"),
    (('hashnet', -1), {}, 'int >= 1, got -1'),
    (('deephash_pytorch', -1), {}, 'needs num_database'),
    (('deephash_pytorch', -1), {'num_database': 1}, 'at least 2, got 1'),
  ],
)
def test_bad_inputs(args, kwargs, message):
  with pytest.raises(ValueError, match=message):
    published_protocol(*args, **kwargs)
