"""DSH, DPSH, DHN, HashNet, DTSH, DCH, IDHN and DHE.

One table of methods and what all of them satisfy, then what each computes,
against the oracle of its equation.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads

from jaxhash import losses, methods
from jaxhash.core import Info, Outputs
from tests.methods.family import (
  BITS,
  CLASSES,
  KEY,
  ROWS,
  STEP,
  loss_of,
  make_problem,
  rows_with_label,
)
from tests.oracles import pairs as oracle

WITH_BANK = ('dhn', 'dpsh', 'dsh', 'hashnet')
IN_BATCH = ('dch', 'dhe', 'dhn', 'dpsh', 'dsh', 'dtsh', 'hashnet', 'idhn')
MAKE = {
  **{name: functools.partial(methods.get(name), BITS) for name in IN_BATCH},
  **{
    f'{name}_bank': functools.partial(methods.get(name), BITS, bank=True)
    for name in WITH_BANK
  },
}
every_method = pytest.mark.parametrize('name', MAKE)


@every_method
@pytest.mark.parametrize('multi', [False, True])
def test_rows_without_a_label_contribute_nothing(name, multi):
  method = MAKE[name]()
  variables, outputs, batch = make_problem(method, multi=multi)
  some = rows_with_label(batch)
  assert len(some) < ROWS
  value, aux = loss_of(method, (variables, outputs, batch))
  rows = jax.tree.map(lambda a: a[some], (outputs, batch))
  fewer, _ = loss_of(method, (variables, *rows))
  np.testing.assert_allclose(value, fewer, rtol=1e-6)
  poisoned = jax.tree.map(lambda a: a.at[1].set(jnp.nan), outputs)
  (again, aux), gradient = jax.value_and_grad(
    lambda outputs: loss_of(method, (variables, outputs, batch)), has_aux=True
  )(poisoned)
  np.testing.assert_allclose(again, value, rtol=1e-6)
  state = method.update(variables, poisoned, aux, batch, key=KEY, step=STEP)
  for leaf in jax.tree.leaves((gradient, state)):
    assert jnp.isfinite(leaf).all()


@every_method
def test_loss_under_transformations(name):
  method = MAKE[name]()
  variables, outputs, batch = make_problem(method)

  def loss(logits, step=STEP):
    full = outputs._replace(logits=jnp.asarray(logits))
    return method.loss(variables, full, batch, key=KEY, step=step)[0]

  logits = outputs.logits
  value = loss(logits)
  np.testing.assert_allclose(jax.jit(loss)(logits, STEP), value, rtol=1e-6)
  stacked = jnp.stack([logits, 2 * logits])
  np.testing.assert_allclose(
    jax.vmap(loss, (0, None))(stacked, STEP),
    [value, loss(2 * logits)],
    rtol=1e-6,
  )
  if 'bank' not in name:  # which has no gradient to the other side
    check_grads(loss, (logits,), 1, ('rev',), eps=1e-3, atol=1e-2, rtol=1e-2)
  half = loss(logits.astype(jnp.bfloat16))
  assert half.dtype == jnp.float32
  exact = logits.astype(jnp.bfloat16).astype(jnp.float32)
  np.testing.assert_allclose(half, loss(exact), rtol=1e-6)


@every_method
def test_training_brings_similar_codes_together(name):
  method = MAKE[name]()
  variables, outputs, batch = make_problem(method)
  logits, batch = outputs.logits, {**batch, 'labels': batch['labels'] % 2}
  if 'bank' in name:
    bank = variables.state['bank']
    bank = {**bank, 'labels': bank['labels'] % 2}
    variables = variables._replace(state={'bank': bank})
  pairs = losses.label_pairs(batch['labels'])

  @jax.jit
  def train(variables, logits, step):
    outputs = Outputs(logits, logits)

    def loss(logits):
      full = outputs._replace(logits=logits)
      return method.loss(variables, full, batch, key=KEY, step=step)

    gradient, aux = jax.grad(loss, has_aux=True)(logits)
    state = method.update(variables, outputs, aux, batch, key=KEY, step=step)
    return variables._replace(state=state), logits - 0.5 * gradient

  def gap(logits):  # of codes, in bits
    codes = jnp.where(logits >= 0, 1.0, 0.0)
    d = losses.soft_hamming_distances(codes, codes)
    alike = pairs.where & (pairs.similarity > 0)
    unlike = pairs.where & (pairs.similarity == 0)
    return d.mean(where=unlike) - d.mean(where=alike)

  before = gap(logits)
  for step in range(400):
    variables, logits = train(variables, logits, jnp.int32(step))
  assert gap(logits) > before + 1


def mean(values, counts):
  return np.asarray(values)[np.asarray(counts)].mean()


def oracle_of(name, u, v, s, counts):
  """The mean of the pairs and the mean penalty, from the paper's equation."""
  kept = np.flatnonzero(np.asarray(counts).any(axis=1))
  rows = np.asarray(u)[kept]
  if name in ('dpsh', 'dhn'):
    pair = mean(oracle.likelihood(u, v, s), counts)
    if name == 'dhn':
      return pair, 0.1 * np.mean(oracle.log_cosh_quantization(rows))
    return pair, 0.1 * np.mean((rows - np.sign(rows)) ** 2)
  if name == 'hashnet':
    table = oracle.likelihood(u, v, s, scale=10 / BITS)
    return mean(oracle.balance_weights(s, counts) * table, counts), 0.0
  if name == 'dsh':
    pair = mean(oracle.dsh(u, v, s), counts)
    return pair, 0.1 * np.mean(abs(abs(rows) - 1))
  if name == 'dtsh':
    values = oracle.triplets(u, v, s, counts)
    penalty = np.mean((rows - np.sign(rows)) ** 2)
    return np.mean(list(values.values())), penalty
  if name == 'dch':
    weights = oracle.balance_weights(s, counts)
    pair = mean(weights * oracle.cauchy(u, v, s), counts)
    return pair, 0.1 * np.mean(oracle.cauchy_quantization(rows))
  if name == 'idhn':
    pair = mean(oracle.quantified(u, v, s), counts)
    return pair, 0.1 * np.mean(1 - abs(rows))
  table = oracle.hinge(u, v, s, margin=BITS / 2, distance=oracle.soft_hamming)
  return mean(table, counts), 0.0


