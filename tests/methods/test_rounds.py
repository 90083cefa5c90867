"""Rounds: groups of labels, samples, and real runs of those that learn codes.

Of ADSH, DSDH and SCHN: every step of a run is done again, row by row, by the
oracle of the closed form.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import methods, training
from jaxhash.core import Info, Outputs
from jaxhash.data.sampler import round_sampler
from jaxhash.methods import _rounds
from jaxhash.training import tasks
from jaxhash.training.state import method_variables
from tests.method_suite import (
  assert_resumes,
  experiment_of,
  jitted_step,
  run_steps,
)
from tests.oracles import discrete_methods as oracle

CLASSES, TRAIN = 4, 14


def info_of(labels, **more):
  return Info(None, None, CLASSES, labels, **more)


def labels_of(kind, seed=0, rows=TRAIN):
  rng = np.random.default_rng(seed)
  if kind.startswith('multi'):
    labels = (rng.random((rows, CLASSES)) < 0.35).astype(np.uint8)
    labels[~labels.any(axis=1), 0] = 1
    if kind.endswith('hidden'):
      labels[[1, 4, 5]] = 0
    return labels
  labels = rng.integers(0, CLASSES, rows).astype(np.int32)
  if kind.endswith('hidden'):
    labels[[1, 4, 5]] = -1
  return labels


def places_of(groups, rows):
  """A sample that has seen some rows."""
  return _rounds.places({'rows': jnp.asarray(rows, jnp.int32)}, groups)


def soft_matrix(groups, rows, ratio):
  """S~ of some rows with all: a sum of one row is its similarities."""
  values = jnp.eye(len(rows))
  sums = _rounds.soft_sums(groups, values, groups['of'][rows], ratio)
  return np.asarray(sums[groups['of']]).T


KINDS = ('single', 'single_hidden', 'multi', 'multi_hidden')


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('sample', [None, [3, 0, 4, 9, 11]])
def test_sums_over_groups_are_sums_over_pairs(kind, sample):
  labels = labels_of(kind)
  groups = _rounds.label_groups(info_of(labels))
  known = oracle.with_label(labels)
  assert (len(known) < TRAIN) == kind.endswith('hidden')
  if kind.startswith('multi'):
    sets = np.asarray(groups['labels'])
    similar = (sets @ sets.T > 0)[groups['of']][:, groups['of']]
  else:
    assert 'labels' not in groups
    alike = groups['of'][:, None] == groups['of'][None]
    similar = np.asarray(alike & (groups['known'][groups['of']] > 0)[:, None])
  everything = np.arange(TRAIN) if sample is None else np.array(sample)
  table, ratio = oracle.soft_similarity(labels[everything], labels)
  np.testing.assert_array_equal(similar[everything], table == 1)
  assert groups['counts'].sum() == len(known)
  got = _rounds.soft_ratio(
    groups, None if sample is None else places_of(groups, sample)
  )
  np.testing.assert_allclose(got, ratio, rtol=1e-5)
  # A row without a label counts in no sum; that of its own means nothing.
  matrix = soft_matrix(groups, jnp.asarray(everything), got)
  np.testing.assert_allclose(
    matrix[:, known], table[:, known], rtol=1e-5, atol=1e-6
  )
  assert abs(table.sum()) < 1e-9 and abs(matrix[:, known].sum()) < 1e-4


def test_golden_soft_similarity_of_schn():
  labels = np.array([0, 0, 1, 2], np.int32)
  groups = _rounds.label_groups(info_of(labels))
  rows = jnp.array([0, 1, 2])
  ratio = _rounds.soft_ratio(groups, places_of(groups, rows))
  np.testing.assert_allclose(ratio, 5 / 7, rtol=1e-6)
  similar = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]])
  matrix = soft_matrix(groups, rows, ratio)
  np.testing.assert_allclose(
    matrix, np.where(similar, 1, -5 / 7), rtol=1e-6, atol=1e-6
  )
  np.testing.assert_allclose(matrix.sum(), 0, atol=1e-5)


def test_groups_under_transformations():
  labels = jnp.stack([jnp.asarray(labels_of('single', s)) for s in (0, 1)])
  values = jnp.asarray(np.random.default_rng(0).normal(size=(TRAIN, 3)))

  def sums(labels):
    groups = _rounds.label_groups(info_of(labels))
    rows = jnp.arange(5)
    ratio = _rounds.soft_ratio(groups, places_of(groups, rows))
    of = groups['of'][rows]
    return _rounds.soft_sums(groups, values[:5], of, ratio)[groups['of']]

  stacked = jax.vmap(jax.jit(sums))(labels)
  for got, own in zip(stacked, np.asarray(labels)):
    table, _ = oracle.soft_similarity(own[:5], own)
    np.testing.assert_allclose(got, table.T @ values[:5], rtol=1e-4, atol=1e-5)


def test_a_row_counts_once_where_it_was_seen_last():
  labels = np.array([0, 1, -1, 0, 1, 2], np.int32)
  groups = _rounds.label_groups(info_of(labels))
  # Row 3 twice, row 2 without a label, and two places that are still empty.
  seen = places_of(groups, [3, 2, 5, 3, 0, 6, 6])
  assert seen.counts.tolist() == [0, 0, 1, 1, 1, 0, 0]
  assert seen.of[jnp.array([2, 3, 4])].tolist() == [2, 0, 0]
  once = places_of(groups, [5, 3, 0])
  np.testing.assert_allclose(
    _rounds.soft_ratio(groups, seen), _rounds.soft_ratio(groups, once)
  )


@pytest.mark.parametrize('name', ['adsh', 'schn'])
def test_a_row_that_comes_twice_is_solved_for_once(name):
  """As in batches with a given number of labelled rows."""
  labels = jnp.array([0, 1, 2, 0, 1, 2], jnp.int32)
  outputs = jax.ShapeDtypeStruct((2, 4), jnp.float32)
  method = methods.get(name)(
    3, **({'hidden': (4, 4)} if name == 'schn' else {})
  )
  info = Info(None, Outputs(outputs, outputs), 3, labels, rows_per_round=4)
  variables = method.init(jax.random.key(0), info)
  spaces = [k for k in variables.state['sample'] if k != 'rows']
  rng = np.random.default_rng(0)
  values = {k: rng.normal(size=(4, 3)).astype(np.float32) for k in spaces}

  def solved(rows, values):
    sample = {'rows': jnp.asarray(rows, jnp.int32)}
    sample |= {k: jnp.asarray(v) for k, v in values.items()}
    state = {**variables.state, 'sample': sample}
    new = variables._replace(state=state)
    state = method.solve(new, key=jax.random.key(0), step=jnp.int32(0))
    return method.bank(variables._replace(state=state))

  twice = solved([4, 1, 4, 3], values)
  # The first place of row 4 might as well be empty.
  once = solved([6, 1, 4, 3], values)
  np.testing.assert_array_equal(twice, once)
  assert twice[4].any() and set(np.unique(twice)) <= {-1, 0, 1}


@pytest.mark.parametrize('multi', [False, True])
def test_many_rows_in_float32(multi):
  rows, rng = 300_000, np.random.default_rng(0)
  if multi:
    labels = (rng.random((rows, CLASSES)) < 0.2).astype(np.uint8)
  else:
    labels = rng.choice(CLASSES, rows, p=[0.9, 0.07, 0.02, 0.01])
    labels = labels.astype(np.int32)
    labels[::10] = -1
  groups = _rounds.label_groups(info_of(labels))
  sets = [oracle.label_set(x) for x in np.unique(labels, axis=0)]
  of = np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)
  counts = np.bincount(of)  # exact, and n^2 is beyond float32 and int32
  pairs = [
    (int(a) * int(b), bool(x & y))
    for a, x in zip(counts, sets)
    for b, y in zip(counts, sets)
    if x and y
  ]
  similar = sum(n for n, s in pairs if s)
  ratio = similar / sum(n for n, s in pairs if not s)
  got = _rounds.soft_ratio(groups)
  np.testing.assert_allclose(got, ratio, rtol=1e-4)
  values = rng.normal(size=(rows, 2)).astype(np.float32) + 1
  sums = _rounds.soft_sums(groups, jnp.asarray(values), groups['of'], got)
  sums = sums[groups['of']]
  for i in (0, 1, 2, 3, 11):
    own = oracle.label_set(labels[i])
    if own:
      weight = np.array([1.0 if own & s else -ratio for s in sets])
      weight[[not s for s in sets]] = 0
      expected = (weight[of][:, None] * values.astype(float)).sum(axis=0)
      scale = (abs(weight[of])[:, None] * abs(values)).sum(axis=0)
      assert (abs(sums[i] - expected) < 1e-4 * scale).all()


def test_every_pair_similar_or_none_known():
  for labels in (np.zeros(5, np.int32), np.ones((5, CLASSES), np.uint8)):
    groups = _rounds.label_groups(info_of(labels))
    ratio = _rounds.soft_ratio(groups)
    np.testing.assert_allclose(soft_matrix(groups, jnp.arange(5), ratio), 1)
  for labels in (np.full(5, -1, np.int32), np.zeros((5, CLASSES), np.uint8)):
    groups = _rounds.label_groups(info_of(labels))
    ratio = _rounds.soft_ratio(groups)
    assert jnp.isfinite(ratio)
    np.testing.assert_array_equal(
      soft_matrix(groups, jnp.arange(5), ratio), np.zeros((5, 5))
    )
    assert groups['counts'].sum() == 0


def test_the_sample_has_the_rows_of_the_last_epoch():
  info = info_of(np.zeros(20), rows_per_round=12)
  sampler = round_sampler(20, 12, 3, 4, seed=0)
  sample = _rounds.empty_sample(info, codes=2, more=3)
  shapes = {name: (x.shape, x.dtype) for name, x in sample.items()}
  assert shapes == {
    'rows': ((12,), jnp.int32),
    'codes': ((12, 2), jnp.float32),
    'more': ((12, 3), jnp.float32),
  }
  write, last = jax.jit(_rounds.sampled), {}
  for step in range(27):
    index = jnp.asarray(sampler(step))
    if step % 3 == 0:  # an epoch begins
      before, last = last, {}
    for i in index.tolist():
      last[i] = 100 * step + i
    values = 100.0 * step + index.astype(jnp.float32)[:, None]
    sample = write(
      sample,
      index,
      jnp.int32(step),
      codes=values.repeat(2, axis=1),
      more=-values.repeat(3, axis=1),
    )
    assert shapes == {name: (x.shape, x.dtype) for name, x in sample.items()}
    if step % 3 == 2:  # an epoch ends
      rows = sample['rows'].tolist()
      assert sorted(rows) == sorted(last)
      assert sample['codes'][:, 1].tolist() == [last[i] for i in rows]
      assert sample['more'][:, 2].tolist() == [-last[i] for i in rows]
      if before and step % 9:
        assert (set(before) == set(last)) == (step % 9 > 2)


def test_the_sample_has_no_gradient_and_is_float32():
  info = info_of(np.zeros(4), rows_per_round=2)
  sample = _rounds.empty_sample(info, codes=1)

  def total(codes):
    new = _rounds.sampled(sample, jnp.array([3, 1]), jnp.int32(0), codes=codes)
    assert new['codes'].dtype == jnp.float32
    return new['codes'].sum().astype(codes.dtype)

  for dtype in (jnp.float32, jnp.bfloat16):
    value, gradient = jax.value_and_grad(total)(jnp.ones((2, 1), dtype))
    assert value == 2 and not gradient.any()


def test_where_nobody_says_a_round_is_of_all_rows():
  info = info_of(np.zeros(6))
  assert _rounds.empty_sample(info, codes=2)['codes'].shape == (6, 2)


def test_the_place_in_a_sample_after_very_many_steps():
  """step * batch is beyond int32 here: 2**20 steps of 4096 rows."""
  batch = 4096
  info = info_of(np.zeros(3 * batch))
  sample = _rounds.empty_sample(info)
  index = jnp.arange(batch, dtype=jnp.int32)
  for step in (2**20, 2**31 - 2):
    new = _rounds.sampled(sample, index, jnp.int32(step))
    start = step % 3 * batch
    np.testing.assert_array_equal(new['rows'][start : start + batch], index)


# Real runs: 48 train rows, rounds of two epochs over 16 of them in two batches
# of 8, so that a round has four steps; six rounds in all.

METHODS = {'adsh': {}, 'dsdh': {}, 'schn': {'hidden': [12, 8]}}
MMASIA = {'version': 'mmasia', 'bank_start': 'sign'}
STEPS = 4


def run_of(name, *, seed=0, hidden=False, **options):
  return experiment_of(
    {'name': name, 'num_bits': 8, **METHODS[name], **options},
    devices=1,
    seed=seed,
    eval_every=100,
    pipeline={'rows_per_round': 16, 'epochs_per_round': 2},
    **({'protocol': {'num_labelled': 9}} if hidden else {}),
  )


@pytest.fixture
def loose_dtypes():
  """The optimisers' schedules are not strict."""
  with jax.numpy_dtype_promotion('standard'):
    yield


