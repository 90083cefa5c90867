import importlib.util

import chex
import jax
import jaxtyping
import numpy as np
import pytest
from jax.sharding import AxisType

from jaxhash import metrics, search
from jaxhash.metrics import GroundTruth, _device_counts, counting
from tests.metrics import problems
from tests.metrics.problems import assert_counts, problem

NUMBA = importlib.util.find_spec('numba') is not None
BACKENDS = ['popcount', 'int8', 'bfloat16'] + ['native'] * NUMBA
KINDS = ['single', 'multi_hot', 'many labels']


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('kind', KINDS)
def test_against_loops(backend, kind):
  args = problem(kind=kind)
  counts = metrics.histograms(*args, backend=backend)
  assert_counts(counts, problems.histograms(*args))


@pytest.mark.parametrize('block_size', [1, 5, 36, 37, 1000])
@pytest.mark.parametrize('kind', KINDS)
def test_blocks(block_size, kind):
  args = problem(kind=kind)
  counts = metrics.histograms(*args, block_size=block_size, backend='popcount')
  assert_counts(counts, problems.histograms(*args))


@pytest.mark.parametrize('bits', [1, 12, 20, 48, 64, 96, 128, 256, 512])
@pytest.mark.parametrize('backend', BACKENDS)
def test_bits(bits, backend):
  args = problem(bits=bits)
  counts = metrics.histograms(*args, backend=backend)
  assert_counts(counts, problems.histograms(*args))


@pytest.mark.parametrize('bits', [4, 64, 128, 256])
@pytest.mark.parametrize('items', [70_001, 140_000])
@pytest.mark.parametrize('kind', ['single', 'multi_hot'])
def test_native_over_blocks(bits, items, kind):
  """Blocks, pieces, tables of pairs and what is left over of each."""
  pytest.importorskip('numba')
  query, database, query_labels, labels = problem(3, items, bits, kind)
  labels = labels.clip(max=1)  # and slices longer than a block
  args = (query, database, query_labels.clip(max=1), labels)
  counts = metrics.histograms(*args, backend='native')
  for i, (q, a) in enumerate(zip(query, args[2])):
    distances = (database != q).sum(axis=1)
    relevant = (labels @ a > 0) if a.ndim else (labels == a) & (a >= 0)
    for found, which in (
      (counts.all, np.ones(items, bool)),
      (counts.relevant, relevant),
    ):
      expected = np.bincount(distances[which], minlength=bits + 1)
      np.testing.assert_array_equal(found[i], expected)


def test_native_counts_of_equal_distances_do_not_overflow():
  pytest.importorskip('numba')
  database = np.ones((300_000, 64), bool)
  labels = np.zeros(len(database), int)
  counts = metrics.histograms(
    database[:2], database, labels[:2], labels, backend='native'
  )
  assert counts.all[:, 0].tolist() == counts.relevant[:, 0].tolist()
  assert counts.all.sum(1).tolist() == [300_000, 300_000]


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('shape', 'block_size'), [((4,), 3), ((2, 2), 100)])
def test_on_a_mesh(kind, shape, block_size):
  mesh = jax.make_mesh(
    shape, ('a', 'b')[: len(shape)], axis_types=(AxisType.Auto,) * len(shape)
  )
  args = problem(kind=kind)
  counts = metrics.histograms(*args, mesh=mesh, block_size=block_size)
  assert_counts(counts, problems.histograms(*args))


def test_a_mesh_shares_the_database():
  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  blocks = _device_counts.DatabaseBlocks(
    search.read_codes(problems.codes(0, 40, 8)),
    np.zeros(40, np.int32),
    block_size=5,
    backend='popcount',
    mesh=mesh,
  )
  placed = [
    [shard.data.shape[0] for shard in codes.addressable_shards]
    for codes, _, _ in blocks._blocks
  ]
  assert placed == [[5, 5, 5, 5], [5, 5, 5, 5]]


