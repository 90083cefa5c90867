"""Small runs that every method can be put through."""

import hashlib
import json
import pathlib
import tempfile

import jax
import numpy as np
import pytest

from jaxhash import training
from jaxhash.training import tasks
from tests.configs import small

# SHREWD without a class tree, on batches of 8, whose divergence is noisy.
FLAT = {'similarity': 'labels', 'kl_weight': 0.1}
STAGES = tempfile.TemporaryDirectory()


def experiment_of(method, *, devices=4, seed=0, **changes):
  """A small run on clusters of features: 3 classes, 8 bits, 24 steps."""
  config = small.get_config().to_dict()
  config |= {
    'seed': seed,
    'encoder': {'name': 'mlp', 'hidden': [16]},
    'method': method,
    'batch_size': 8,
    'epochs': 4,
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
    config[block] = (
      {**config[block], **values} if isinstance(values, dict) else values
    )
  # Stages of the same config are run once for all tests of a process.
  text = json.dumps(config, sort_keys=True)
  folder = pathlib.Path(STAGES.name)
  (experiment,) = training.prepare_seeds(
    config,
    [seed],
    folder / hashlib.sha256(text.encode()).hexdigest()[:8],
    stages=folder / 'stages',
    mesh=training.make_mesh(jax.devices()[:devices]),
  )
  return experiment


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


def assert_resumes(experiment, anew, folder, *, stop_at):
  """A run that is stopped before a step goes on with the same bits.

  Args:
    experiment: is trained as a whole.
    anew: the same, built again as by another process; is trained in parts.
    folder: of the runs.
    stop_at: the step that is not taken at first.

  Returns:
    The last state and what was logged, as records.
  """

  step = tasks.compile_step(anew)  # of both parts

  def stopping(state, data, batch):
    if int(state.step) == stop_at:
      raise KeyboardInterrupt
    return step(state, data, batch)

  whole = training.train(experiment, folder / 'whole')
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(tasks, 'compile_step', lambda _: stopping)
    with pytest.raises(KeyboardInterrupt):
      training.train(anew, folder / 'parts')
    patch.setattr(tasks, 'compile_step', lambda _: step)
    parts = training.train(anew, folder / 'parts')
  assert_bitwise_equal(whole, parts)
  lines = [
    (folder / run / 'metrics.jsonl').read_text() for run in ('whole', 'parts')
  ]
  assert lines[0] == lines[1]
  return whole, [json.loads(line) for line in lines[0].splitlines()]
