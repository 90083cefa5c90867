"""What every shallow method must do."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.shallow import itq, ksh, lsh, opq, pcah, pq, sdh, sh

METHODS = {
  'lsh': lsh,
  'itq': itq,
  'pcah': pcah,
  'sh': sh,
  'pq': pq,
  'opq': opq,
  'ksh': ksh,
  'sdh': sdh,
}
QUANTIZERS = ('pq', 'opq')
SUPERVISED = ('ksh', 'sdh')
N, D, BITS = 300, 8, 8
LABELS = jnp.arange(N, dtype=jnp.int32) % 3


def fit(name, features, key=0, num_bits=BITS, **kwargs):
  if name in QUANTIZERS:
    kwargs = {'bits_per_codebook': 4} | kwargs
  if name in SUPERVISED:
    kwargs = {'labels': LABELS, 'num_anchors': 40} | kwargs
  if isinstance(key, int):
    key = jax.random.key(key)
  return METHODS[name].fit(features, key, num_bits=num_bits, **kwargs)


def codes_of(name, features, **kwargs):
  return np.asarray(
    METHODS[name].encode(fit(name, features, **kwargs), features)
  )


@functools.cache
def features():
  """Three loose clusters; values that float32 has exactly, far out too."""
  centers = 2 * jax.random.normal(jax.random.key(0), (3, D))
  scale = jnp.linspace(1.5, 0.5, D)[None]
  noise = scale * jax.random.normal(jax.random.key(1), (N, D))
  return jnp.round(64 * (centers[LABELS] + noise)) / 64


def agreement(a, b):
  return np.mean(a == b)


every = pytest.mark.parametrize('name', METHODS)


@every
def test_codes(name):
  model = fit(name, features())
  codes = METHODS[name].encode(model, features())
  if name in QUANTIZERS:
    assert codes.shape == (N, 2)
    assert codes.dtype == jnp.uint8
    assert codes.max() == 15
  else:
    assert codes.shape == (N, BITS)
    assert codes.dtype == jnp.int8
    assert set(np.unique(codes)) == {-1, 1}
  # One at a time or all at once.
  for row in (0, 7):
    alone = METHODS[name].encode(model, features()[row : row + 1])
    np.testing.assert_array_equal(alone[0], codes[row])


@every
def test_shapes_without_values(name):
  found = jax.eval_shape(
    functools.partial(fit, name),
    jax.ShapeDtypeStruct((N, D), jnp.float32),
    jax.random.key(0),
  )
  wanted = fit(name, features())
  assert jax.tree.map(lambda x: (x.shape, x.dtype), found) == jax.tree.map(
    lambda x: (x.shape, x.dtype), wanted
  )


@pytest.mark.parametrize('name', SUPERVISED)
@pytest.mark.parametrize('classes', [None, 5])
def test_shapes_without_labels(name, classes):
  shape = (N,) if classes is None else (N, classes)
  found = jax.eval_shape(
    lambda x, key, labels: fit(name, x, key, labels=labels),
    jax.ShapeDtypeStruct((N, D), jnp.float32),
    jax.random.key(0),
    jax.ShapeDtypeStruct(shape, jnp.int32),
  )
  assert found.projection.shape == (40, BITS)


@every
def test_jit_gives_what_calls_give(name):
  plain = fit(name, features())
  jitted = jax.jit(functools.partial(fit, name))(features(), jax.random.key(0))
  codes = [METHODS[name].encode(model, features()) for model in (plain, jitted)]
  assert agreement(*codes) > 0.99


@every
def test_key_alone_decides(name):
  a, b, c = (fit(name, features(), key=k) for k in (1, 1, 2))
  assert all(map(np.array_equal, a, b))
  assert all(map(np.array_equal, a, c)) == (name in ('pcah', 'sh'))


@every
def test_a_constant_added_to_the_features_changes_only_rounding(name):
  near, far = (codes_of(name, features() + shift) for shift in (0.0, 1e4))
  assert agreement(near, far) > 0.99


@every
@pytest.mark.parametrize('dtype', [jnp.float16, jnp.bfloat16])
def test_half_precision_features(name, dtype):
  rounded = features().astype(dtype)
  exact = rounded.astype(jnp.float32)
  np.testing.assert_array_equal(codes_of(name, rounded), codes_of(name, exact))


@every
def test_a_memory_map_gives_what_an_array_gives(name, tmp_path):
  np.save(tmp_path / 'x.npy', np.asarray(features()))
  mapped = np.load(tmp_path / 'x.npy', mmap_mode='r')
  np.testing.assert_array_equal(
    codes_of(name, mapped), codes_of(name, features())
  )


@every
def test_refuses_features(name):
  with pytest.raises(ValueError, match='not finite'):
    fit(name, features().at[3, 1].set(jnp.nan))
  with pytest.raises(ValueError, match=r'\(0, 8\)'):
    fit(name, features()[:0])
  with pytest.raises(ValueError, match=r'num_bits.*0'):
    fit(name, features(), num_bits=0)
  model = fit(name, features())
  with pytest.raises(ValueError, match='length 8, got 7'):
    METHODS[name].encode(model, features()[:, :7])


@pytest.mark.parametrize('name', ['itq', 'pcah'])
def test_refuses_more_bits_than_components(name):
  with pytest.raises(ValueError, match=r'num_bits=9 .* length 8'):
    fit(name, features(), num_bits=9)
