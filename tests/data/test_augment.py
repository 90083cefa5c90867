import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.data.augment import augment, color_jitter, pad_crop_flip


def images(count=6, size=8, channels=3):
  return jax.random.normal(jax.random.key(0), (count, size, size, channels))


def test_nothing_asked_for_changes_nothing():
  x = images()
  assert augment(x, jax.random.key(1)) is x


def test_a_crop_is_a_window_of_the_reflected_image():
  x, pad = np.asarray(images(20, 5, 1)), 2
  out = pad_crop_flip(jnp.asarray(x), jax.random.key(1), pad=pad, flip=False)
  out = np.asarray(out)
  padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode='reflect')
  shifts = set()
  for got, source in zip(out, padded):
    found = [
      (i, j)
      for i in range(2 * pad + 1)
      for j in range(2 * pad + 1)
      if np.array_equal(got, source[i : i + 5, j : j + 5])
    ]
    assert len(found) == 1
    shifts.add(found[0])
  assert len(shifts) > 5  # each image has its own


def test_about_half_are_mirrored():
  x = images(400, 4, 1)
  out = pad_crop_flip(x, jax.random.key(1), pad=0, flip=True)
  same = np.asarray((out == x).all((1, 2, 3)))
  mirrored = np.asarray((out == x[:, :, ::-1]).all((1, 2, 3)))
  assert (same ^ mirrored).all()
  assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(400)


def test_color_keeps_the_shape_of_the_light():
  x = images()
  out = color_jitter(x, jax.random.key(1), strength=0.3)
  assert out.shape == x.shape
  assert not np.allclose(out[0] - x[0], out[1] - x[1])
  np.testing.assert_allclose(
    color_jitter(x, jax.random.key(1), strength=0.0), x, atol=1e-6
  )


def test_noise_has_its_standard_deviation():
  x = jnp.zeros((100, 100))
  out = augment(x, jax.random.key(0), noise=0.5)
  assert float(out.std()) == pytest.approx(0.5, rel=0.03)


def test_a_key_decides_and_jit_and_vmap_agree():
  x, options = images(), {'pad': 1, 'flip': True, 'color': 0.1, 'noise': 0.1}
  keys = jax.random.split(jax.random.key(0), 3)
  one = jnp.stack([augment(x, k, **options) for k in keys])
  many = jax.jit(jax.vmap(lambda k: augment(x, k, **options)))(keys)
  np.testing.assert_allclose(one, many, rtol=1e-5, atol=1e-6)
  np.testing.assert_array_equal(one[0], augment(x, keys[0], **options))
  assert not np.allclose(one[0], one[1])


def test_refuses():
  with pytest.raises(ValueError, match=r'are for images.*\(4, 3\)'):
    augment(jnp.ones((4, 3)), jax.random.key(0), pad=1)
  with pytest.raises(ValueError, match='not be negative'):
    augment(images(), jax.random.key(0), noise=-1.0)
  with pytest.raises(ValueError, match='less than the image of 8 x 8, got 8'):
    augment(images(), jax.random.key(0), pad=8)
