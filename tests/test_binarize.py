import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.binarize import (
  codes_from_logits,
  continuation_schedule,
  half_sign,
  pack,
  pack_ids,
  straight_through,
  unpack,
  unpack_ids,
)
from tests.oracles import unsupervised as oracle

HALF_LOGITS = jnp.array([[0.3, -1], [0.9, -0.2], [0.1, 0.5], [-0.4, 0.6]])
HALF_CODES = jnp.array([[1.0, -1], [1, -1], [-1, 1], [-1, 1]])


def pulled(logits, weights, **options):
  """The gradient of a weighted sum of the codes of the halves."""
  return jax.grad(lambda x: (weights * half_sign(x, **options)).sum())(logits)


def test_codes_are_never_zero():
  logits = jnp.array([-jnp.inf, -1e-30, -0.0, 0.0, 1e-30, jnp.inf, jnp.nan])
  codes = codes_from_logits(logits)
  assert codes.dtype == np.int8
  assert codes.tolist() == [-1, -1, 1, 1, 1, 1, -1]


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16', 'float16'])
def test_straight_through(dtype):
  logits = jnp.array([[0.3, -2.0, 0.0]], dtype)
  weights = jnp.array([[1.0, 2.0, 3.0]], dtype)
  codes = straight_through(logits)
  assert codes.dtype == logits.dtype
  np.testing.assert_allclose(codes.astype(jnp.float32), [[1, -1, 1]], atol=1e-2)
  gradient = jax.grad(lambda x: (weights * straight_through(x)).sum())(logits)
  np.testing.assert_array_equal(gradient, weights)


def test_known_values_of_the_half_sign():
  np.testing.assert_array_equal(half_sign(HALF_LOGITS), HALF_CODES)
  added = [[-0.525, 0], [-0.075, 0.6], [0.825, -0.375], [0.45, -0.3]]
  np.testing.assert_allclose(
    pulled(HALF_LOGITS, jnp.zeros((4, 2))), added, rtol=1e-6
  )


@pytest.mark.parametrize('rows', [1, 2, 5, 8])
@pytest.mark.parametrize('step', [jax.jit, lambda fn: fn])
def test_half_sign_is_that_of_a_loop(rows, step):
  rng = np.random.default_rng(rows)
  logits = rng.normal(size=(rows, 6)).astype(np.float32)
  codes = step(half_sign)(jnp.asarray(logits))
  np.testing.assert_array_equal(codes, oracle.half_sign(logits))
  # Of an odd number the middle row is -1.
  np.testing.assert_array_equal(codes.sum(axis=0), np.full(6, -(rows % 2)))


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16', 'float16'])
def test_half_sign_of_equal_logits_is_that_of_the_first(dtype):
  rng = np.random.default_rng(0)
  ties = rng.integers(-1, 2, (9, 20))
  codes = half_sign(jnp.asarray(ties, dtype))
  assert codes.dtype == dtype
  np.testing.assert_array_equal(codes, oracle.half_sign(ties))
  same = half_sign(jnp.zeros((4, 1), dtype))
  np.testing.assert_array_equal(same, [[1], [1], [-1], [-1]])
  signed = half_sign(jnp.array([[-0.0], [0.0], [-0.0], [0.0]], dtype))
  np.testing.assert_array_equal(signed, [[1], [1], [-1], [-1]])


@pytest.mark.parametrize('gamma', [0.0, 1.0, 6.0])
def test_gradient_of_the_half_sign(gamma):
  weights = jnp.arange(8.0).reshape(4, 2)
  expected = weights + gamma * (HALF_LOGITS - HALF_CODES) / HALF_LOGITS.size
  for gradient in (
    pulled(HALF_LOGITS, weights, gamma=gamma),
    jax.jit(functools.partial(pulled, gamma=gamma))(HALF_LOGITS, weights),
  ):
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_what_the_half_sign_adds_is_not_scaled_by_the_loss():
  weights = jnp.arange(8.0).reshape(4, 2)
  once, twice = (pulled(HALF_LOGITS, k * weights) for k in (1, 2))
  np.testing.assert_allclose(twice - once, weights, atol=1e-6)


def test_half_sign_in_bfloat16():
  rng = np.random.default_rng(0)
  logits = jnp.asarray(rng.normal(size=(64, 12)), jnp.bfloat16)
  weights = jnp.asarray(rng.normal(size=(64, 12)), jnp.bfloat16)
  gradient = pulled(logits, weights)
  exact = pulled(logits.astype(jnp.float32), weights.astype(jnp.float32))
  assert gradient.dtype == jnp.bfloat16
  np.testing.assert_allclose(gradient.astype(jnp.float32), exact, rtol=4e-3)


