"""DSDH: pairs with what was seen last, a classifier, and codes between."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash import methods
from jaxhash.core import Info, Outputs, Variables
from jaxhash.discrete import ridge_regression
from jaxhash.methods.dsdh import dsdh
from tests.methods import family
from tests.oracles import discrete_methods as oracle

CLASSES, BITS, TRAIN = 4, 5, 12
KEY = jax.random.key(0)
HIDDEN = (1, 6)
WEIGHTS = {
  'quantization_weight': 0.3,
  'classification_weight': 2.0,
  'regularization_weight': 0.5,
  'discrete_weight': 1.5,
}
ORACLE = {'mu': 2.0, 'nu': 0.5, 'eta': 1.5}


def labels_of(*, multi=False, hidden=True, seed=0):
  rng = np.random.default_rng(seed)
  if multi:
    labels = (rng.random((TRAIN, CLASSES)) < 0.4).astype(np.uint8)
    labels[~labels.any(axis=1), 0] = 1
    labels[list(HIDDEN) if hidden else []] = 0
  else:
    labels = rng.integers(0, CLASSES, TRAIN).astype(np.int32)
    labels[list(HIDDEN) if hidden else []] = -1
  return labels


def start(method, labels):
  info = Info(None, None, CLASSES, labels, rows_per_round=12)
  return method.init(KEY, info)


def with_codes(variables):
  """As after a round: the codes are no longer 0."""
  codes = jax.random.rademacher(KEY, (TRAIN, BITS), jnp.float32)
  return variables._replace(state={**variables.state, 'codes': codes})


def batch_of(labels, index, logits):
  logits = jnp.asarray(logits, jnp.float32)
  index = jnp.asarray(index, jnp.int32)
  batch = {'index': index, 'labels': jnp.asarray(labels)[index]}
  return Outputs(logits, logits), batch


advance = functools.partial(family.advance, steps=3)


def test_golden_classifier():
  codes = jnp.array([[1.0, 1, -1], [-1, 1, -1], [1, -1, 1]])  # bits by rows
  targets = jnp.array([[1.0, 1, 0], [0, 0, 1]])
  expected = [[0.538462, -0.192308], [-0.076923, -0.115385]]
  expected.append([0.076923, 0.115385])
  np.testing.assert_allclose(
    ridge_regression(codes.T, targets.T, 1.0), expected, atol=1e-6
  )


@pytest.mark.parametrize('weight', [1e-2, 1.0, 30.0])
def test_the_classifier_is_the_least_squares_one(weight):
  rng = np.random.default_rng(0)
  codes = rng.choice([-1.0, 1.0], (TRAIN, BITS)).astype(np.float32)
  targets = oracle.targets_of(labels_of(), CLASSES)
  np.testing.assert_allclose(
    ridge_regression(
      jnp.asarray(codes), jnp.asarray(targets, jnp.float32), weight
    ),
    oracle.ridge(codes, targets, weight),
    rtol=1e-3,
    atol=1e-5,
  )
  zero = ridge_regression(
    jnp.zeros((TRAIN, BITS)), jnp.ones((TRAIN, CLASSES)), weight
  )
  assert not zero.any()


@pytest.mark.parametrize(
  ('multi', 'hidden', 'sweeps'),
  [(False, True, 1), (True, True, 4), (True, False, 4)],
)
def test_rounds_are_the_equations(multi, hidden, sweeps):
  """Rounds of 3 steps of 3 of 12 rows: some are seen late, or never."""
  labels = labels_of(multi=multi, hidden=hidden)
  targets, known = (
    oracle.targets_of(labels, CLASSES),
    oracle.with_label(labels),
  )
  method = dsdh(BITS, num_sweeps=sweeps, **WEIGHTS)
  variables = start(method, labels)
  codes = np.array(variables.state['codes'], float)
  assert not codes.any()
  rng, seen, changed = np.random.default_rng(0), {}, []
  parts = [[0, 1, 2], [3, 4, 5], [2, 6, 9], [1, 9, 7], [0, 8, 3], [5, 6, 4]]
  for step, index in enumerate(parts):
    logits = rng.normal(size=(3, BITS))
    outputs, batch = batch_of(labels, index, logits)
    before = variables
    variables, value, aux = advance(method, before, outputs, batch, step)
    seen |= dict(zip(index, logits))
    loss, pair, error = oracle.dsdh_loss(
      logits, index, seen, codes, labels, alpha=0.3
    )
    np.testing.assert_allclose(value, loss, rtol=1e-5)
    metrics = aux.metrics
    np.testing.assert_allclose(metrics['loss'], loss, rtol=1e-5)
    np.testing.assert_allclose(metrics['pair_loss'], pair, rtol=1e-5)
    np.testing.assert_allclose(metrics['quantization_loss'], error, rtol=1e-5)
    rows = [j for j, i in enumerate(index) if i in known]
    np.testing.assert_allclose(
      metrics['mean_abs_code'], abs(logits[rows]).mean(), rtol=1e-5
    )
    if step % 3 == 2:
      solved = [i for i in known if i in seen]
      u = np.array([seen[i] for i in solved])
      codes[solved] = oracle.dsdh_codes(
        codes[solved], u, targets[solved], sweeps=sweeps, **ORACLE
      )
    got = np.asarray(variables.state['codes'])
    np.testing.assert_array_equal(got, codes)
    if step >= 2:
      assert set(np.unique(got[solved])) == {-1, 1}
    assert not np.delete(got, solved if step >= 2 else [], axis=0).any()
    changed.append(not np.array_equal(got, before.state['codes']))
  assert changed == [False, False, True] * 2
  assert 10 in known and 10 not in seen


def test_alternation_never_makes_the_objective_larger():
  """Of W that is best for the codes, over rounds with the same logits."""
  values = []
  for seed in range(5):
    labels = labels_of(multi=seed % 2 == 1, hidden=False, seed=seed)
    targets = oracle.targets_of(labels, CLASSES)
    method = dsdh(BITS, num_sweeps=1, **WEIGHTS)
    logits = np.random.default_rng(seed).normal(size=(TRAIN, BITS))
    outputs, batch = batch_of(labels, range(TRAIN), logits)
    variables = with_codes(start(method, labels))
    values.append([])
    for step in range(6):
      codes = np.asarray(variables.state['codes'], float)
      w = oracle.ridge(codes, targets, ORACLE['nu'] / ORACLE['mu'])
      values[-1].append(
        oracle.dsdh_objective(codes, w, logits, targets, **ORACLE)
      )
      variables = advance(method, variables, outputs, batch, step, steps=1)[0]
  steps = np.diff(values, axis=1)
  assert (steps <= 1e-6).all()
  assert (steps[:, 0] < -1).all()


def test_each_bit_is_the_best_given_the_others_and_the_classifier():
  labels = labels_of(hidden=False)
  targets = oracle.targets_of(labels, CLASSES)
  method = dsdh(BITS, num_sweeps=1, **WEIGHTS)
  for seed in range(5):
    variables = with_codes(start(method, labels))
    codes = np.asarray(variables.state['codes'], float)
    codes = np.roll(codes, seed, axis=0)
    variables.state['codes'] = jnp.asarray(codes, jnp.float32)
    w = oracle.ridge(codes, targets, ORACLE['nu'] / ORACLE['mu'])
    logits = np.random.default_rng(seed).normal(size=(TRAIN, BITS))
    outputs, batch = batch_of(labels, range(TRAIN), logits)

    def objective(codes, w=w, logits=logits):
      return oracle.dsdh_objective(codes, w, logits, targets, **ORACLE)

    new = advance(method, variables, outputs, batch, 0, steps=1)[0]
    got = new.state['codes']
    np.testing.assert_array_equal(got, oracle.best_bits(codes, objective))


def test_weights_matter_by_their_ratios():
  """As the minimum over B and W does; eta alone gives the signs of U."""
  labels = labels_of(hidden=False)
  logits = np.random.default_rng(0).normal(size=(TRAIN, BITS))
  outputs, batch = batch_of(labels, range(TRAIN), logits)

  def codes_of(mu, nu, eta):
    method = dsdh(
      BITS,
      classification_weight=mu,
      regularization_weight=nu,
      discrete_weight=eta,
    )
    variables = start(method, labels)
    new = advance(method, variables, outputs, batch, 0, steps=1)[0]
    return new.state['codes']

  np.testing.assert_array_equal(
    codes_of(1.0, 0.5, 2.0), codes_of(3.0, 1.5, 6.0)
  )
  np.testing.assert_array_equal(codes_of(1e-4, 1.0, 9.0), np.sign(logits))
  assert (codes_of(1.0, 0.5, 0.0) != np.sign(logits)).any()


@pytest.mark.parametrize('multi', [False, True])
def test_rows_without_a_label_contribute_nothing(multi):
  labels = labels_of(multi=multi)
  method = dsdh(BITS, **WEIGHTS)
  variables = start(method, labels)
  logits = np.random.default_rng(1).normal(size=(4, BITS))
  rows = [1, 3, 6, 7]
  fewer = advance(method, variables, *batch_of(labels, [3, 7], logits[1::2]), 0)
  logits[::2] = np.nan

  def loss(outputs, step):
    batch = batch_of(labels, rows, logits)[1]
    new, value, aux = advance(method, variables, outputs, batch, step)
    return value, (new, aux)

  for step in (1, 2):
    (got, (new, aux)), gradient = jax.value_and_grad(loss, has_aux=True)(
      batch_of(labels, rows, logits)[0], step
    )
    np.testing.assert_allclose(got, fewer[1], rtol=1e-6)
    for leaf in jax.tree.leaves((gradient, new, aux)):
      assert jnp.isfinite(leaf).all()
    assert not gradient.logits[::2].any() and gradient.logits[1::2].all()
    assert np.flatnonzero(new.state['bank']['seen']).tolist() == [3, 7]
  # Nor do the codes that they start with: the others become the same.
  known = oracle.with_label(labels)
  other = {**variables.state}
  other['codes'] = other['codes'].at[jnp.array(HIDDEN)].multiply(-1)
  outputs, batch = batch_of(labels, rows, logits)
  again = advance(method, Variables(state=other), outputs, batch, 2)[0]
  np.testing.assert_array_equal(
    again.state['codes'][jnp.array(known)], new.state['codes'][jnp.array(known)]
  )


def test_without_its_weight_the_codes_are_not_in_the_loss():
  """As in the code that it is read from."""
  labels = labels_of()
  method = dsdh(BITS, quantization_weight=0.0)
  variables = with_codes(start(method, labels))
  outputs, batch = batch_of(
    labels, [0, 2, 3], np.random.default_rng(0).normal(size=(3, BITS))
  )
  value, aux = advance(method, variables, outputs, batch, 0)[1:]
  assert value == aux.metrics['pair_loss'] and aux.metrics['quantization_loss']


@pytest.mark.parametrize(
  'labels', [[0, 0, 0], [-1, -1, -1], [0, -1, -1], [0, 1, 2]]
)
def test_degenerate_labels_are_finite(labels):
  labels = np.array(labels, np.int32)
  method = dsdh(BITS)
  variables = start(method, labels)
  logits = np.random.default_rng(0).normal(size=(3, BITS))
  for step, index in itertools.product(range(2), ([0, 1, 2], [0])):
    outputs, batch = batch_of(labels, index, logits[index])
    variables, value, aux = advance(
      method, variables, outputs, batch, step, steps=1
    )
    for leaf in jax.tree.leaves((variables, value, aux)):
      assert jnp.isfinite(leaf).all()


def test_transformations_and_bfloat16():
  labels = labels_of()
  method = dsdh(BITS, **WEIGHTS)
  variables = start(method, labels)
  logits = jax.random.normal(KEY, (4, BITS))
  outputs, batch = batch_of(labels, [8, 1, 0, 9], -logits)
  variables = advance(method, variables, outputs, batch, 0)[0]
  _, batch = batch_of(labels, [1, 3, 0, 7], logits)

  @jax.jit
  def loss(logits):
    outputs = Outputs(logits, logits)
    return method.loss(variables, outputs, batch, key=None, step=jnp.int32(0))[
      0
    ]

  value = loss(logits)
  np.testing.assert_allclose(
    jax.vmap(loss)(jnp.stack([logits, -logits])),
    [value, loss(-logits)],
    rtol=1e-5,
  )
  half = logits.astype(jnp.bfloat16)
  assert loss(half).dtype == jnp.float32
  np.testing.assert_allclose(
    loss(half), loss(half.astype(jnp.float32)), rtol=1e-6
  )


def test_the_last_logits_have_no_gradient():
  """Each row is drawn to where the others were, as in DPSH with a bank."""
  labels = labels_of(hidden=False)
  method = dsdh(BITS, quantization_weight=0.0)
  variables = start(method, labels)
  logits = jax.random.normal(KEY, (3, BITS))
  index = [0, 2, 3]
  _, batch = batch_of(labels, index, logits)

  def loss(logits):
    logits = jnp.asarray(logits)
    outputs = Outputs(logits, logits)
    return method.loss(variables, outputs, batch, key=None, step=jnp.int32(0))[
      0
    ]

  seen = {i: np.asarray(x, float) for i, x in zip(index, logits)}
  slopes = np.zeros((3, BITS))
  for place in np.ndindex(slopes.shape):
    for sign in (1, -1):
      moved = np.array(logits, float)
      moved[place] += sign * 1e-5
      value = oracle.dsdh_loss(
        moved, index, seen, np.zeros((TRAIN, BITS)), labels, alpha=0.0
      )[0]
      slopes[place] += sign * value / 2e-5
  np.testing.assert_allclose(jax.grad(loss)(logits), slopes, atol=1e-5)
  with pytest.raises(AssertionError):  # a gradient to both sides is another
    check_grads(loss, (logits,), 1, ('rev',), eps=1e-3, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'num_bits': 0}, 'num_bits must be an int of at least 1'),
    ({'num_sweeps': 0}, 'num_sweeps must be an int of at least 1'),
    ({'quantization_weight': -0.1}, 'quantization_weight must be at least 0'),
    ({'discrete_weight': -0.1}, 'discrete_weight must be at least 0'),
    ({'classification_weight': 0.0}, 'classification_weight must be above 0'),
    ({'regularization_weight': 0.0}, 'regularization_weight must be above 0'),
  ],
)
def test_bad_arguments(options, message):
  with pytest.raises(ValueError, match=message):
    dsdh(**{'num_bits': 4, **options})


def test_it_is_no_transductive_method():
  method = methods.get('dsdh')(4)
  assert method.width == 4 and not method.reconstruction
  assert method.bank is None and method.distance is None
