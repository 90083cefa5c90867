"""Optimisers from a config."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxhash.training import make_optimizer

PARAMS = {
  'encoder': {'kernel': jnp.ones((2, 2)), 'bias': jnp.ones(2)},
  'method': {'codewords': jnp.ones(3), 'codewords_bias': jnp.ones(3)},
}
CONFIG = {'learning_rate': 0.1, 'schedule': 'constant'}


def one_step(config, gradients=None, num_steps=10):
  optimizer = make_optimizer(config, PARAMS, num_steps)
  gradients = gradients or jax.tree.map(jnp.ones_like, PARAMS)
  updates, _ = optimizer.update(gradients, optimizer.init(PARAMS), PARAMS)
  return updates


def test_a_group_has_its_own_learning_rate():
  groups = {'method/codewords': {'learning_rate': 0.7, 'name': 'sgd'}}
  updates = one_step({**CONFIG, 'name': 'sgd', 'groups': groups})
  momentum = 0.9  # Nesterov: the gradient and momentum times the trace
  np.testing.assert_allclose(
    updates['method']['codewords'], -0.7 * (1 + momentum), rtol=1e-6
  )
  # A prefix is a whole path, not the beginning of a name.
  for other in (
    updates['method']['codewords_bias'],
    updates['encoder']['bias'],
  ):
    np.testing.assert_allclose(other, -0.1 * (1 + momentum), rtol=1e-6)


def test_the_longest_prefix_counts():
  groups = {
    'encoder': {'learning_rate': 0.0},
    'encoder/bias': {'learning_rate': 1.0},
  }
  updates = one_step({**CONFIG, 'groups': groups})
  assert not updates['encoder']['kernel'].any()
  assert updates['encoder']['bias'].all()


def test_weight_decay_is_added_to_the_gradient():
  """torch's Adam: with no gradient the decay alone is normalised to 1."""
  zeros = jax.tree.map(jnp.zeros_like, PARAMS)
  updates = one_step({**CONFIG, 'weight_decay': 0.01}, zeros)
  np.testing.assert_allclose(updates['encoder']['bias'], -0.1, rtol=1e-4)


def test_rmsprop_is_that_of_torch():
  updates = one_step({**CONFIG, 'name': 'rmsprop'})
  np.testing.assert_allclose(
    updates['encoder']['bias'], -0.1 / (np.sqrt(0.01) + 1e-8), rtol=1e-5
  )


def test_warm_up_then_cosine():
  config = {'learning_rate': 1.0, 'name': 'sgd', 'momentum': 0.0}
  optimizer = make_optimizer({**config, 'warmup_steps': 2}, PARAMS, 6)
  state = optimizer.init(PARAMS)
  gradients = jax.tree.map(jnp.ones_like, PARAMS)
  rates = []
  for _ in range(7):
    updates, state = optimizer.update(gradients, state, PARAMS)
    rates.append(-float(updates['encoder']['bias'][0]))
  cosine = [(1 + np.cos(np.pi * t / 4)) / 2 for t in range(5)]
  np.testing.assert_allclose(rates, [0, 0.5, *cosine], atol=1e-6)


def test_clipping_bounds_the_norm_of_a_group():
  updates = one_step(
    {**CONFIG, 'name': 'sgd', 'momentum': 0.0, 'clip_norm': 0.5}
  )
  norm = float(optax.tree.norm(updates))
  assert norm == pytest.approx(0.1 * 0.5, rel=1e-5)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'learning_rate': -1.0}, 'learning_rate.*-1.0'),
    ({'learning_rate': float('nan')}, 'learning_rate'),
    ({'schedule': 'linear'}, "unknown schedule 'linear'.*cosine"),
    ({'groups': {'method/x': {}}}, "'method/x' fits no parameter.*bias"),
    ({'groups': {'encoder': {'lr': 1}}}, "unknown optimizer setting 'lr'"),
  ],
)
def test_bad_settings(change, message):
  with pytest.raises(ValueError, match=message):
    make_optimizer({**CONFIG, **change}, PARAMS, 10)
