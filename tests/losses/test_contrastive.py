"""Losses of two views: known values, loops, limits; all across devices."""

import functools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from jaxhash import losses
from tests.losses.cases import of_structure
from tests.losses.devices import DEVICES, NEEDS, mesh_of_four, shards
from tests.losses.problems import assert_reduced, close
from tests.oracles import unsupervised as oracle

Z = jnp.array([[1.0, -1, 1], [1, 1, -1], [1, -1, -1], [-1, 1, -1]])
P1 = jnp.array([[0.9, 0.2], [0.3, 0.6]])
P2 = jnp.array([[0.8, 0.3], [0.4, 0.7]])
WHERE = np.array([True, False, True, True, False])
logit = jax.scipy.special.logit
nt_xent_loss = losses.nt_xent_loss
bernoulli_kl_loss = losses.bernoulli_kl_loss


def outputs_of(rows=5, bits=4, seed=0):
  rng = np.random.default_rng(seed)
  return rng.normal(size=(2 * rows, bits)).astype(np.float32)


def test_known_value_of_the_contrastive_loss():
  close(nt_xent_loss(Z, temperature=0.3), 0.429671, 2e-6)
  close(np.mean(oracle.nt_xent(Z, 0.3)), 0.429671, 2e-6)


@pytest.mark.parametrize('temperature', [0.1, 0.3, 1.0])
@pytest.mark.parametrize('where', [None, WHERE], ids=['all', 'some'])
def test_contrastive_loss_is_that_of_a_loop(temperature, where):
  outputs = outputs_of()
  assert_reduced(
    lambda reduce_fn: nt_xent_loss(
      jnp.asarray(outputs),
      temperature=temperature,
      where=None if where is None else jnp.asarray(where),
      reduce_fn=reduce_fn,
    ),
    oracle.nt_xent(outputs, temperature, where),
    np.ones(5, bool) if where is None else where,
  )


def test_contrastive_loss_does_not_know_the_views_apart_nor_lengths():
  outputs = jnp.asarray(outputs_of())
  lengths = jnp.linspace(0.1, 9, 10)[:, None]
  expected = nt_xent_loss(outputs)
  close(nt_xent_loss(jnp.roll(outputs, 5, axis=0)), expected)
  close(nt_xent_loss(lengths * outputs), expected)


def test_contrastive_loss_at_its_limits():
  # The other view at cosine 1 and all others at -1; then at -1, and one at 1.
  apart = jnp.array([[1.0], [-1.0], [1.0], [-1.0]])
  crossed = jnp.array([[1.0], [-1.0], [-1.0], [1.0]])
  for tau in (0.01, 0.3, 2.0):
    least = jnp.log1p(2 * jnp.exp(-2 / tau))
    close(nt_xent_loss(apart, temperature=tau), least, 1e-4, 1e-6)
    close(nt_xent_loss(crossed, temperature=tau), 2 / tau + least, 1e-5)


def test_contrastive_loss_of_equal_outputs_and_of_zeros():
  step = jax.jit(jax.value_and_grad(nt_xent_loss))
  for outputs in (jnp.ones((6, 3)), jnp.zeros((6, 3))):
    value, gradient = step(outputs)
    close(value, np.log(5))
    assert jnp.isfinite(gradient).all()


def test_contrastive_loss_of_a_row_alone_is_zero():
  step = jax.jit(jax.value_and_grad(nt_xent_loss))
  for outputs, where in ((Z[:2], None), (Z, jnp.array([True, False]))):
    value, gradient = step(outputs, where=where)
    close(value, 0)
    close(gradient, np.zeros_like(gradient))


def test_descending_brings_views_together():
  outputs = jnp.asarray(outputs_of(rows=8, bits=6))
  step = jax.jit(jax.value_and_grad(nt_xent_loss))
  start, _ = step(outputs)
  for _ in range(50):
    outputs -= 2.0 * step(outputs)[1]
  distances = losses.cosine_distances(*jnp.split(outputs, 2))
  assert step(outputs)[0] < 0.3 * start
  assert jnp.diag(distances).max() < 0.2