def activated(name, logits, step):
  u = np.asarray(logits, np.float64)
  if name == 'hashnet':
    return np.tanh(np.sqrt(1 + 0.005 * (step // 200 * 200)) * u)
  if name == 'idhn':
    return u / (1 + abs(u))
  return 1 / (1 + np.exp(-u)) if name == 'dhe' else u


@pytest.mark.parametrize('name', IN_BATCH)
@pytest.mark.parametrize('multi', [False, True])
@pytest.mark.parametrize('self_pairs', [False, True])
def test_the_batch_with_itself(name, multi, self_pairs):
  if name == 'dhe' and self_pairs:
    pytest.skip('its equation is of i < j')
  options = {'self_pairs': True} if self_pairs else {}
  method = MAKE[name](**options)
  problem = make_problem(method, multi=multi)
  _, outputs, batch = problem
  labels = np.asarray(batch['labels'])
  u = activated(name, outputs.logits, 450)
  s = oracle.label_similarity(labels, labels, soft=name == 'idhn')
  counts = oracle.counted_pairs(labels, self_pairs=self_pairs)
  pair, penalty = oracle_of(name, u, u, s, counts)
  if name == 'dtsh':  # a row without a triplet has a penalty, too
    rows = u[rows_with_label(batch)]
    penalty = np.mean((rows - np.sign(rows)) ** 2)
  value, aux = loss_of(method, problem, step=jnp.int32(450))
  np.testing.assert_allclose(aux.metrics['pair_loss'], pair, rtol=1e-5)
  np.testing.assert_allclose(value, pair + penalty, rtol=1e-5)
  np.testing.assert_allclose(
    aux.metrics['similar_pairs'], (s[counts] > 0).mean(), rtol=1e-6
  )


@pytest.mark.parametrize('name', WITH_BANK)
def test_the_batch_with_all_rows_that_were_seen(name):
  method = MAKE[f'{name}_bank']()
  variables, _, batch = make_problem(method, train=20)
  every = variables.state['bank']['labels']
  labels = np.asarray(every)
  seen = {}
  for step, index in enumerate(([0, 1, 2, 3], [3, 7, 8, 9], [0, 2, 12, 19])):
    logits = jax.random.normal(jax.random.key(step), (len(index), BITS))
    batch = {
      'index': jnp.array(index, jnp.int32),
      'labels': every[jnp.array(index)],
    }
    outputs, now = Outputs(logits, logits), jnp.int32(100 * step)
    value, aux = method.loss(variables, outputs, batch, key=None, step=now)
    u = activated(name, logits, 100 * step)
    for i, row in zip(index, u):
      if labels[i] >= 0:
        seen[i] = row
    others = sorted(seen)
    counts = [[labels[i] >= 0 and i != j for j in others] for i in index]
    s = oracle.label_similarity(labels[index], labels[others])
    v = np.stack([seen[j] for j in others])
    pair, penalty = oracle_of(name, u, v, s, counts)
    np.testing.assert_allclose(value, pair + penalty, rtol=1e-5)
    state = method.update(variables, outputs, aux, batch, key=KEY, step=now)
    variables = variables._replace(state=state)
  assert 1 not in seen  # has no label
  expected = np.zeros((20, BITS))
  expected[others] = v
  bank = variables.state['bank']
  np.testing.assert_allclose(bank['codes'], expected, rtol=1e-5)
  np.testing.assert_array_equal(np.flatnonzero(bank['seen']), others)


def test_the_bank_has_no_gradient_to_the_rows_of_the_batch():
  """As in the released code: each row is drawn to where the others were."""
  method = MAKE['dpsh_bank'](quantization_weight=0.0)
  variables, outputs, batch = make_problem(method)
  codes, index = outputs.logits, batch['index']
  labels = batch['labels']
  got = jax.grad(
    lambda logits: loss_of(
      method, (variables, outputs._replace(logits=logits), batch)
    )[0]
  )(codes)
  pairs = losses.label_pairs(labels)
  known = jnp.where((labels >= 0)[:, None], codes, 0.0)
  expected = jax.grad(
    lambda logits: losses.pairwise_likelihood_loss(
      logits, pairs.similarity, jax.lax.stop_gradient(known), where=pairs.where
    )
  )(codes)
  np.testing.assert_allclose(got, expected, atol=1e-7)
  assert len(index) == ROWS


def test_known_values_of_the_fixture():
  logits = jnp.array(
    [[1, -0.5, 0.2, -2], [0.5, 0.5, -1, -1], [-1, 2, 0.3, 0.7]]
  )
  labels = jnp.array([0, 0, 1])
  known = {
    'dpsh': 0.309769,
    'dhn': 0.276686 + 0.1 * 0.149189,
    'dsh': 0.454167,
    'dtsh': 0.919154 + 0.330833,
    'dch': 2.147729,
  }
  for name, value in known.items():
    method = methods.get(name)(4, self_pairs=True)
    got = method.loss(
      method.init(KEY, Info(None, None, 2, labels)),
      Outputs(logits, logits),
      {'labels': labels, 'index': jnp.arange(3)},
      key=None,
      step=jnp.int32(0),
    )[0]
    np.testing.assert_allclose(got, value, atol=2e-6, err_msg=name)


def test_dpsh_and_dhn_differ_in_the_penalty_alone():
  values = {}
  for name in ('dpsh', 'dhn'):
    method = MAKE[name]()
    values[name] = loss_of(method, make_problem(method))[1].metrics
  assert values['dpsh']['pair_loss'] == values['dhn']['pair_loss']
  assert (
    values['dpsh']['quantization_loss'] != (values['dhn']['quantization_loss'])
  )


def test_hashnet_becomes_steeper_by_any_schedule():
  problem = make_problem(MAKE['hashnet']())

  def size(method, step):
    return loss_of(method, problem, step=jnp.int32(step))[1].metrics[
      'mean_abs_code'
    ]

  default = MAKE['hashnet']()
  assert size(default, 0) == size(default, 199) < size(default, 200)
  plain = MAKE['hashnet'](continuation_rate=0.0)
  assert size(plain, 0) == size(plain, 10**6)
  linear = MAKE['hashnet'](continuation=optax.linear_schedule(1.0, 9.0, 10))
  _, outputs, batch = problem
  codes = np.tanh(5.0 * np.asarray(outputs.logits)[rows_with_label(batch)])
  np.testing.assert_allclose(size(linear, 5), abs(codes).mean(), rtol=1e-6)


def test_hashnet_without_weights_is_a_plain_mean():
  method = MAKE['hashnet'](balanced=False, scale=0.1, continuation_rate=0.0)
  problem = make_problem(method)
  _, outputs, batch = problem
  labels = np.asarray(batch['labels'])
  u = np.tanh(np.asarray(outputs.logits, np.float64))
  s = oracle.label_similarity(labels, labels)
  table = oracle.likelihood(u, u, s, scale=0.1)
  np.testing.assert_allclose(
    loss_of(method, problem)[0],
    mean(table, oracle.counted_pairs(labels)),
    rtol=1e-5,
  )


@pytest.mark.parametrize('distance', ['soft_hamming', 'l1'])
def test_dhe_with_other_options(distance):
  method = MAKE['dhe'](margin=2.5, distance=distance, binarization_weight=0.3)
  problem = make_problem(method)
  _, outputs, batch = problem
  labels = np.asarray(batch['labels'])
  a = activated('dhe', outputs.logits, 0)
  table = oracle.hinge(
    a,
    a,
    oracle.label_similarity(labels, labels),
    margin=2.5,
    distance=oracle.l1 if distance == 'l1' else oracle.soft_hamming,
  )
  rows = a[labels >= 0]
  expected = mean(table, oracle.counted_pairs(labels))
  expected += 0.3 * np.mean(oracle.bit_variance(rows))
  np.testing.assert_allclose(loss_of(method, problem)[0], expected, rtol=1e-5)


def test_dhe_is_called_a_reconstruction_and_no_other_is():
  for name in IN_BATCH:
    assert bool(MAKE[name]().reconstruction) == (name == 'dhe')
  assert 'RECONSTRUCTION' in methods.get('dhe').__doc__


@pytest.mark.parametrize('name', IN_BATCH)
def test_no_similar_pair_at_all(name):
  method = MAKE[name]()
  variables, outputs, batch = make_problem(method)
  for labels in (jnp.arange(ROWS), jnp.zeros(ROWS, jnp.int32)):
    for rows in (1, 2, ROWS):
      some = jax.tree.map(
        lambda a, n=rows: a[:n], (outputs, {**batch, 'labels': labels})
      )
      value, gradient = jax.value_and_grad(
        lambda o, b=some[1]: loss_of(method, (variables, o, b))[0]
      )(some[0])
      assert jnp.isfinite(value)
      assert jnp.isfinite(gradient.logits).all()


@pytest.mark.parametrize(
  ('name', 'options', 'message'),
  [
    ('dpsh', {'quantization_weight': -1.0}, 'quantization_weight must be at'),
    ('dhn', {'quantization_weight': float('nan')}, 'quantization_weight'),
    ('dsh', {'margin': 0.0}, 'margin must be above 0'),
    ('dtsh', {'scale': 0.0}, 'scale must be above 0'),
    ('dch', {'gamma': 0.0}, 'gamma must be above 0'),
    ('idhn', {'soft_weight': -0.1}, 'soft_weight must be at least 0'),
    ('dhe', {'distance': 'l2'}, "unknown distance 'l2'; known: soft_hamm"),
    ('dhe', {'margin': -1.0}, 'margin must be above 0'),
    ('hashnet', {'continuation_every': 0}, 'every must be an int'),
    ('hashnet', {'scale': -1.0}, 'scale must be above 0'),
  ],
)
def test_bad_arguments(name, options, message):
  with pytest.raises(ValueError, match=message):
    MAKE[name](**options)


@pytest.mark.parametrize('name', IN_BATCH)
def test_bits_must_be_at_least_one(name):
  with pytest.raises(ValueError, match='num_bits must be an int of at least 1'):
    methods.get(name)(0)
  assert CLASSES > 1
