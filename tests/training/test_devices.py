"""A whole train step on several devices under `jax.pmap`."""

import chex
import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxhash import training
from tests.method_suite import FLAT, experiment_of

DEVICES = 4
STEPS = 3
pytestmark = pytest.mark.skipif(
  jax.device_count() < DEVICES, reason='needs four devices'
)
METHODS = {
  'dpsh': {},
  'dpsh_bank': {'bank': True},
  'dtsh': {},
  'hashnet': {},
  'dch': {},
  'shrewd': FLAT,
  'csq': {},
  'adsh': {},
  'bihalf': {},
  'cibhash': {},
  'dsdh': {},
  'schn': {'hidden': (8, 6)},
  'deepquan': {'bits_per_codebook': 4, 'width': 8, 'num_neighbors': 3},
  'tests.toy_methods:two_views': {},
  'tests.toy_methods:alternating': {},
}


def experiment(name):
  views = 2 if name.endswith(('two_views', 'cibhash')) else 1
  method = name.removesuffix('_bank')
  return experiment_of(
    {'name': method, 'num_bits': 8, **METHODS[name]},
    devices=1,
    pipeline={'views': views, 'rows_per_round': 16},  # rounds of two steps
  )


def step_of(run, **options):
  return training.make_train_step(
    run.method,
    run.encoder,
    run.optimizer,
    run.pipeline.prepare,
    steps_per_round=run.pipeline.steps_per_round,
    **options,
  )


@pytest.mark.parametrize('name', METHODS)
def test_a_step_under_pmap_is_a_step_on_one_device(name):
  run = experiment(name)
  data = run.pipeline.data
  one = jax.jit(step_of(run))
  four = jax.pmap(
    step_of(run, devices_axis='data'),
    axis_name='data',
    in_axes=(None, None, 0),
    out_axes=None,
    devices=jax.devices()[:DEVICES],
  )
  state = expected = training.initial_state(run)
  for i in range(STEPS):
    batch = run.pipeline.batch(i)
    expected, metrics = one(expected, data, batch)
    shards = jax.tree.map(lambda a: a.reshape(DEVICES, -1, *a.shape[1:]), batch)
    state, on_devices = four(state, data, shards)
    chex.assert_trees_all_close(on_devices, metrics, rtol=1e-5, atol=1e-5)
  assert int(state.step) == STEPS
  chex.assert_trees_all_close(
    state._replace(key=()), expected._replace(key=()), rtol=1e-5, atol=1e-5
  )


def test_a_step_under_shard_map():
  run = experiment('hashnet')
  data, batch = run.pipeline.data, run.pipeline.batch(0)
  mesh = training.make_mesh(jax.devices()[:DEVICES])
  four = jax.jit(
    jax.shard_map(
      step_of(run, devices_axis='data'),
      mesh=mesh,
      in_specs=(P(), P(), P('data')),
      out_specs=P(),
      check_vma=False,
    )
  )
  state = training.initial_state(run)
  expected, _ = jax.jit(step_of(run))(state, data, batch)
  everywhere = NamedSharding(mesh, P())
  got, _ = four(*jax.device_put((state, data, batch), everywhere))
  chex.assert_trees_all_close(
    got._replace(key=()), expected._replace(key=()), rtol=1e-5, atol=1e-5
  )


def of_all_devices(run, changed=None):
  """The step of each device, and what each of them gives."""
  return jax.pmap(
    step_of(changed or run, devices_axis='data'),
    axis_name='data',
    in_axes=(None, None, 0),
    out_axes=0,
    devices=jax.devices()[:DEVICES],
  )


def shards_of(run, step=0):
  batch = run.pipeline.batch(step)
  return jax.tree.map(lambda a: a.reshape(DEVICES, -1, *a.shape[1:]), batch)


def test_all_devices_have_the_same_state_and_the_mean_statistics():
  run = experiment_of(
    {'name': 'dpsh', 'num_bits': 8}, devices=1, encoder={'head': 'bn'}
  )
  state, shards = training.initial_state(run), shards_of(run)
  after, _ = of_all_devices(run)(state, run.pipeline.data, shards)
  first = jax.tree.map(lambda a: a[0], after._replace(key=()))
  for i in range(1, DEVICES):
    chex.assert_trees_all_equal(
      jax.tree.map(lambda a, i=i: a[i], after._replace(key=())), first
    )
  alone = [
    run.encoder.apply(
      state.params['encoder'],
      state.encoder_state,
      run.pipeline.preprocess(
        run.pipeline.data, run.pipeline.data['inputs'][index]
      ),
      train=True,
      key=jax.random.key(0),
    )[1]
    for index in shards['index']
  ]
  mean = jax.tree.map(lambda *parts: sum(parts) / DEVICES, *alone)
  chex.assert_trees_all_close(first.encoder_state, mean, rtol=1e-5, atol=1e-6)


def test_a_failure_on_one_device_freezes_all():
  run = experiment('dpsh')
  data = dict(run.pipeline.data)
  bad = run.pipeline.batch(0)['index'][-1]  # of the last device
  data['inputs'] = data['inputs'].at[bad].set(np.nan)
  state = training.initial_state(run)
  after, _ = of_all_devices(run)(state, data, shards_of(run))
  assert after.failed_step.tolist() == [0] * DEVICES
  assert after.step.tolist() == [1] * DEVICES
  for i in range(DEVICES):
    chex.assert_trees_all_equal(
      jax.tree.map(lambda a, i=i: a[i], after.params), state.params
    )


@pytest.mark.parametrize('what', ['augment', 'dropout'])
def test_each_device_draws_by_itself(what):
  run = experiment_of(
    {'name': 'dpsh', 'num_bits': 8},
    devices=1,
    pipeline={'augment': {'noise': 1.0}} if what == 'augment' else {},
    encoder={'dropout': 0.5} if what == 'dropout' else {},
  )

  def seen(variables, outputs, aux, batch, *, key, step):
    return batch['inputs'] if what == 'augment' else outputs.logits

  step = of_all_devices(
    run, run._replace(method=run.method._replace(update=seen))
  )
  rows = run.pipeline.batch(0)['index'][:1]
  same = {'index': np.tile(rows, (DEVICES, 2))}  # one row, eight times
  state = training.initial_state(run)
  shape = run.info.inputs.shape if what == 'augment' else (8, 8)
  placeholder = np.zeros((8, *shape[1:]), np.float32)
  after, _ = step(
    state._replace(method_state=placeholder), run.pipeline.data, same
  )
  assert len(np.unique(after.method_state[0], axis=0)) == 8
