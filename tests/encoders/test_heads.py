import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import binarize
from jaxhash.encoders.base import from_linen
from jaxhash.encoders.heads import HashHead, reestimate_norm
from jaxhash.encoders.mlp import mlp


class _Identity(HashHead):
  """A head as an encoder: the features are the inputs."""

  def __call__(self, x, train):
    return x, super().__call__(x, train)


def _head(kind, width=64, features=32):
  encoder = from_linen(_Identity(width, kind))
  spec = jax.ShapeDtypeStruct((1, features), jnp.float32)
  return encoder, *encoder.init(jax.random.key(0), spec)


def test_parameters():
  _, params, state = _head('linear')
  assert set(params['dense']) == {'kernel', 'bias'}
  assert state == {}
  _, params, state = _head('bn', width=256, features=256)
  kernel = params['dense'].pop('kernel')
  assert not params['dense']
  # The standard deviation of n draws is off by about sigma / sqrt(2 n).
  assert abs(kernel.std() - 0.01) < 4 * 0.01 / np.sqrt(2 * kernel.size)
  assert set(params['norm']) == {'scale', 'bias'}
  assert set(state['batch_stats']['norm']) == {'mean', 'var'}


def test_running_statistics():
  """One step moves them by a tenth towards the (biased) batch statistics."""
  encoder, params, state = _head('bn', width=3)
  x = np.asarray(jax.random.normal(jax.random.key(1), (16, 32)))
  _, state = encoder.apply(params, state, jnp.asarray(x), train=True)
  z = x @ np.asarray(params['dense']['kernel'])
  stats = state['batch_stats']['norm']
  np.testing.assert_allclose(stats['mean'], 0.1 * z.mean(0), atol=1e-6)
  np.testing.assert_allclose(stats['var'], 0.9 + 0.1 * z.var(0), rtol=1e-5)


def _with_statistics_of(x, params, state):
  z = np.asarray(x, np.float64) @ np.asarray(params['dense']['kernel'])
  norm = {
    'mean': jnp.asarray(z.mean(0), jnp.float32),
    'var': jnp.asarray(z.var(0), jnp.float32),
  }
  return {**state, 'batch_stats': {'norm': norm}}


@pytest.mark.parametrize('constant', [0.0, 10.0])
def test_bn_balances_bits(constant):
  n = 4096
  encoder, params, state = _head('bn')
  x = jax.random.normal(jax.random.key(1), (n, 32)) + constant
  state = _with_statistics_of(x, params, state)
  logits = encoder.apply(params, state, x, train=False)[0].logits
  # One epsilon, 1e-5, against a variance of features * .01^2.
  np.testing.assert_allclose(logits.mean(0), 0, atol=1e-3)
  np.testing.assert_allclose(logits.std(0), 1, atol=0.01)
  bits = binarize.codes_from_logits(logits).astype(jnp.float32)
  assert jnp.abs(bits.mean(0)).max() < 5 / np.sqrt(n)
  # Without the normalisation the constant would decide most bits.
  raw = binarize.codes_from_logits(x @ params['dense']['kernel'])
  if constant:
    assert jnp.abs(raw.astype(jnp.float32).mean(0)).max() > 0.9


def test_bn_ignores_a_constant_added_before_it():
  """In training, with a constant far above the spread of the logits."""
  encoder, params, state = _head('bn')
  x = jax.random.normal(jax.random.key(1), (64, 32))
  expected = encoder.apply(params, state, x, train=True)[0].logits
  moved = encoder.apply(params, state, x + 100.0, train=True)[0].logits
  np.testing.assert_allclose(moved, expected, atol=2e-3)


def test_logits_are_float32():
  encoder, params, state = _head('bn')
  outputs, _ = encoder.apply(
    params, state, jnp.ones((2, 32), jnp.bfloat16), train=True
  )
  assert outputs.logits.dtype == jnp.float32


def _trained_elsewhere(rows=200):
  """An encoder with a norm, and rows that it has not seen the like of."""
  encoder = mlp(6, hidden=(5,), head='bn')
  x = 3 + 2 * jax.random.normal(jax.random.key(2), (rows, 4))
  params, state = encoder.init(jax.random.key(3), x)
  norm = {'scale': jnp.full(6, 2.0), 'bias': jnp.full(6, -0.5)}
  params = {**params, 'head': {**params['head'], 'norm': norm}}
  features = encoder.apply(params, state, x, train=False)[0].features
  return encoder, params, state, x, np.asarray(features)


def test_fitted_norm_centres_the_logits_of_the_new_rows():
  encoder, params, state, x, features = _trained_elsewhere()
  before = encoder.apply(params, state, x, train=False)[0].logits
  fitted = reestimate_norm(params, state, [features])
  after = encoder.apply(*fitted, x, train=False)[0].logits
  assert abs(before.mean(axis=0)).max() > 0.4
  np.testing.assert_allclose(after.mean(axis=0), 0, atol=1e-4)
  raw = features.astype(np.float64) @ np.asarray(
    params['head']['dense']['kernel'], np.float64
  )
  np.testing.assert_allclose(
    after,
    (raw - raw.mean(0)) / np.sqrt(raw.var(0) + 1e-5),
    rtol=1e-3,
    atol=1e-4,
  )
  # A constant added to all raw logits changes nothing: bits stay balanced.
  codes = np.asarray(binarize.codes_from_logits(after))
  assert abs(codes.mean(axis=0)).max() < 0.35
  np.testing.assert_array_equal(params['head']['norm']['scale'], 2.0)  # input


def test_fitted_norm_of_blocks_is_that_of_all_rows():
  _, params, state, _, features = _trained_elsewhere()
  whole = reestimate_norm(params, state, [features])
  blocks = [features[:0], *np.split(features, [1, 17, 130]), features[:0]]
  parts = reestimate_norm(params, state, iter(blocks))
  chex.assert_trees_all_close(whole, parts, rtol=1e-5, atol=1e-7)


def test_options_of_the_fitted_norm():
  _, params, state, _, features = _trained_elsewhere()
  kept, statistics = reestimate_norm(
    params, state, [features], variance=False, reset_affine=False
  )
  np.testing.assert_array_equal(kept['head']['norm']['scale'], 2.0)
  before, after = (
    s['batch_stats']['head']['norm'] for s in (state, statistics)
  )
  np.testing.assert_array_equal(before['var'], after['var'])
  assert not np.allclose(before['mean'], after['mean'])


@pytest.mark.parametrize(
  ('features', 'message'),
  [
    ([], 'at least 2 rows, got 0'),
    ([np.ones((1, 5))], 'at least 2 rows, got 1'),
    ([np.ones((3, 4))], r'features must be \[rows, 5\], got \[3, 4\]'),
    ([np.full((3, 5), np.nan)], 'not finite'),
  ],
)
def test_rows_that_no_norm_can_be_fitted_to(features, message):
  _, params, state, _, _ = _trained_elsewhere()
  with pytest.raises(ValueError, match=message):
    reestimate_norm(params, state, features)
  with pytest.raises(ValueError, match=r"needs head='bn', its head has dense"):
    reestimate_norm({'head': {'dense': {}}}, {}, features)
