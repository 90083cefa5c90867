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


def test_a_crop_is_a_window_of_the_image_with_zeros_around():
  x, pad = np.asarray(images(20, 5, 2)), 2
  padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
  out = pad_crop_flip(
    jnp.asarray(x), jax.random.key(1), pad=pad, flip=True, pad_mode='zeros'
  )
  for got, source in zip(np.asarray(out), padded):
    windows = [source[i : i + 5, j : j + 5] for i in range(5) for j in range(5)]
    windows += [window[:, ::-1] for window in windows]
    assert sum(np.array_equal(got, window) for window in windows) == 1


def test_uint8_images_stay_uint8():
  x = jnp.arange(75, dtype=jnp.uint8).reshape(1, 5, 5, 3)
  for pad_mode in ('reflect', 'zeros'):
    out = pad_crop_flip(
      x, jax.random.key(0), pad=1, flip=True, pad_mode=pad_mode
    )
    assert out.dtype == jnp.uint8


def test_about_half_are_mirrored():
  x = images(400, 4, 1)
  out = pad_crop_flip(x, jax.random.key(1), pad=0, flip=True)
  same = np.asarray((out == x).all((1, 2, 3)))
  mirrored = np.asarray((out == x[:, :, ::-1]).all((1, 2, 3)))
  assert (same ^ mirrored).all()
  assert abs(mirrored.mean() - 0.5) < 4 * 0.5 / np.sqrt(400)


def test_color_keeps_the_shape_of_the_light():
  x = images()
  off = {'brightness': 0.0, 'contrast': 0.0, 'saturation': 0.0}
  key = jax.random.key(1)
  np.testing.assert_allclose(color_jitter(x, key, **off), x, atol=1e-6)
  brighter = np.asarray(color_jitter(x, key, **{**off, 'brightness': 0.3}) - x)
  offsets = brighter.mean((1, 2, 3))
  np.testing.assert_allclose(
    brighter, np.broadcast_to(offsets[:, None, None, None], x.shape), atol=1e-5
  )
  assert np.abs(offsets).max() <= 0.3 and len(np.unique(offsets)) == len(x)
  contrast = color_jitter(x, key, **{**off, 'contrast': 0.3})
  ratios = contrast.std((1, 2, 3)) / x.std((1, 2, 3))
  assert 0.7 <= ratios.min() < ratios.max() <= 1.3
  grey = color_jitter(x, key, **{**off, 'saturation': 0.3})
  np.testing.assert_allclose(grey.mean(3), x.mean(3), atol=1e-6)
  assert not np.allclose(grey, x)


def test_noise_has_its_standard_deviation():
  x = jnp.zeros((100, 100))
  out = augment(x, jax.random.key(0), noise=0.5)
  assert float(out.std()) == pytest.approx(0.5, rel=0.03)


def test_dropout_keeps_the_mean():
  out = augment(jnp.ones((100, 100)), jax.random.key(0), dropout=0.25)
  kept = np.asarray(out != 0)
  np.testing.assert_allclose(np.asarray(out)[kept], 1 / (1 - 0.25), rtol=1e-6)
  # Four standard deviations of a mean of 10,000 coins.
  assert abs(kept.mean() - 0.75) < 4 * np.sqrt(0.25 * 0.75 / 10000)


def test_a_key_decides_and_jit_and_vmap_agree():
  x, options = (
    images(),
    {
      'pad': 1,
      'flip': True,
      'color': 0.1,
      'noise': 0.1,
      'dropout': 0.1,
    },
  )
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
  for wrong in ({'color': 1.5}, {'dropout': 1.0}):
    with pytest.raises(ValueError, match='color at most 1 and dropout less'):
      augment(images(), jax.random.key(0), **wrong)
  with pytest.raises(ValueError, match="'wrap'; known: reflect, zeros"):
    augment(images(), jax.random.key(0), pad=1, pad_mode='wrap')
  with pytest.raises(ValueError, match='less than the image of 8 x 8, got 8'):
    augment(images(), jax.random.key(0), pad=8)
