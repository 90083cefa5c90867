import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.codewords import adaptive_codewords, init_adaptive


@pytest.mark.parametrize('scale', [0.05, 1.0])
def test_table_is_uniform(scale):
  table = init_adaptive(jax.random.key(0), 100, 100, scale=scale)
  assert table.shape == (100, 100)
  assert table.dtype == jnp.float32
  assert abs(table).max() <= scale
  np.testing.assert_allclose(table.mean(), 0, atol=0.02 * scale)
  np.testing.assert_allclose(table.std(), scale / np.sqrt(3), rtol=0.02)


def test_table_follows_the_key():
  tables = [init_adaptive(jax.random.key(i), 3, 4) for i in (0, 0, 1)]
  np.testing.assert_array_equal(tables[0], tables[1])
  assert not jnp.array_equal(tables[0], tables[2])


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_codewords_are_the_tanh(dtype):
  table = jnp.array([[-2.0, 0.0, 0.5]], dtype)
  codewords = adaptive_codewords(table)
  assert codewords.dtype == dtype
  np.testing.assert_allclose(
    codewords.astype(jnp.float32), [[np.tanh(-2), 0, np.tanh(0.5)]], rtol=1e-2
  )


@pytest.mark.parametrize(
  ('classes', 'bits', 'scale', 'message'),
  [
    (0, 4, 0.05, 'num_classes >= 1'),
    (3, 0, 0.05, 'num_bits >= 1'),
    (3, 4, 0.0, 'scale must be above 0'),
    (3, 4, float('nan'), 'scale must be above 0'),
  ],
)
def test_bad_arguments(classes, bits, scale, message):
  with pytest.raises(ValueError, match=message):
    init_adaptive(jax.random.key(0), classes, bits, scale=scale)
