import chex
import jax
import jaxtyping
import numpy as np
import pytest

from jaxhash.metrics import (
  EvaluationProtocol,
  Histograms,
  hamming_histograms,
  histograms,
  mean_average_precision,
  ranking_histograms,
)


def problem(seed=0, queries=11, items=37, bits=12, multi_label=False):
  rng = np.random.default_rng(seed)
  codes = [
    rng.choice(np.array([-1, 1], np.int8), (n, bits)) for n in (queries, items)
  ]
  if multi_label:
    labels = [
      (rng.random((n, 5)) < 0.3).astype(np.uint8) for n in (queries, items)
    ]
  else:
    labels = [rng.integers(-1, 4, n, np.int32) for n in (queries, items)]
  return *codes, *labels


def by_loops(query, database, query_labels, database_labels, skip=()):
  shape = (len(query), query.shape[1] + 1)
  every, relevant = np.zeros(shape, int), np.zeros(shape, int)
  for i, (q, a) in enumerate(zip(query, query_labels)):
    for j, (x, b) in enumerate(zip(database, database_labels)):
      if (i, j) in skip:
        continue
      d = (q != x).sum()
      every[i, d] += 1
      relevant[i, d] += (a * b).sum() > 0 if np.ndim(a) else a == b and a >= 0
  return every, relevant


def assert_counts(counts, expected):
  np.testing.assert_array_equal(counts.all, expected[0])
  np.testing.assert_array_equal(counts.relevant, expected[1])


@pytest.mark.parametrize('block_size', [1, 5, 36, 37, 1000])
@pytest.mark.parametrize('multi_label', [False, True])
def test_against_loops(block_size, multi_label):
  args = problem(multi_label=multi_label)
  counts = hamming_histograms(*args, block_size=block_size)
  assert counts.all.dtype == counts.relevant.dtype == np.int32
  assert_counts(counts, by_loops(*args))


def test_backends_agree():
  args = problem(bits=40)
  for backend in ('popcount', 'matmul'):
    counts = hamming_histograms(*args, backend=backend, block_size=10)
    assert_counts(counts, by_loops(*args))


def test_blocks_share_one_compilation(monkeypatch):
  chex.clear_trace_counter()
  traced = chex.assert_max_traces(histograms._block_counts.__wrapped__, n=1)
  monkeypatch.setattr(
    histograms,
    '_block_counts',
    jax.jit(traced, static_argnames=('num_bits', 'backend')),
  )
  args = problem(items=37)
  assert_counts(hamming_histograms(*args, block_size=8), by_loops(*args))


@pytest.mark.parametrize('kind', [int, str])
def test_a_query_does_not_retrieve_itself(kind):
  codes, _, labels, _ = problem()
  ids = np.array([kind(10**12 + i) for i in range(len(codes))])
  order = np.random.default_rng(1).permutation(len(codes))
  counts = hamming_histograms(
    codes,
    codes[order],
    labels,
    labels[order],
    query_ids=ids,
    database_ids=ids[order],
    block_size=4,
  )
  skip = {(i, i) for i in range(len(codes))}
  assert_counts(counts, by_loops(codes, codes, labels, labels, skip))


def test_parts_of_a_database_add_up():
  query, database, query_labels, labels = problem()
  parts = [
    hamming_histograms(query, database[rows], query_labels, labels[rows])
    for rows in (slice(0, 10), slice(10, None))
  ]
  expected = by_loops(query, database, query_labels, labels)
  assert_counts(parts[0] + parts[1], expected)
  assert_counts(jax.tree.map(lambda a, b: a + b, *parts), expected)
  with pytest.raises(ValueError, match=r'got \(11, 13\) and \(1, 13\)'):
    parts[0] + jax.tree.map(lambda x: x[:1], parts[1])


