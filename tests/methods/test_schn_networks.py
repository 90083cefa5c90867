"""The layers of SCHN over the rows of a batch, and the latent dropout."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.methods._schn_networks import (
  Attention,
  CycleNetwork,
  GraphConvolution,
)
from tests.oracles import discrete_methods as oracle

ROWS, KEYS, VALUES, WIDTH = 6, 4, 7, 3
EVERY = jnp.ones(ROWS, bool)


def normal(seed, *shape):
  return jax.random.normal(jax.random.key(seed), shape)


def randomised(params, seed=0):
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), params
  )


@functools.partial(jax.jit, static_argnums=0)
def applied(module, params, *arguments):
  return module.apply(params, *arguments)


def attention():
  module = Attention(WIDTH)
  keys, values = normal(0, ROWS, KEYS), normal(1, ROWS, VALUES)
  params = jax.jit(module.init)(jax.random.key(2), keys, values, EVERY)
  return module, randomised(params), keys, values


def test_attention_is_the_equation():
  module, params, keys, values = attention()
  got = applied(module, params, keys, values, EVERY)
  expected = oracle.attention(keys, values, params['params'])
  np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
  order = jnp.array([3, 1, 0, 5, 2, 4])
  swapped = applied(module, params, keys[order], values[order], EVERY)
  np.testing.assert_allclose(swapped, got[order], rtol=1e-4, atol=1e-5)


def test_attention_looks_at_no_row_that_is_left_out():
  module, params, keys, values = attention()
  where = jnp.array([True, False, True, True, False, True])
  some = jnp.flatnonzero(where)
  got = applied(module, params, keys, values, where)[some]
  alone = applied(module, params, keys[some], values[some], jnp.ones(4, bool))
  np.testing.assert_allclose(got, alone, rtol=1e-4, atol=1e-5)
  full = applied(module, params, keys, values, EVERY)[some]
  assert jnp.abs(full - got).max() > 1e-2
  nothing = applied(module, params, keys, values, jnp.zeros(ROWS, bool))
  assert jnp.isfinite(nothing).all()


def test_rows_of_one_class_get_the_same_of_the_graph():
  module, x = GraphConvolution(WIDTH), normal(0, ROWS, KEYS)
  adjacency = jnp.ones((ROWS, ROWS))
  params = randomised(jax.jit(module.init)(jax.random.key(1), x, adjacency))
  got = applied(module, params, x, adjacency)
  np.testing.assert_allclose(got, jnp.tile(got[:1], (ROWS, 1)), rtol=1e-5)
  bias = params['params']['bias']
  kernel = params['params']['Dense_0']['kernel']
  np.testing.assert_allclose(  # a sum, and no mean
    got[0] - bias, x.sum(axis=0) @ kernel, rtol=1e-4, atol=1e-5
  )
  alone = applied(module, params, x, jnp.zeros((ROWS, ROWS)))
  np.testing.assert_array_equal(alone, jnp.tile(bias[None], (ROWS, 1)))
  labels = jnp.array([0, 1, 0, 2, 1, 1])
  similar = (labels[:, None] == labels[None]).astype(jnp.float32)
  got = applied(module, params, x, similar)
  expected = oracle.graph_convolution(x, similar, params['params'])
  np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
  order = jnp.array([3, 1, 0, 5, 2, 4])
  swapped = applied(module, params, x[order], similar[order][:, order])
  np.testing.assert_allclose(swapped, got[order], rtol=1e-4, atol=1e-5)


def test_half_of_the_latent_features_are_dropped():
  """Mean and variance of the logits over many keys; the rest is the same."""
  module = CycleNetwork(4, 'tomm', 'tanh', (8, 5))
  images, labels = normal(0, ROWS, VALUES), 0.3 * normal(1, ROWS, 5)
  arguments = images, labels, jnp.eye(ROWS), EVERY

  @jax.jit
  def without(key):
    params = module.init(key, *arguments, train=False)
    return params, module.apply(params, *arguments, train=False)

  params, plain = without(jax.random.key(2))

  @jax.jit
  @jax.vmap
  def drawn(key):
    return module.apply(params, *arguments, train=True, rngs={'dropout': key})

  codes, image_again, label_again = drawn(
    jax.random.split(jax.random.key(3), 4000)
  )
  for got, one in ((image_again, plain[1]), (label_again, plain[2])):
    np.testing.assert_allclose(got[0], one, rtol=1e-4, atol=1e-5)
    assert got.std(axis=0).max() < 1e-6
  logits = np.arctanh(np.asarray(codes, float))
  wanted = np.arctanh(np.asarray(plain[0], float))
  spread = logits.std(axis=0)
  assert (
    abs(logits.mean(axis=0) - wanted) < 5 * spread / 4000**0.5 + 1e-4
  ).all()
  # The latent features, one by one: of rate p a sum has variance p / (1 - p)
  # times that of its squares.
  latent = latent_features(params['params'], labels, images)
  kernel = np.asarray(params['params']['latent_codes']['kernel'], float)
  np.testing.assert_allclose(
    spread**2, latent**2 @ kernel**2, rtol=0.15, atol=1e-6
  )


def latent_features(params, labels, images):
  fused = oracle.attention(labels, images, params['latent_attention'])
  rows = oracle.graph_convolution(fused, np.eye(ROWS), params['latent_graph'])
  return np.stack([oracle.relu(row) for row in rows])
