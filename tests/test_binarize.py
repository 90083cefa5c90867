import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.binarize import (
  codes_from_logits,
  continuation_schedule,
  pack,
  straight_through,
  unpack,
)


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
