"""Losses of pairs across four devices are those of the whole batch on one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxhash import losses
from tests.losses.cases import of_distances, of_divergence, of_pairs
from tests.losses.devices import DEVICES, NEEDS, mesh_of_four, shards

ROWS, BITS = 16, 6
pytestmark = NEEDS
LABELS = np.array([-1, 2, -1, -1, 0, 1, 1, 3, 2, -1, 0, 0, 1, 2, 0, 2])
WHERE = jnp.array([True] * 5 + [False] + [True] * 8 + [False] * 2)
MULTI = LABELS[:, None] == np.arange(4)
MULTI[5, 0] = MULTI[11, 2] = MULTI[13, 1] = True
hinge = losses.pairwise_hinge_loss
_corners = np.random.default_rng(1).beta(0.1, 0.1, (9, BITS))
REFERENCE = jnp.asarray(_corners, jnp.float32)


def divergence(codes, labels, where=None, **options):
  return of_divergence(codes, labels, REFERENCE, where, **options)


LOSSES = {
  'likelihood': of_pairs(losses.pairwise_likelihood_loss),
  'balanced': of_pairs(losses.pairwise_likelihood_loss, balanced=True),
  'hinge': of_pairs(hinge, margin=3.0),
  'hinge_l1': of_pairs(hinge, margin=6.0, distance=losses.l1_distances),
  'hinge_squared': of_pairs(
    hinge, margin=9.0, distance=losses.squared_distances
  ),
  'cauchy': of_pairs(losses.cauchy_cross_entropy_loss, balanced=True),
  'quantified': of_pairs(losses.quantified_similarity_loss, soft=True),
  'triplet': of_pairs(losses.triplet_likelihood_loss, margin=1.0),
  'relative': of_distances(),
  'divergence': divergence,
}
every_loss = pytest.mark.parametrize('name', LOSSES)


def problem(name):
  """Inputs and weights of codes, labels, which rows count."""
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.normal(size=(ROWS, 5)), jnp.float32)
  w = jnp.asarray(0.7 * rng.normal(size=(5, BITS)), jnp.float32)
  labels = MULTI.astype(np.int32) if name == 'quantified' else LABELS
  return w, x, jnp.asarray(labels, jnp.int32), WHERE


def loss_of(name, **options):
  """The loss as one of weights: codes in (0, 1) for distances of bits."""

  def loss(w, x, labels, where):
    codes = jnp.tanh(x @ w)
    if name in ('hinge', 'divergence'):
      codes = (codes + 1) / 2
    return LOSSES[name](codes, labels, where=where, **options)

  return loss


def sharded(fn, out_specs, check_vma=True, batch=3):
  """A function of weights and a batch, on four rows of it per device."""
  return jax.jit(
    jax.shard_map(
      fn,
      mesh=mesh_of_four(),
      in_specs=(P(), *batch * [P('data')]),
      out_specs=out_specs,
      check_vma=check_vma,
    )
  )


@functools.cache
def whole(name, **options):
  """The value and the gradients with respect to weights and inputs."""
  step = jax.value_and_grad(loss_of(name, **options), argnums=(0, 1))
  value, gradients = jax.jit(step)(*problem(name))
  assert value > 0 or name == 'divergence'
  assert all(jnp.abs(g).max() > 1e-3 for g in gradients)
  # Rows that do not count get no gradient, all others do.
  counts = (LABELS >= 0) & np.asarray(WHERE)
  np.testing.assert_array_equal(gradients[1].any(axis=1), counts)
  return value, gradients


def assert_close(actual, expected):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
    actual,
    expected,
  )


def test_devices_have_different_numbers_of_pairs():
  _, where = losses.label_pairs(jnp.asarray(LABELS), where=WHERE)
  numbers = where.sum(axis=1).reshape(DEVICES, -1).sum(axis=1)
  assert len(set(numbers.tolist())) > 2
  similar = (LABELS[:, None] == LABELS) & np.asarray(where)
  assert similar.any(axis=1).sum() < where.any(axis=1).sum()


@every_loss
def test_jit_of_a_sharded_batch(name):
  mesh = mesh_of_four()
  rows = NamedSharding(mesh, P('data'))
  w, *batch = problem(name)
  step = jax.jit(jax.value_and_grad(loss_of(name), argnums=(0, 1)))
  actual = step(
    jax.device_put(w, NamedSharding(mesh, P())),
    *(jax.device_put(a, rows) for a in batch),
  )
  assert_close(actual, whole(name))


@every_loss
def test_gradient_of_a_value_under_shard_map(name):
  loss = sharded(loss_of(name, axis_name='data'), P())
  step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
  assert_close(step(*problem(name)), whole(name))


@every_loss
def test_gradient_under_shard_map(name):
  # The weights vary on no device, so that their gradients are summed as they
  # are taken; those of the rows are a device's own.
  step = jax.value_and_grad(loss_of(name, axis_name='data'), argnums=(0, 1))
  actual = sharded(step, (P(), (P(), P('data'))))(*problem(name))
  assert_close(actual, whole(name))


@pytest.mark.parametrize('name', ['balanced', 'relative', 'divergence'])
def test_mean_of_gradients_under_shard_map_without_checks(name):
  step = jax.value_and_grad(loss_of(name, axis_name='data'))

  def mean_of_gradients(*inputs):
    value, gradient = step(*inputs)
    return value, jax.lax.pmean(gradient, 'data')

  actual = sharded(mean_of_gradients, (P(), P()), check_vma=False)(
    *problem(name)
  )
  value, (gradient, _) = whole(name)
  assert_close(actual, (value, gradient))


@every_loss
def test_mean_of_gradients_under_pmap(name):
  step = jax.value_and_grad(loss_of(name, axis_name='data'))

  @functools.partial(
    jax.pmap,
    axis_name='data',
    in_axes=(None, 0, 0, 0),
    devices=jax.devices()[:DEVICES],
  )
  def mean_of_gradients(*inputs):
    value, gradient = step(*inputs)
    return value, jax.lax.pmean(gradient, 'data')

  w, *batch = problem(name)
  actual = mean_of_gradients(w, *shards(batch))
  value, (gradient, _) = whole(name)
  expected = jax.tree.map(lambda a: jnp.stack([a] * DEVICES), (value, gradient))
  assert_close(actual, expected)


@every_loss
def test_sum_and_rows_over_devices(name):
  def both(*inputs):
    return tuple(
      loss_of(name, axis_name='data', reduce_fn=fn)(*inputs)
      for fn in (jnp.sum, None)
    )

  inputs = problem(name)
  total, rows = sharded(both, (P(), P('data')))(*inputs)
  expected = jax.jit(loss_of(name, reduce_fn=None))(*inputs)
  assert_close((total, rows), (expected.sum(), expected))


@every_loss
def test_another_reduction_over_devices(name):
  step = loss_of(name, axis_name='data', reduce_fn=jnp.max)
  with pytest.raises(ValueError, match="of 'data' values are reduced by"):
    jax.eval_shape(sharded(step, P()), *problem(name))


@pytest.mark.parametrize('labels', [LABELS, MULTI.astype(np.int32)])
@pytest.mark.parametrize('self_pairs', [False, True])
def test_pairs_and_weights_over_devices(labels, self_pairs):
  def pairs_and_weights(labels, where, axis_name=None):
    pairs = losses.label_pairs(
      labels,
      soft=True,
      self_pairs=self_pairs,
      where=where,
      axis_name=axis_name,
    )
    weights = losses.balance_weights(
      pairs.similarity, where=pairs.where, axis_name=axis_name
    )
    return *pairs, weights

  actual = sharded(
    lambda _, *batch: pairs_and_weights(*batch, axis_name='data'),
    P('data'),
    batch=2,
  )(0.0, jnp.asarray(labels), WHERE)
  expected = jax.jit(pairs_and_weights)(jnp.asarray(labels), WHERE)
  assert_close(actual, expected)


def test_other_rows_are_not_gathered():
  # Each device has its rows against the same others.
  w, x, labels, where = problem('likelihood')

  def loss(others, codes, labels, where, axis_name=None):
    pairs = losses.label_pairs(
      labels, jnp.asarray(LABELS[:7]), where=where, axis_name=axis_name
    )
    return losses.pairwise_likelihood_loss(
      codes, pairs.similarity, others, where=pairs.where, axis_name=axis_name
    )

  inputs = jnp.tanh(x[:7] @ w), jnp.tanh(x @ w), labels, where
  actual = sharded(functools.partial(loss, axis_name='data'), P())(*inputs)
  assert_close(actual, jax.jit(loss)(*inputs))