def test_blocks_share_one_compilation(monkeypatch):
  chex.clear_trace_counter()
  traced = chex.assert_max_traces(_device_counts._count.__wrapped__, n=1)
  monkeypatch.setattr(
    _device_counts,
    '_count',
    jax.jit(traced, static_argnames=('num_bits', 'num_levels', 'mesh')),
  )
  args = problem(items=37)
  counts = metrics.histograms(*args, block_size=8, backend='popcount')
  assert_counts(counts, problems.histograms(*args))


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('kind', [int, str])
def test_a_query_does_not_retrieve_itself(kind, backend, monkeypatch):
  monkeypatch.setattr(counting, 'MARKS_AT_A_TIME', 4)
  codes, _, labels, _ = problem()
  ids = np.array([kind(10**12 + i) for i in range(len(codes))])
  order = np.random.default_rng(1).permutation(len(codes))
  counts = metrics.histograms(
    codes,
    codes[order],
    labels,
    labels[order],
    query_ids=ids,
    database_ids=ids[order],
    backend=backend,
  )
  skip = {(i, i) for i in range(len(codes))}
  expected = problems.histograms(codes, codes, labels, labels, skip)
  assert_counts(counts, expected)


def test_an_id_may_be_there_many_times_or_not_at_all():
  query, database, query_labels, labels = problem(queries=3, items=9)
  ids = np.array([5, 5, 7, 8, 5, 1, 2, 3, 7])
  counts = metrics.histograms(
    *(query, database, query_labels, labels),
    query_ids=np.array([5, 6, 7]),
    database_ids=ids,
  )
  skip = {(0, 0), (0, 1), (0, 4), (2, 2), (2, 8)}
  expected = problems.histograms(query, database, query_labels, labels, skip)
  assert_counts(counts, expected)


@pytest.mark.parametrize('backend', BACKENDS)
def test_ground_truth_with_ignored_items(backend):
  query, database, _, _ = problem(queries=3, items=9)
  truth = GroundTruth([[4, 0], [], np.array([8])], ignored=[[2], [3, 1], []])
  counts = metrics.histograms(
    query, database, ground_truth=truth, backend=backend
  )
  distances = (query[:, None] != database[None]).sum(-1)
  for i in range(3):
    counted = [j for j in range(9) if j not in truth.ignored[i]]
    for found, rows in (
      (counts.all, counted),
      (counts.relevant, list(truth.relevant[i])),
    ):
      expected = np.bincount(distances[i][rows], minlength=13)
      np.testing.assert_array_equal(found[i], expected)


def test_large_ids_of_two_kinds_of_integers():
  query, database, query_labels, labels = problem(queries=3, items=4)
  names = np.array([2**62, 2**62 + 1, 5, 6])
  counts = metrics.histograms(
    *(query, database, query_labels, labels),
    query_ids=names[:3].astype(np.uint64),
    database_ids=names[[1, 1, 3, 0]],
  )
  assert counts.all.sum(1).tolist() == [3, 2, 4]


def test_to_be_ignored_goes_before_to_be_relevant():
  query, database, _, _ = problem(queries=2, items=4)
  counts = metrics.histograms(
    query,
    database,
    ground_truth=GroundTruth([[0, 1], [2]]),
    query_ids=np.array([1, 9]),
    database_ids=np.arange(4),
  )
  assert counts.all.sum(1).tolist() == [3, 4]
  assert counts.relevant.sum(1).tolist() == [1, 1]


def test_revisited_ground_truth():
  query = {'easy': np.array([3]), 'hard': [5, 6], 'junk': [1]}
  for difficulty, relevant, ignored in (
    ('easy', [3], [1, 5, 6]),
    ('medium', [3, 5, 6], [1]),
    ('hard', [5, 6], [1, 3]),
  ):
    truth = metrics.revisited_ground_truth([query], difficulty)
    assert truth == GroundTruth([relevant], [ignored])
  with pytest.raises(ValueError, match="'all'; known: easy, medium, hard"):
    metrics.revisited_ground_truth([query], 'all')


@pytest.mark.parametrize('backend', BACKENDS)
def test_graded_by_the_similarity_of_classes(backend):
  args = problem()
  similarity = np.array(
    [[1, 0.5, 0, 0.2], [0.5, 1, 0, 0.2], [0, 0, 1, 0.2], [0.2, 0.2, 0.5, 1]]
  )
  graded = metrics.graded_histograms(
    *args, similarity=similarity, backend=backend
  )
  assert graded.gains.tolist() == [0, 0.2, 0.5, 1]
  expected = np.zeros(graded.counts.shape, int)

  def worth(a, b):
    return similarity[a, b] if a >= 0 and b >= 0 else 0.0

  for (i, d, gain), n in problems.counts(*args, worth).items():
    expected[i, d, graded.gains.tolist().index(gain)] += n
  np.testing.assert_array_equal(graded.counts, expected)
  assert graded.counts.dtype == np.int32


