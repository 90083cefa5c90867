import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.encoders import resnet
from jaxhash.encoders.base import from_linen


def _shapes(factory, **kwargs):
  encoder = factory(10, **kwargs)
  inputs = jax.ShapeDtypeStruct((2, 224, 224, 3), jnp.float32)
  params, state = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
  outputs, _ = jax.eval_shape(
    lambda *args: encoder.apply(*args, train=False), params, state, inputs
  )
  return params, state, outputs


def _count(tree):
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


# torchvision's counts, less the classifier of 1,000 classes.
@pytest.mark.parametrize(
  ('factory', 'features', 'parameters'),
  [
    (resnet.resnet18, 512, 11_689_512 - 513 * 1000),
    (resnet.resnet34, 512, 21_797_672 - 513 * 1000),
    (resnet.resnet50, 2048, 25_557_032 - 2049 * 1000),
    (resnet.resnet101, 2048, 44_549_160 - 2049 * 1000),
    (resnet.resnet152, 2048, 60_192_808 - 2049 * 1000),
  ],
)
def test_parameter_count_of_torchvision(factory, features, parameters):
  params, state, outputs = _shapes(factory, stem='imagenet')
  head = params.pop('head')
  assert _count(params) == parameters
  assert _count(head) == (features + 1) * 10
  assert outputs.features.shape == (2, features)
  # A scale and a bias, a mean and a variance for each channel.
  norms = sum(leaf.size for leaf in jax.tree.leaves(params) if leaf.ndim == 1)
  assert _count(state) == norms


def test_small_stem_differs_in_the_first_kernel_alone():
  imagenet, _, _ = _shapes(resnet.resnet18, stem='imagenet')
  small, _, _ = _shapes(resnet.resnet18, stem='small')
  assert _count(imagenet) - _count(small) == (7 * 7 - 3 * 3) * 3 * 64


def _small(depths, stem='small', size=8):
  encoder = from_linen(
    resnet.ResNet(4, depths, False, 'linear', stem, 4, jnp.float32)
  )
  inputs = jax.random.normal(jax.random.key(0), (2, size, size, 3))
  params, state = encoder.init(jax.random.key(1), inputs)
  evaluate = jax.jit(lambda p: encoder.apply(p, state, inputs, train=False)[0])
  return params, evaluate


def test_blocks_start_as_the_identity():
  """With the last scale zero, a block without a shortcut layer passes x on."""
  params, evaluate = _small((2,))
  before = evaluate(params)
  for conv in ('Conv_0', 'Conv_1'):
    kernel = params['_Block_1'][conv]['kernel']
    params['_Block_1'][conv]['kernel'] = 3.0 * kernel
  np.testing.assert_array_equal(before.features, evaluate(params).features)
  params['_Block_1']['BatchNorm_1']['scale'] += 1.0
  assert not jnp.array_equal(before.features, evaluate(params).features)


def test_logits_are_the_head_of_the_features():
  params, evaluate = _small((1,))
  outputs = jax.tree.map(np.asarray, evaluate(params))
  dense = jax.tree.map(np.asarray, params['head']['dense'])
  np.testing.assert_allclose(
    outputs.logits,
    outputs.features @ dense['kernel'] + dense['bias'],
    rtol=1e-5,
    atol=1e-6,
  )
  assert (outputs.features >= 0).all()


def test_imagenet_stem_sees_the_smallest_image():
  params, evaluate = _small((1, 1, 1, 1), 'imagenet', 32)
  logits = evaluate(params).logits
  assert jnp.isfinite(logits).all()
  assert not jnp.array_equal(logits[0], logits[1])