def test_vmap_of_the_half_sign_is_a_loop():
  rng = np.random.default_rng(0)
  logits = jnp.asarray(rng.normal(size=(3, 4, 5)), jnp.float32)
  weights = jnp.asarray(rng.normal(size=(3, 4, 5)), jnp.float32)
  for fn, inputs in ((half_sign, [logits]), (pulled, [logits, weights])):
    expected = jnp.stack([fn(*(a[i] for a in inputs)) for i in range(3)])
    np.testing.assert_allclose(jax.vmap(fn)(*inputs), expected, rtol=1e-6)


def test_half_sign_draws_logits_to_their_codes():
  # Nothing else has a gradient here.
  logits = HALF_LOGITS
  for _ in range(50):
    logits -= 0.5 * pulled(logits, jnp.zeros((4, 2)))
  np.testing.assert_allclose(logits, HALF_CODES, atol=1e-3)


def test_half_sign_refuses():
  with pytest.raises(ValueError, match='gamma must be at least 0'):
    half_sign(HALF_LOGITS, gamma=-1.0)


@pytest.mark.parametrize('bits', [1, 7, 8, 9, 32, 40])
@pytest.mark.parametrize('batch', [(), (5,), (2, 3)])
def test_pack_is_packbits_and_unpack_its_inverse(bits, batch):
  rng = np.random.default_rng(0)
  codes = rng.choice(np.array([-1, 1], np.int8), (*batch, bits))
  packed = pack(jnp.asarray(codes))
  assert packed.dtype == np.uint8
  np.testing.assert_array_equal(packed, np.packbits(codes > 0, axis=-1))
  np.testing.assert_array_equal(unpack(packed, bits), codes)


def test_wrong_number_of_bytes():
  with pytest.raises(ValueError, match='9 bits are 2 bytes a row, got 1'):
    unpack(jnp.zeros((3, 1), jnp.uint8), 9)


def test_continuation_is_a_schedule_in_steps():
  beta = continuation_schedule(rate=0.1, power=0.5, every=3)
  expected = [(1 + 0.1 * (t // 3 * 3)) ** 0.5 for t in range(10)]
  got = jax.jit(jax.vmap(beta))(jnp.arange(10))
  np.testing.assert_allclose(got, expected, rtol=1e-6)
  assert got.dtype == jnp.float32
  np.testing.assert_array_equal(continuation_schedule(rate=0.0)(10**6), 1.0)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'rate': -1.0}, 'rate must be at least 0'),
    ({'power': float('nan')}, 'power must be at least 0'),
    ({'every': 0}, 'every must be an int of at least 1'),
  ],
)
def test_continuation_refuses(options, message):
  with pytest.raises(ValueError, match=message):
    continuation_schedule(**options)


@pytest.mark.parametrize('bits', range(1, 9))
@pytest.mark.parametrize('num_subspaces', [1, 3, 8])
def test_packed_ids_have_the_nominal_size(bits, num_subspaces):
  rng = np.random.default_rng(bits)
  ids = rng.integers(0, 2**bits, (5, num_subspaces), np.uint8)
  packed = pack_ids(jnp.asarray(ids), bits)
  assert packed.shape == (5, -(-num_subspaces * bits // 8))
  assert packed.dtype == jnp.uint8
  number = int(''.join(f'{i:0{bits}b}' for i in ids[0]).ljust(24 * 8, '0'), 2)
  expected = number.to_bytes(24)[: packed.shape[1]]
  assert bytes(np.asarray(packed[0])) == expected
  again = jax.jit(
    functools.partial(
      unpack_ids,
      num_subspaces=num_subspaces,
      bits_per_codebook=bits,
    )
  )(packed)
  np.testing.assert_array_equal(again, ids)
  if bits == 8:
    np.testing.assert_array_equal(packed, ids)


def test_ids_that_cannot_be_packed():
  ids = jnp.zeros((2, 3), jnp.uint8)
  for bits, message in ((0, 'must be an int of at least 1'), (9, 'at most 8')):
    with pytest.raises(ValueError, match=message):
      pack_ids(ids, bits)
  with pytest.raises(ValueError, match='12 bits are 2 bytes a row, got 3'):
    unpack_ids(ids, 3, 4)