def test_known_value_of_the_divergence():
  close(bernoulli_kl_loss(logit(P1), logit(P2)), 0.055840, 2e-5)
  close(np.mean(oracle.bernoulli_kl(P1, P2)), 0.055840, 2e-5)


@pytest.mark.parametrize('where', [None, WHERE], ids=['all', 'some'])
def test_divergence_is_that_of_a_loop(where):
  a, b = np.split(2 * outputs_of(), 2)
  probabilities = [1 / (1 + np.exp(-x.astype(np.float64))) for x in (a, b)]
  assert_reduced(
    lambda reduce_fn: bernoulli_kl_loss(
      jnp.asarray(a),
      jnp.asarray(b),
      where=None if where is None else jnp.asarray(where),
      reduce_fn=reduce_fn,
    ),
    oracle.bernoulli_kl(*probabilities),
    np.ones(5, bool) if where is None else where,
  )


@pytest.mark.parametrize('stop_reference', [False, True])
def test_gradient_of_the_divergence(stop_reference):
  # What is left with a fixed reference is D'(p) = p' (a - b).
  a, b = (jnp.asarray(x) for x in np.split(outputs_of(), 2))
  p, q = jax.nn.sigmoid(a), jax.nn.sigmoid(b)
  own = p * (1 - p) * (a - b), q * (1 - q) * (b - a)
  both = own[0] + p - q, own[1] + q - p
  value, gradients = jax.value_and_grad(
    lambda a, b: bernoulli_kl_loss(a, b, stop_reference=stop_reference), (0, 1)
  )(a, b)
  close(value, bernoulli_kl_loss(a, b))
  for gradient, expected in zip(gradients, own if stop_reference else both):
    close(gradient, expected / (2 * len(a)), 1e-5)


def test_divergence_of_nearly_certain_bits():
  step = jax.jit(jax.value_and_grad(bernoulli_kl_loss, (0, 1)))
  for a, b in ((20.0, 25.0), (-25.0, -20.0), (30.0, 30.5)):
    sigmoids = 1 / (1 + np.exp(np.abs([a, b])))  # of the lesser outcome
    value, gradients = step(jnp.full((1, 1), a), jnp.full((1, 1), b))
    difference = abs(sigmoids[0] - sigmoids[1])
    close(value, difference * abs(a - b) / 2, 1e-5, 0)
    slope = sigmoids[0] * (1 - sigmoids[0]) * (a - b)
    sign = np.sign(a - b)
    close(gradients[0][0, 0], (slope + sign * difference) / 2, 1e-5, 0)
  # Certain of the opposite: as far as the logits are apart.
  value, gradients = step(jnp.full((1, 1), 100.0), jnp.full((1, 1), -100.0))
  close(value, (100 + 100) / 2)
  close(gradients[0], [[0.5]])
  close(gradients[1], [[-0.5]])
  value, gradients = step(jnp.full((1, 1), 1e4), jnp.full((1, 1), 1e4))
  assert value == 0 and not any(g.any() for g in gradients)


def test_divergence_is_symmetric_and_of_either_outcome():
  a, b = (jnp.asarray(x) for x in np.split(outputs_of(), 2))
  expected = bernoulli_kl_loss(a, b)
  close(bernoulli_kl_loss(b, a), expected)
  close(bernoulli_kl_loss(-a, -b), expected)
  assert bernoulli_kl_loss(a, a) == 0 < expected


