"""Losses on a mesh of four devices are the losses on one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxhash.losses import (
  central_similarity_loss,
  cosine_margin_loss,
  cosine_one_vs_rest_loss,
  hardest_negative_hinge_loss,
  polarization_loss,
)
from tests.losses.devices import DEVICES, NEEDS, mesh_of_four, shards

pytestmark = NEEDS


def to_own_codeword(loss):
  """A loss of logits and target codes as one of codewords and labels."""

  def against_codewords(codes, codewords, labels):
    if labels.ndim == 1:
      return loss(codes, codewords[labels])
    own = labels.astype(codewords.dtype)
    return loss(codes, jnp.tanh(own @ codewords))

  return against_codewords


HINGES = {
  'floor': hardest_negative_hinge_loss,
  'clean': functools.partial(
    hardest_negative_hinge_loss, floor_negatives=False
  ),
}
LOSSES = {
  **HINGES,
  'orthocos': cosine_margin_loss,
  'orthoarc': functools.partial(cosine_margin_loss, angular=True),
  'one_vs_rest': functools.partial(cosine_one_vs_rest_loss, scale=3.0),
  'central': to_own_codeword(central_similarity_loss),
  'polarization': to_own_codeword(polarization_loss),
}
hinges = pytest.mark.parametrize('loss', HINGES.values(), ids=HINGES)
losses = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES)


def problem(multi=False):
  keys = jax.random.split(jax.random.key(0), 3)
  codes = jnp.tanh(jax.random.normal(keys[0], (16, 8)))
  codewords = jnp.tanh(jax.random.normal(keys[1], (5, 8)))
  if multi:
    labels = jax.random.bernoulli(keys[2], 0.3, (16, 5)).at[0].set(False)
  else:
    labels = jax.random.randint(keys[2], (16,), 0, 5)
  return codes, codewords, labels


def assert_close(actual, expected):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6),
    actual,
    expected,
  )


@losses
@pytest.mark.parametrize('multi', [False, True])
def test_jit_of_a_sharded_batch(loss, multi):
  codes, codewords, labels = problem(multi)
  mesh = mesh_of_four()
  rows, whole = NamedSharding(mesh, P('data')), NamedSharding(mesh, P())
  step = jax.value_and_grad(loss, argnums=(0, 1))
  actual = jax.jit(step)(
    jax.device_put(codes, rows),
    jax.device_put(codewords, whole),
    jax.device_put(labels, rows),
  )
  assert_close(actual, step(codes, codewords, labels))


@losses
def test_pmean_under_shard_map(loss):
  codes, codewords, labels = problem()

  @functools.partial(
    jax.shard_map,
    mesh=mesh_of_four(),
    in_specs=(P('data'), P(), P('data')),
    out_specs=P(),
  )
  def sharded(codes, codewords, labels):
    return jax.lax.pmean(loss(codes, codewords, labels), 'data')

  step = jax.jit(jax.value_and_grad(sharded, argnums=(0, 1)))
  expected = jax.value_and_grad(loss, argnums=(0, 1))(codes, codewords, labels)
  assert_close(step(codes, codewords, labels), expected)


@hinges
def test_sum_and_count_under_shard_map(loss):
  # Shards have different numbers of positives, so a pmean would be wrong.
  codes, codewords, labels = problem(multi=True)

  @functools.partial(
    jax.shard_map,
    mesh=mesh_of_four(),
    in_specs=(P('data'), P(), P('data')),
    out_specs=P(),
  )
  def sharded(codes, codewords, labels):
    total = loss(codes, codewords, labels, reduce_fn=jnp.sum)
    return jax.lax.psum(total, 'data') / jax.lax.psum(
      labels.sum().astype(jnp.float32), 'data'
    )

  step = jax.jit(jax.value_and_grad(sharded, argnums=(0, 1)))
  expected = jax.value_and_grad(loss, argnums=(0, 1))(codes, codewords, labels)
  assert_close(step(codes, codewords, labels), expected)


@losses
def test_pmean_of_loss_and_gradient_under_pmap(loss):
  codes, codewords, labels = problem()

  @functools.partial(
    jax.pmap,
    axis_name='data',
    in_axes=(0, None, 0),
    devices=jax.devices()[:DEVICES],
  )
  def step(codes, codewords, labels):
    return jax.lax.pmean(
      jax.value_and_grad(loss, argnums=1)(codes, codewords, labels), 'data'
    )

  first, second = shards([codes, labels])
  actual = step(first, codewords, second)
  expected = jax.value_and_grad(loss, argnums=1)(codes, codewords, labels)
  assert_close(
    actual,
    jax.tree.map(lambda a: jnp.stack([a] * DEVICES), expected),
  )