real_run = pytest.mark.usefixtures('loose_dtypes')
every_method = pytest.mark.parametrize('name', METHODS)


@real_run
@every_method
def test_trains_resumes_within_a_round_and_is_evaluated(name, tmp_path):
  experiment = run_of(name)
  assert experiment.pipeline.steps_per_round == STEPS
  assert experiment.info.rows_per_round == 16 < len(experiment.split.train)
  assert experiment.config['checkpoint_every'] % STEPS
  whole, records = assert_resumes(  # the last checkpoint is of step 6
    experiment, run_of(name), tmp_path, stop_at=10
  )
  assert sum('loss' in r for r in records) == experiment.num_steps

  encode = training.RowEncoder(experiment)
  results = training.evaluate(experiment, whole, encode)
  first = training.evaluate(
    experiment, training.initial_state(experiment), encode
  )
  score = results['query_database']['mAP']
  assert score > first['query_database']['mAP']
  if name == 'dsdh':
    assert 'transductive' not in results
  else:
    assert results['transductive']['mAP'] > first['transductive']['mAP']
    # Nothing has been learnt yet: all codes are the network's.
    score = first['transductive']['mAP']
    assert score == first['query_database']['mAP']


def loops_and_branches(jaxpr, depth=0):
  """(name, number of branches around it) of each loop in a program."""
  for equation in jaxpr.eqns:
    name = equation.primitive.name
    if name in ('scan', 'while'):
      yield name, depth
    for value in equation.params.values():
      for part in value if isinstance(value, (tuple, list)) else [value]:
        inner = getattr(part, 'jaxpr', part)
        if hasattr(inner, 'eqns'):
          yield from loops_and_branches(inner, depth + (name == 'cond'))