@pytest.mark.parametrize('dtype', ['bfloat16', 'float32', 'float64'])
def test_dtype_of_losses(dtype):
  with jax.enable_x64(True):
    outputs = jax.ShapeDtypeStruct((6, 4), dtype)
    values = (
      jax.eval_shape(nt_xent_loss, outputs),
      jax.eval_shape(bernoulli_kl_loss, outputs, outputs),
    )
  for value in values:
    assert value.dtype == ('float64' if dtype == 'float64' else 'float32')
    assert value.shape == ()


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: nt_xent_loss(Z[:3]), 'an even number of outputs.*got 3'),
    (
      lambda: nt_xent_loss(Z, where=jnp.ones(4, bool)),
      r'where must be \[2\], got \[4\]',
    ),
    (lambda: nt_xent_loss(Z, temperature=0.0), 'temperature must be above 0'),
    (lambda: bernoulli_kl_loss(P1, P2[:1]), '2 logits, but 1 others'),
    (lambda: bernoulli_kl_loss(P1, P2[:, :1]), 'codes have 2 bits, others 1'),
    (
      lambda: bernoulli_kl_loss(P1, P2, where=jnp.ones(1, bool)),
      r'where must be \[2\], got \[1\]',
    ),
  ],
)
def test_bad_input(call, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    call()


def on_devices(test):
  return functools.reduce(lambda test, mark: mark(test), NEEDS, test)


ROWS = 4 * DEVICES
SOME = jnp.arange(ROWS) % 5 != 1


def of_views(w, x, y, where, **options):
  """Two views of four rows on each device, the second of other weights."""
  outputs = jnp.concatenate([x @ w, y @ w])
  return losses.nt_xent_loss(outputs, where=where, **options)


def of_pairs(w, x, y, where, **options):
  return losses.paired_cosine_loss(jnp.tanh(x @ w), y, where=where, **options)


def of_signs(w, x, y, where, **options):
  labels = jnp.round(jnp.abs(y[:, 0])).astype(jnp.int32)
  return of_structure()(jnp.tanh(x @ w), labels, where=where, **options)


LOSSES = {
  'nt_xent': of_views,
  'paired_cosine': of_pairs,
  'structure': of_signs,
}
every_loss = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES)


def inputs():
  x, y = jnp.split(jnp.asarray(outputs_of(ROWS, 5, seed=2)), 2)
  return jnp.asarray(outputs_of(3, 4)[:5]), x, y, SOME


@functools.cache
def whole(loss):
  """The value and the gradients on one device."""
  step = jax.jit(jax.value_and_grad(loss, (0, 1)))
  value, gradients = step(*inputs())
  assert value > 0.1
  assert all(jnp.abs(g).max() > 1e-3 for g in gradients)
  return value, gradients


def sharded(fn, out_specs):
  return jax.jit(
    jax.shard_map(
      fn,
      mesh=mesh_of_four(),
      in_specs=(P(), P('data'), P('data'), P('data')),
      out_specs=out_specs,
    )
  )


def all_close(actual, expected):
  jax.tree.map(lambda a, b: close(a, b, 1e-5, 1e-6), actual, expected)


@on_devices
@every_loss
def test_gradients_under_shard_map(loss):
  loss_of_all = functools.partial(loss, axis_name='data')
  outside = jax.value_and_grad(sharded(loss_of_all, P()), (0, 1))
  all_close(jax.jit(outside)(*inputs()), whole(loss))
  inside = jax.value_and_grad(loss_of_all, (0, 1))
  all_close(sharded(inside, (P(), (P(), P('data'))))(*inputs()), whole(loss))


@on_devices
@every_loss
def test_mean_of_gradients_under_pmap(loss):
  step = jax.value_and_grad(functools.partial(loss, axis_name='data'))

  @functools.partial(
    jax.pmap,
    axis_name='data',
    in_axes=(None, 0, 0, 0),
    devices=jax.devices()[:DEVICES],
  )
  def mean_of_gradients(*inputs):
    value, gradient = step(*inputs)
    return value, jax.lax.pmean(gradient, 'data')

  w, *batch = inputs()
  value, (gradient, _) = whole(loss)
  expected = jax.tree.map(lambda a: jnp.stack([a] * DEVICES), (value, gradient))
  all_close(mean_of_gradients(w, *shards(batch)), expected)


@on_devices
@every_loss
def test_sum_and_values_over_devices(loss):
  def both(*inputs):
    return tuple(
      loss(*inputs, axis_name='data', reduce_fn=fn) for fn in (jnp.sum, None)
    )

  expected = loss(*inputs(), reduce_fn=None)
  actual = sharded(both, (P(), P('data')))(*inputs())
  all_close(actual, (expected.sum(), expected))
