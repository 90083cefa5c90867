"""Small runs that every method can be put through."""

import jax
import numpy as np

from jaxhash import training


def experiment_of(method, *, devices=4, seed=0, **changes):
  """A small run on clusters of features: 3 classes, 8 bits, 24 steps."""
  config = training.default_config().to_dict()
  small = {
    'seed': seed,
    'dataset': {
      'name': 'clusters',
      'num_classes': 3,
      'num_per_class': 40,
      'num_features': 6,
    },
    'protocol': {
      'name': 'per_class',
      'num_query': 6,
      'num_train': 16,
      'num_val': 4,
    },
    'encoder': {'name': 'mlp', 'hidden': [16]},
    'pipeline': {'normalize': 'scalar'},
    'method': method,
    'batch_size': 8,
    'epochs': 4,
    'log_every': 1,
    'eval_every': 8,
    'checkpoint_every': 6,
    # Not Adam: it makes steps of the rounding errors of a gradient of 0.
    'optimizer': {
      **config['optimizer'],
      'name': 'sgd',
      'learning_rate': 0.02,
    },
  }
  for block, values in changes.items():
    small[block] = (
      {**small[block], **values} if isinstance(values, dict) else values
    )
  return training.build(
    {**config, **small}, mesh=training.make_mesh(jax.devices()[:devices])
  )


def jitted_step(experiment):
  """The train step as the loop compiles it."""
  return training.compile_step(experiment)


def run_steps(experiment, num_steps, *, step=None):
  """Takes steps from the beginning: the last state and all metrics."""
  step = step or jitted_step(experiment)
  state = training.initial_state(experiment)
  replicated, sharded = (
    jax.sharding.NamedSharding(experiment.mesh, jax.sharding.PartitionSpec(*a))
    for a in ((), ('data',))
  )
  data = jax.device_put(experiment.pipeline.data, replicated)
  metrics = []
  for i in range(num_steps):
    batch = jax.device_put(experiment.pipeline.batch(i), sharded)
    state, values = step(state, data, batch)
    metrics.append(jax.tree.map(np.asarray, values))
  return jax.device_get(state._replace(key=()))._replace(key=()), metrics


def assert_bitwise_equal(a, b):
  """Every leaf of two states has the same bits."""
  np.testing.assert_array_equal(
    training.state_digest(a), training.state_digest(b)
  )