def test_rankings_of_integers_score_like_hamming():
  query, database, query_labels, labels = problem(bits=8, items=200)
  counts = hamming_histograms(query, database, query_labels, labels)
  distances = (query[:, None] != database[None]).sum(-1)
  same = query_labels[:, None] == labels[None]
  relevant = same & (query_labels[:, None] >= 0)
  ranked = ranking_histograms(distances, relevant)
  for at in (None, 1, 30):
    protocol = EvaluationProtocol(at=at)
    assert mean_average_precision(ranked, protocol) == pytest.approx(
      mean_average_precision(counts, protocol), rel=1e-12
    )


def test_ranking_groups():
  distances = np.array(
    [[0.5, -0.0, 0.5, 0.0, np.inf], [4.0, 3.0, 2.0, 1.0, 1.0]], np.float32
  )
  relevant = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 1]], bool)
  assert_counts(
    ranking_histograms(distances, relevant),
    ([[2, 2, 1, 0], [2, 1, 1, 1]], [[1, 1, 1, 0], [1, 0, 0, 1]]),
  )
  excluded = np.zeros_like(relevant)
  excluded[0, 1] = excluded[1, 3] = True
  assert_counts(
    ranking_histograms(distances, relevant, excluded),
    ([[1, 2, 1, 0], [1, 1, 1, 1]], [[0, 1, 1, 0], [1, 0, 0, 1]]),
  )


CODES, LABELS = np.ones((2, 4), np.int8), np.zeros(2, np.int32)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({0: CODES[:, :3]}, 'query codes have 3 bits, database codes 4'),
    ({0: CODES.astype(np.float32)}, r'int8 \[n, num_bits\], got float32'),
    ({0: CODES[0]}, r'got int8 \[4\]'),
    ({1: CODES[:0]}, r'database codes are empty: \[0, 4\]'),
    ({2: LABELS[:1]}, '2 query codes, but 1 query labels'),
    ({3: np.zeros(3, np.int32)}, '2 database codes, but 3 database labels'),
    ({2: np.eye(2)}, r'got \[2, 2\] and \[2\]'),
    ({2: LABELS + 0.5}, r'query labels \[n\] must be int, got float64'),
    (
      {3: LABELS.astype(np.int64) + 2**40},
      'must fit into int32, but row 0 is 1099511627776',
    ),
    ({'block_size': 0}, 'block_size must be at least 1, got 0'),
    ({'query_ids': LABELS}, 'come together, got query_ids alone'),
    (
      {'query_ids': LABELS, 'database_ids': LABELS[:1]},
      '2 database codes, but 1 database ids',
    ),
    ({'backend': 'sort'}, "'sort'; known: popcount, matmul"),
  ],
)
def test_bad_inputs(change, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  args = [CODES, CODES, LABELS, LABELS]
  for i in range(4):
    args[i] = change.get(i, args[i])
  kwargs = {k: v for k, v in change.items() if isinstance(k, str)}
  with pytest.raises(ValueError, match=message):
    hamming_histograms(*args, **kwargs)


@pytest.mark.parametrize(
  ('args', 'message'),
  [
    (([[0, np.nan]], [[True, True]]), 'query 0 to item 1 is NaN'),
    (([[0.0, 1.0]], [[True]]), r'relevant must be bool \[1, 2\]'),
    (([[0.0, 1.0]], [[1, 0]]), 'got int64'),
    (([0.0], [True]), r'must be \[query, database\]'),
    (([[]], np.zeros((1, 0), bool)), 'neither empty'),
    (([[0.0]], [[True]], [[0]]), r'excluded must be bool \[1, 1\]'),
  ],
)
def test_bad_rankings(args, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    ranking_histograms(*map(np.array, args))


def test_histograms_are_a_tree():
  counts = Histograms(np.ones((1, 2)), np.zeros((1, 2)))
  doubled = jax.jit(lambda c: c + c)(counts)
  np.testing.assert_array_equal(doubled.all, [[2, 2]])