@real_run
@every_method
def test_seeds_train_together_and_solve_once_a_round(name):
  experiments = [run_of(name, seed=s) for s in (0, 1)]
  task = tasks.seeds_together(experiments)
  state = task.initial()
  jaxpr = jax.make_jaxpr(task.step)(state, task.data, task.batch(0)).jaxpr
  loops = list(loops_and_branches(jaxpr))
  # Over the bits, and where W and they alternate.
  assert len(loops) == (2 if name == 'dsdh' else 1), loops
  # In the freeze of a run that failed, and in the branch of a round: with a
  # select all bits of all rows would be solved at every step.
  assert {branches for _, branches in loops} == {2}
  if name == 'schn':  # the slowest to compile, and nothing else here
    return
  alone = [run_steps(e, STEPS + 1)[0] for e in experiments]
  for i in range(STEPS + 1):
    state, _ = task.step(state, task.data, task.batch(i))
  for i, expected in enumerate(alone):
    got = training.seed_state(state, i)
    chex.assert_trees_all_close(
      (got.params, got.method_state),
      (expected.params, expected.method_state),
      rtol=1e-3,
      atol=1e-4,
    )


def replay(experiment, num_steps):
  """Takes steps and gives each state before it, batch and real outputs."""
  data = experiment.pipeline.data
  step = jitted_step(experiment)

  @jax.jit
  def outputs_of(state, batch):
    prepared = experiment.pipeline.prepare(data, batch, jax.random.key(0))
    outputs, _ = experiment.encoder.apply(
      state.params['encoder'],
      state.encoder_state,
      prepared['inputs'],
      train=True,
      key=jax.random.key(0),
    )
    return outputs, prepared

  state = training.initial_state(experiment)
  for i in range(num_steps):
    batch = experiment.pipeline.batch(i)
    outputs, prepared = outputs_of(state, batch)
    before = jax.tree.map(np.asarray, method_variables(state))
    state, metrics = step(state, data, batch)
    after = jax.tree.map(np.asarray, method_variables(state)).state
    yield before, outputs, prepared, metrics, after
  assert step._cache_size() == 1  # one program for all steps of a round


