"""A whole train step on several devices under `jax.pmap`."""

import chex
import jax
import numpy as np
import pytest

from jaxhash import training
from tests.method_suite import experiment_of

DEVICES = 4
STEPS = 3
pytestmark = pytest.mark.skipif(
  jax.device_count() < DEVICES, reason='needs four devices'
)
FLAT = {'similarity': 'labels', 'kl_weight': 0.1}
METHODS = {
  'dpsh': {},
  'dpsh_bank': {'bank': True},
  'dtsh': {},
  'hashnet': {},
  'dch': {},
  'shrewd': FLAT,
  'csq': {},
  'tests.toy_methods:two_views': {},
  'tests.toy_methods:alternating': {},
}


def experiment(name):
  views = {'pipeline': {'views': 2}} if name.endswith('two_views') else {}
  method = name.removesuffix('_bank')
  return experiment_of(
    {'name': method, 'num_bits': 8, **METHODS[name]}, devices=1, **views
  )


def step_of(run, **options):
  return training.make_train_step(
    run.method, run.encoder, run.optimizer, run.pipeline.prepare, **options
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


def test_each_device_augments_by_itself():
  run = experiment_of(
    {'name': 'dpsh', 'num_bits': 8},
    devices=1,
    pipeline={'augment': {'noise': 1.0}},
  )

  def inputs(variables, outputs, aux, batch, *, key, step):
    return batch['inputs']

  method = run.method._replace(
    init=lambda key, info: run.variables, update=inputs
  )
  step = jax.pmap(
    training.make_train_step(
      method,
      run.encoder,
      run.optimizer,
      run.pipeline.prepare,
      devices_axis='data',
    ),
    axis_name='data',
    in_axes=(None, None, 0),
    out_axes=None,
    devices=jax.devices()[:DEVICES],
  )
  rows = run.pipeline.batch(0)['index'][:1]
  same = {'index': np.tile(rows, (DEVICES, 2))}  # one row, eight times
  state = training.initial_state(run)
  placeholder = np.zeros((8, *run.info.inputs.shape[1:]), np.float32)
  state, _ = step(
    state._replace(method_state=placeholder), run.pipeline.data, same
  )
  assert len(np.unique(state.method_state, axis=0)) == 8