@pytest.mark.parametrize('backend', BACKENDS)
@pytest.mark.parametrize('kind', KINDS)
def test_graded_by_labels_in_common(backend, kind):
  args = problem(kind=kind)
  graded = metrics.graded_histograms(*args, backend=backend)
  assert graded.gains[:2].tolist() == [0, 1]
  expected = np.zeros(graded.counts.shape, int)
  for (i, d, n), count in problems.counts(*args, problems.shared).items():
    gain = 2**n - 1
    expected[i, d, graded.gains.tolist().index(gain)] += count
  np.testing.assert_array_equal(graded.counts, expected)


def test_graded_on_a_mesh():
  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  args = problem()
  similarity = np.eye(4) + 0.25
  whole = metrics.graded_histograms(*args, similarity=similarity)
  shared = metrics.graded_histograms(
    *args, similarity=similarity, mesh=mesh, block_size=3
  )
  np.testing.assert_array_equal(whole.counts, shared.counts)


def test_packed_codes():
  args = problem(bits=20)
  packed = [np.packbits(x > 0, axis=1) for x in args[:2]]
  counts = metrics.histograms(*packed, *args[2:], num_bits=20)
  assert_counts(counts, problems.histograms(*args))


CODES, LABELS = np.ones((2, 4), np.int8), np.zeros(2, np.int32)
TRUTH = GroundTruth([[0], [1]])


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({0: CODES[:, :3]}, 'query codes have 3 bits, database codes 4'),
    ({0: CODES / 2}, 'query codes must be -1/.1 or 0/1.*is 0.5'),
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
    ({'block_size': 0}, 'block_size must be an int of at least 1, got 0'),
    ({'query_ids': LABELS}, 'come together, got query_ids alone'),
    (
      {'query_ids': LABELS, 'database_ids': LABELS[:1]},
      '2 database codes, but 1 database ids',
    ),
    (
      {'query_ids': np.eye(2), 'database_ids': np.eye(2)},
      r'ids must be \[n\].*got float64 \[2, 2\]',
    ),
    (
      {'query_ids': LABELS, 'database_ids': np.array(['a', 'b'])},
      r'both integers or both text, got int32 \[2\] and <U1 \[2\]',
    ),
    (
      {2: LABELS[:, None] + 3, 3: LABELS[:, None]},
      r'multi-hot query labels must be 0 or 1, but row 0, label 0 is 3',
    ),
    (
      {2: None, 3: None, 'ground_truth': [[0], [1]]},
      'must be a GroundTruth, got list',
    ),
    (
      {2: None, 3: None, 'ground_truth': GroundTruth([[0], np.array([1.7])])},
      r'of query 1 must be rows of the database, got float64 \[1\]',
    ),
    ({'backend': 'sort'}, "'sort'; known: popcount, int8"),
    ({2: None}, 'either query_labels and database_labels, or ground_truth'),
    ({'ground_truth': TRUTH}, 'either query_labels and database_labels'),
    ({2: None, 3: None, 'ground_truth': GroundTruth([[0]])}, 'of 1 queries'),
    (
      {2: None, 3: None, 'ground_truth': GroundTruth([[0], [2]])},
      'query 1 has item 2, of a database of 2',
    ),
    (
      {2: None, 3: None, 'ground_truth': GroundTruth([[0], [1, 1]])},
      'has item 1 of query 1 twice',
    ),
    (
      {2: None, 3: None, 'ground_truth': GroundTruth([[0], []], [[0], []])},
      'has item 0 of query 0 twice',
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
    metrics.histograms(*args, **kwargs)


@pytest.mark.parametrize(
  ('labels', 'similarity', 'message'),
  [
    (LABELS, np.ones((2, 3)), r'\[classes, classes\], got \[2, 3\]'),
    (LABELS, np.array([[1, np.nan], [0, 1]]), 'classes 0 and 1 is nan'),
    (LABELS, np.array([[1, 0], [-0.5, 1]]), 'classes 1 and 0 is -0.5'),
    (LABELS + 2, np.eye(2), 'has 2 classes, but query label 0 is 2'),
    (np.eye(2), np.eye(2), 'one label an item, got multi-hot labels'),
  ],
)
def test_bad_similarities(labels, similarity, message):
  with pytest.raises(ValueError, match=message):
    metrics.graded_histograms(
      CODES, CODES, labels, labels, similarity=similarity
    )