@real_run
def test_adsh_done_again_row_by_row():
  experiment = run_of('adsh', hidden=True)
  labels = np.asarray(experiment.info.labels)
  assert (labels < 0).any()
  codes, u, changes = np.zeros((48, 8)), {}, []
  for i, (before, outputs, batch, metrics, after) in enumerate(
    replay(experiment, 2 * STEPS + 1)
  ):
    np.testing.assert_array_equal(before.state['codes'], codes)
    index = np.asarray(batch['index'])
    loss, _, _ = oracle.adsh_loss(
      outputs.logits, index, codes, labels, gamma=200.0
    )
    np.testing.assert_allclose(metrics['loss'], loss, rtol=1e-3)
    for row, logits in zip(index, np.asarray(outputs.logits, float)):
      u[int(row)] = np.tanh(logits)
    if i % STEPS == STEPS - 1:
      codes = oracle.adsh_codes(
        codes, list(u.values()), list(u), labels, gamma=200.0
      )
      assert len(u) == 16
      u = {}
    changes.append(not np.array_equal(after['codes'], before.state['codes']))
    np.testing.assert_array_equal(after['codes'], codes)
  assert np.flatnonzero(changes).tolist() == [STEPS - 1, 2 * STEPS - 1]
  expected = np.where(labels[:, None] < 0, 0, 1) * np.ones((1, 8))
  np.testing.assert_array_equal(abs(codes), expected)


