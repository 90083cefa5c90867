"""The suite that every method passes, the toy methods first of all."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import lookup, methods, training
from jaxhash.core import Outputs
from jaxhash.training import tasks
from tests import toy_methods
from tests.method_suite import (
  FLAT,
  assert_resumes,
  experiment_of,
  run_steps,
)

QUANTISER = {
  'bits_per_codebook': 4,
  'width': 8,
  'num_neighbors': 3,
  'hidden': 16,
}
SMALL = {'hidden': (16, 8)}
MEAN_OVER_BITS = {'optimizer': {'learning_rate': 0.2}}  # small gradients
# A batch of 8 gives the methods of BiHalf's kind only four pairs.
FOUR_PAIRS = {**MEAN_OVER_BITS, 'epochs': 12}
SUMS = {'optimizer': {'learning_rate': 2e-3}}  # large ones
# Two steps a round, so that three steps have a closed form.
ROUNDS = {'pipeline': {'rows_per_round': 16}}
TWO_VIEWS = {'pipeline': {'views': 2, 'augment': {'noise': 0.1}}}
# Arguments that a method needs here, or in which it does something else.
ARGUMENTS = {
  'deepquan': ('deepquan', QUANTISER),
  'dpsh_bank': ('dpsh', {'bank': True}),
  'schn': ('schn', SMALL),
  'schn_mmasia': ('schn', {**SMALL, 'version': 'mmasia', 'bank_start': 'sign'}),
  'shrewd': ('shrewd', FLAT),
  'ssdh': ('ssdh', {'factor': 1.0}),  # of clusters none is farther out
  'shrewd_weak': ('shrewd', {**FLAT, 'classification_weight': 0.0}),
}
METHODS = sorted(
  {*toy_methods.__all__, *lookup.known('jaxhash.methods'), *ARGUMENTS}
)


def build(name, *, devices=4, seed=0):
  toy = name in toy_methods.__all__
  config = {
    'adsh': ROUNDS,
    'alternating': ROUNDS,
    'deepquan': ROUNDS,
    'dsdh': ROUNDS,
    'adalabelhash_semi': {'protocol': {'num_labelled': 4}},
    'bihalf': {'epochs': 12},
    'cibhash': TWO_VIEWS,
    'csq': MEAN_OVER_BITS,
    'dpn': MEAN_OVER_BITS,
    'greedyhash_unsupervised': FOUR_PAIRS,
    'idhn': MEAN_OVER_BITS,
    'schn': {**SUMS, **ROUNDS},
    'schn_mmasia': {**SUMS, **ROUNDS},
    'shc': MEAN_OVER_BITS,
    'shrewd': MEAN_OVER_BITS,
    'shrewd_weak': MEAN_OVER_BITS,
    'ssdh': {
      'dataset': {'num_classes': 8, 'num_features': 32},
      'protocol': {'num_train': 12},
    },
    'two_views': TWO_VIEWS,
    'partly_labelled': {'protocol': {'num_labelled': 4}},
    'learned': {
      'optimizer': {'groups': {'method/codewords': {'learning_rate': 0.1}}}
    },
  }.get(name, {})
  method, arguments = ARGUMENTS.get(name, (name, {}))
  if toy:
    method = f'tests.toy_methods:{name}'
  return experiment_of(
    {'name': method, 'num_bits': 8, **arguments},
    devices=devices,
    seed=seed,
    **config,
  )


toy_experiment = functools.cache(build)  # tests of a method share them


@pytest.mark.parametrize('name', METHODS)
def test_trains_resumes_and_is_evaluated(name, tmp_path):
  """With one compilation for all steps, rounds and evaluations of a run."""
  chex.clear_trace_counter()
  experiment = toy_experiment(name)
  method = experiment.method
  once = method._replace(loss=chex.assert_max_traces(method.loss, n=1))
  whole, records = assert_resumes(
    experiment._replace(method=once),
    build(name),
    tmp_path,
    stop_at=experiment.num_steps // 2,
  )
  if name == 'random_reference':  # a fresh one each step
    drawn = [r['reference'] for r in records if 'reference' in r]
    assert len(set(drawn)) == len(drawn) == experiment.num_steps
  losses = [r['loss'] for r in records if 'loss' in r]
  assert np.mean(losses[-3:]) < np.mean(losses[:3])
  encode = training.RowEncoder(experiment)
  results = training.write_report(
    experiment, whole, encode, tmp_path / 'whole', pictures=name == 'shc'
  )
  fresh = training.evaluate(
    experiment, training.initial_state(experiment), encode
  )
  assert results['query_database']['mAP'] > fresh['query_database']['mAP']
  assert ('transductive' in results) == (method.bank is not None)
  assert ('symmetric' in results) == (method.symmetric_distance is not None)


@pytest.mark.parametrize('name', METHODS)
def test_init_is_pure(name):
  experiment = toy_experiment(name, devices=1)
  info = experiment.info
  if name == 'mdsh':  # its own codewords are searched on the host
    method = methods.get(name)(8, codewords='bernoulli')
    experiment = experiment._replace(method=method)

  def init(key, labels):
    return experiment.method.init(key, info._replace(labels=labels))

  key, labels = jax.random.key(0), jnp.asarray(info.labels)
  chex.assert_trees_all_close(
    init(key, labels), jax.jit(init)(key, labels), rtol=1e-6
  )


@pytest.mark.parametrize('name', METHODS)
def test_one_device_equals_four(name):
  one, ones = run_steps(toy_experiment(name, devices=1), 3)
  four, fours = run_steps(toy_experiment(name, devices=4), 3)
  chex.assert_trees_all_close(ones, fours, rtol=1e-4, atol=1e-5)
  chex.assert_trees_all_close(
    one._replace(key=()), four._replace(key=()), rtol=1e-3, atol=1e-4
  )


def branches_of(jaxpr):
  """The branches of each cond that is always come by."""
  for equation in jaxpr.eqns:
    if equation.primitive.name == 'cond':
      yield [branch.jaxpr for branch in equation.params['branches']]
    elif equation.primitive.name in ('jit', 'pjit'):
      yield from branches_of(equation.params['jaxpr'].jaxpr)


def branches_within_the_freeze(jaxpr):
  """How many parts of an update are done now and then, or not at all."""
  count = 0
  for branches in branches_of(jaxpr):
    for branch in branches:
      for inner in branches_of(branch):
        count += min(len(part.eqns) for part in inner) == 0
  return count


@pytest.mark.parametrize('name', METHODS)
def test_seeds_train_together(name):
  """`jax.vmap` over states and batches equals one run after another."""
  experiments = [toy_experiment(name, devices=1, seed=s) for s in (0, 1)]
  alone = [run_steps(e, 3)[0] for e in experiments]
  task = tasks.seeds_together(experiments)
  state, data = task.initial(), task.data
  if experiments[0].method.solve is not None:
    # A branch on a value of each seed would be a select: solved at every step.
    jaxpr = jax.make_jaxpr(task.step)(state, data, task.batch(0)).jaxpr
    assert branches_within_the_freeze(jaxpr) == 1
  for i in range(3):
    state, _ = task.step(state, data, task.batch(i))
  for i, expected in enumerate(alone):
    chex.assert_trees_all_close(
      training.seed_state(state, i)._replace(key=()),
      expected,
      rtol=1e-3,
      atol=1e-4,
    )


def test_each_side_of_an_adversary_gets_its_own_gradient():
  method = toy_methods.adversarial(8)
  experiment = toy_experiment('adversarial', devices=1)
  variables = experiment.variables
  labels = jnp.array([0, 1, 2, 0])
  logits = jax.random.normal(jax.random.key(0), (4, 8))

  def loss(weights, logits):
    return method.loss(
      variables._replace(params={'discriminator': weights}),
      Outputs(logits, logits),
      {'labels': labels},
      key=None,
      step=0,
    )[0]

  weights = variables.params['discriminator']
  codewords = variables.state['codewords']
  real = codewords[labels]
  fake = jnp.tanh(logits)
  expected = (
    (jax.nn.sigmoid(real @ weights) - 1)[:, None] * real
    + jax.nn.sigmoid(fake @ weights)[:, None] * fake
  ).mean(0)
  got = jax.grad(loss)(weights, logits)
  np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
