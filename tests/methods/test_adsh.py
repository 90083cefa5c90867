"""ADSH: its loss, its closed form, and rows that it may not learn from."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash import methods
from jaxhash.core import Info, Outputs, Variables
from jaxhash.methods import adsh as module
from jaxhash.methods.adsh import adsh
from tests.methods import family
from tests.oracles import discrete_methods as oracle

CLASSES, BITS, TRAIN, BATCH = 4, 5, 12, 4
KEY, GAMMA = jax.random.key(0), 7.0
HIDDEN = (1, 6)


def labels_of(*, multi=False, hidden=True, rows=TRAIN, seed=0):
  rng = np.random.default_rng(seed)
  if multi:
    labels = (rng.random((rows, CLASSES)) < 0.4).astype(np.uint8)
    labels[~labels.any(axis=1), 0] = 1
    labels[list(HIDDEN) if hidden else []] = 0
  else:
    labels = rng.integers(0, CLASSES, rows).astype(np.int32)
    labels[list(HIDDEN) if hidden else []] = -1
  return labels


def start(method, labels, *, rows=8):
  info = Info(None, None, CLASSES, labels, rows_per_round=rows)
  return method.init(KEY, info)


def batch_of(labels, index, logits):
  logits = jnp.asarray(logits, jnp.float32)
  index = jnp.asarray(index, jnp.int32)
  batch = {'index': index, 'labels': jnp.asarray(labels)[index]}
  return Outputs(logits, logits), batch


advance = functools.partial(family.advance, steps=4)


def rounds(method, labels, count, seed=0):
  """Takes rounds of random logits: what each step had, found and left."""
  rng = np.random.default_rng(seed)
  variables = start(method, labels)
  for number in range(count):
    part = rng.permutation(TRAIN)[:8]
    for epoch in range(2):
      order = rng.permutation(part)
      for i in range(2):
        step = number * 4 + epoch * 2 + i
        index = order[4 * i : 4 * i + 4]
        outputs, batch = batch_of(labels, index, rng.normal(size=(4, BITS)))
        before = variables
        variables, value, aux = advance(method, before, outputs, batch, step)
        yield before, outputs, batch, value, aux, variables


@pytest.mark.parametrize(
  ('multi', 'hidden'), [(False, True), (True, True), (True, False)]
)
def test_rounds_are_the_equations(multi, hidden):
  labels = labels_of(multi=multi, hidden=hidden)
  method = adsh(BITS, quantization_weight=GAMMA)
  codes, u, known = np.zeros((TRAIN, BITS)), {}, oracle.with_label(labels)
  for step, (before, outputs, batch, value, aux, after) in enumerate(
    rounds(method, labels, 3)
  ):
    np.testing.assert_array_equal(before.state['codes'], codes)
    index = np.asarray(batch['index']).tolist()
    loss, pair, error = oracle.adsh_loss(
      outputs.logits, index, codes, labels, gamma=GAMMA
    )
    np.testing.assert_allclose(value, loss, rtol=1e-4)
    metrics = aux.metrics
    np.testing.assert_allclose(metrics['loss'], loss, rtol=1e-4)
    np.testing.assert_allclose(metrics['pair_loss'], pair, rtol=1e-4)
    np.testing.assert_allclose(metrics['quantization_loss'], error, rtol=1e-4)
    rows = [j for j, i in enumerate(index) if i in known]
    size = abs(np.tanh(np.asarray(outputs.logits)[rows])).mean()
    np.testing.assert_allclose(metrics['mean_abs_code'], size, rtol=1e-5)
    for i, logits in zip(index, np.asarray(outputs.logits, float)):
      u[i] = np.tanh(logits)
    if step % 4 == 3:  # the end of a round
      codes = oracle.adsh_codes(codes, u.values(), u, labels, gamma=GAMMA)
      u = {}
    np.testing.assert_array_equal(after.state['codes'], codes)
    bank = method.bank(after)
    assert bank.dtype == jnp.int8
    np.testing.assert_array_equal(bank, codes)
  np.testing.assert_array_equal(
    abs(codes), np.isin(np.arange(TRAIN), known)[:, None] * np.ones((1, BITS))
  )


def learnt(method, labels, codes):
  """Variables with these codes, and what the loss keeps of them."""
  state = start(method, labels).state
  return Variables(
    state={**state, **module._database(state, jnp.asarray(codes))}
  )


def random_codes(rows=TRAIN, bits=BITS, seed=0):
  rng = np.random.default_rng(seed)
  return rng.choice([-1.0, 1.0], (rows, bits)).astype(np.float32)


def test_golden_values():
  codes = np.array([[1, 1, -1], [1, -1, 1], [-1, -1, -1]], np.float32)
  u = np.array([[0.5, 0.5, -0.5], [-0.2, -0.9, 0.1]])
  labels, index = np.array([0, 0, 1], np.int32), [0, 2]
  method = adsh(3, quantization_weight=0.0)
  state = start(method, labels).state
  state['ratio'] = jnp.ones(())  # S of the golden value is 1 and -1
  variables = Variables(state=state)
  state |= module._database(state, jnp.asarray(codes))
  for logits, value in ((np.arctanh(u), 42.43), (u, 42.8506)):
    outputs, batch = batch_of(labels, index, logits)
    got = advance(method, variables, outputs, batch, 0)[1]
    np.testing.assert_allclose(got * 2 * 3, value, atol=1e-4)


@pytest.mark.parametrize('multi', [False, True])
def test_the_gradient_is_that_of_all_pairs(multi):
  labels = labels_of(multi=multi)
  method = adsh(BITS, quantization_weight=GAMMA)
  codes = random_codes()
  codes[list(HIDDEN)] = 0
  variables = learnt(method, labels, codes)
  index = [1, 3, 0, 7]
  logits = np.random.default_rng(1).normal(size=(4, BITS))

  @jax.jit
  def loss(logits):
    outputs, batch = batch_of(labels, index, logits)
    return advance(method, variables, outputs, batch, 0)[1]

  def expected(logits):
    return oracle.adsh_loss(logits, index, codes, labels, gamma=GAMMA)[0]

  np.testing.assert_allclose(loss(logits), expected(logits), rtol=1e-5)
  gradient = jax.grad(loss)(jnp.asarray(logits, jnp.float32))
  slopes = np.zeros_like(logits)
  for place in np.ndindex(logits.shape):
    more = np.zeros_like(logits)
    more[place] = 1e-5
    slopes[place] = (expected(logits + more) - expected(logits - more)) / 2e-5
  np.testing.assert_allclose(gradient, slopes, rtol=1e-3, atol=1e-4)
  assert not gradient[0].any() and slopes[1:].any(axis=1).all()


@pytest.mark.parametrize('gamma', [0.0, 0.3, 200.0])
def test_no_code_with_another_bit_is_better(gamma):
  """K = 3, n = 4, three rows in the round; one bit after another."""
  labels, rows, count = np.array([0, 1, 0, 2], np.int32), [2, 0, 3], 100
  method = adsh(3, quantization_weight=gamma)
  variables = start(method, labels, rows=3)
  rng = np.random.default_rng(0)
  logits = rng.normal(size=(count, 3, 3)).astype(np.float32)
  before = rng.choice([-1.0, 1.0], (count, 4, 3)).astype(np.float32)

  @jax.jit
  @jax.vmap
  def solved(codes, logits):
    state = {**variables.state, 'codes': codes}
    outputs, batch = batch_of(labels, rows, logits)
    full = Variables(state=state)
    new, _, _ = advance(method, full, outputs, batch, 0, steps=1)
    return new.state['codes']

  lower = 0
  for old, x, new in zip(before, logits, np.asarray(solved(before, logits))):
    u = np.tanh(np.asarray(x, float))

    def objective(codes, u=u):
      return oracle.adsh_objective(codes, u, rows, labels, gamma=gamma)

    assert objective(new) <= objective(old) + 1e-4
    lower += objective(new) < objective(old) - 1e-4
    np.testing.assert_array_equal(new, oracle.best_bits(old, objective))
  assert lower > count / 2


def test_codes_change_at_the_end_of_a_round_alone():
  method, changed = adsh(BITS), []
  for before, *_, after in rounds(method, labels_of(), 3):
    same = jax.tree.map(
      lambda a, b: bool((a == b).all()), before.state, after.state
    )
    changed.append(not same['codes'])
    assert same['sums'] == same['gram'] == same['codes']
    assert same['ratio'] and same['count']
    assert all(same['groups'].values()) and not same['sample']['codes']
  assert changed == [False, False, False, True] * 3


@pytest.mark.parametrize('multi', [False, True])
def test_rows_without_a_label_contribute_nothing(multi):
  labels = labels_of(multi=multi)
  method = adsh(BITS, quantization_weight=GAMMA)
  codes = random_codes()
  variables = learnt(method, labels, codes)
  rows, some = [1, 3, 6, 7], [3, 7]
  logits = np.random.default_rng(1).normal(size=(4, BITS))
  value = advance(method, variables, *batch_of(labels, some, logits[[1, 3]]), 0)
  logits[[0, 2]] = np.nan

  def loss(outputs, step):
    new, value, aux = advance(
      method, variables, outputs, batch_of(labels, rows, logits)[1], step
    )
    return value, (new, aux)

  for step in (1, 3):  # within a round and at its end
    (got, (new, aux)), gradient = jax.value_and_grad(loss, has_aux=True)(
      batch_of(labels, rows, logits)[0], step
    )
    np.testing.assert_allclose(got, value[1], rtol=1e-6)
    for leaf in jax.tree.leaves((gradient, new, aux)):
      assert jnp.isfinite(leaf).all()
    assert not gradient.logits[jnp.array([0, 2])].any()
    assert gradient.logits[jnp.array([1, 3])].all()
    assert not method.bank(new)[jnp.array(HIDDEN)].any()
  # Their codes are in no sum either: others have the same loss without them.
  fewer = np.delete(labels, HIDDEN, axis=0)
  places = [i - sum(h < i for h in HIDDEN) for i in some]
  logits = logits[[1, 3]]
  alone = learnt(method, fewer, np.delete(codes, HIDDEN, axis=0))
  np.testing.assert_allclose(
    advance(method, alone, *batch_of(fewer, places, logits), 0)[1],
    value[1],
    rtol=1e-5,
  )


def test_multi_hot_rows_of_one_label_are_as_ints():
  labels = labels_of()
  hot = np.asarray(oracle.targets_of(labels, CLASSES), np.uint8)
  method = adsh(BITS)
  pairs = zip(rounds(method, labels, 2), rounds(method, hot, 2))
  for (*_, value, _, one), (*_, other_value, _, other) in pairs:
    np.testing.assert_allclose(value, other_value, rtol=1e-5)
    np.testing.assert_array_equal(one.state['codes'], other.state['codes'])


@pytest.mark.parametrize(
  'labels', [[0, 0, 0, 0], [-1, -1, -1, -1], [0, -1, -1, -1], [0, 1, 2, 3]]
)
def test_degenerate_labels_are_finite(labels):
  labels = np.array(labels, np.int32)
  method = adsh(BITS)
  variables = start(method, labels, rows=4)
  logits = np.random.default_rng(0).normal(size=(4, BITS))
  for step in range(3):
    outputs, batch = batch_of(labels, range(4), logits)
    variables, value, aux = advance(
      method, variables, outputs, batch, step, steps=1
    )
    for leaf in jax.tree.leaves((variables, value, aux)):
      assert jnp.isfinite(leaf).all()
  np.testing.assert_array_equal(
    abs(method.bank(variables)), (labels >= 0)[:, None] * np.ones((1, BITS))
  )


def test_transformations_and_bfloat16():
  labels, index = labels_of(), [1, 3, 0, 7]
  method = adsh(BITS, quantization_weight=GAMMA)
  variables = learnt(method, labels, random_codes())

  @jax.jit
  def loss(logits):
    logits = jnp.asarray(logits)
    outputs = Outputs(logits, logits)
    _, batch = batch_of(labels, index, logits)
    return method.loss(variables, outputs, batch, key=None, step=jnp.int32(0))[
      0
    ]

  logits = jax.random.normal(KEY, (4, BITS))
  value = loss(logits)
  np.testing.assert_allclose(
    jax.vmap(loss)(jnp.stack([logits, -logits])),
    [value, loss(-logits)],
    rtol=1e-5,
  )
  check_grads(loss, (logits,), 1, ('rev',), eps=1e-2, atol=5e-2, rtol=5e-2)
  half = logits.astype(jnp.bfloat16)
  assert loss(half).dtype == jnp.float32
  np.testing.assert_allclose(
    loss(half), loss(half.astype(jnp.float32)), rtol=1e-6
  )


def test_no_array_is_of_batch_by_database():
  """So that 100,000 rows fit into a step."""
  rows, method = 100_003, adsh(BITS)
  labels = np.arange(rows, dtype=np.int32) % CLASSES
  variables = start(method, labels, rows=BATCH)
  arguments = batch_of(labels, [5, 9, 100_001, 3], np.zeros((4, BITS)))

  def sizes(jaxpr):
    for equation in jaxpr.eqns:
      yield from (v.aval.size for v in equation.outvars)
      for value in equation.params.values():
        for part in value if isinstance(value, (tuple, list)) else [value]:
          inner = getattr(part, 'jaxpr', part)
          if hasattr(inner, 'eqns'):
            yield from sizes(inner)

  jaxpr = jax.make_jaxpr(lambda *a: advance(method, variables, *a, 1, steps=2))
  assert max(sizes(jaxpr(*arguments).jaxpr)) <= rows * BITS


def test_arguments():
  with pytest.raises(ValueError, match='num_bits must be an int of at least 1'):
    adsh(0)
  with pytest.raises(ValueError, match='quantization_weight must be at least'):
    adsh(4, quantization_weight=-1.0)
  method = methods.get('adsh')(4)
  assert method.width == 4 and not method.reconstruction
  assert method.bank is not None and method.distance is None