@real_run
def test_dsdh_done_again_row_by_row():
  experiment = run_of('dsdh', hidden=True)
  labels = np.asarray(experiment.info.labels)
  targets = oracle.targets_of(labels, 3)
  known = oracle.with_label(labels)
  codes, seen, changes = None, {}, []
  for i, (before, outputs, batch, metrics, after) in enumerate(
    replay(experiment, 2 * STEPS + 1)
  ):
    if codes is None:
      codes = np.array(before.state['codes'])
      assert not codes.any()
    index = np.asarray(batch['index'])
    for row, logits in zip(index, np.asarray(outputs.logits, float)):
      seen[int(row)] = logits
    loss, _, _ = oracle.dsdh_loss(
      outputs.logits, index, seen, codes, labels, alpha=0.1
    )
    np.testing.assert_allclose(metrics['loss'], loss, rtol=1e-4)
    if i % STEPS == STEPS - 1:
      rows = [row for row in known if row in seen]
      u = np.array([seen[row] for row in rows])
      codes[rows] = oracle.dsdh_codes(
        codes[rows], u, targets[rows], mu=1, nu=1, eta=55, sweeps=10
      )
    changes.append(not np.array_equal(after['codes'], before.state['codes']))
    np.testing.assert_array_equal(after['codes'], codes)
  assert np.flatnonzero(changes).tolist() == [STEPS - 1, 2 * STEPS - 1]


@real_run
@pytest.mark.parametrize('options', [{}, MMASIA])
def test_schn_done_again_row_by_row(options):
  experiment = run_of('schn', hidden=True, **options)
  labels = np.asarray(experiment.info.labels)
  similar = labels[:, None] == labels[None]
  bank, u, started = np.zeros((48, 8)), {}, 0
  for i, (before, outputs, batch, metrics, after) in enumerate(
    replay(experiment, 2 * STEPS + 1)
  ):
    np.testing.assert_array_equal(before.state['bank'], bank)
    index = np.asarray(batch['index'])
    image = np.tanh(np.asarray(outputs.logits, float))
    if options:  # starts from signs
      for row, code in zip(index, image):
        if not bank[row].any() and labels[row] >= 0:
          bank[row], started = np.where(code >= 0, 1, -1), started + 1
    known = [j for j, row in enumerate(index) if labels[row] >= 0]
    some = index[known]
    loss, _, _ = oracle.feature_loss(
      image[known], bank[some], similar[some][:, some], gamma=10.0
    )
    np.testing.assert_allclose(metrics['image_loss'], loss, rtol=1e-3)
    # The other codes have dropout: those that the method kept are taken.
    sample = after['sample']
    start = (i * 8) % 16
    np.testing.assert_array_equal(sample['rows'][start : start + 8], index)
    for j, row in enumerate(index):
      place = start + j
      u[int(row)] = (
        image[j],
        (2.0 * sample['label'][place] + 0.1 * sample['latent'][place]),
      )
    if i % STEPS == STEPS - 1:
      codes, more = zip(*u.values())
      bank = oracle.schn_codes(bank, codes, more, u, labels, gamma=10.0)
      assert len(u) == 16
      if i < STEPS:
        rest = np.setdiff1d(np.arange(48), list(u))
        assert not after['bank'][rest].any()
      u = {}
    np.testing.assert_array_equal(after['bank'], bank)
  assert (started > 0) == bool(options)
  known = labels >= 0
  assert not bank[~known].any()
  assert set(np.unique(abs(bank[known]))) == {0, 1}  # some are not reached yet
