"""What every encoder promises, and what each refuses."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import lookup
from jaxhash.encoders import base
from jaxhash.encoders._residual import ResNet
from jaxhash.encoders.cnn import cnn
from jaxhash.encoders.mlp import mlp
from jaxhash.encoders.resnet import resnet18

KEY = jax.random.key(0)
WIDTH = 6


def _resnet(width, *, bottleneck, head='linear', dtype='float32'):
  """Two blocks: the whole networks take long to compile."""
  return base.from_linen(
    ResNet(width, (1, 1), bottleneck, head, 'small', 4, jnp.dtype(dtype))
  )


# Every family, with each head and with and without a state.
ENCODERS = {
  'mlp': (partial(mlp, hidden=(16, 8)), (12,)),
  'mlp_bn': (partial(mlp, hidden=(16, 8), head='bn', dropout=0.5), (12,)),
  'cnn': (partial(cnn, channels=(4, 8), hidden=8, dropout=0.5), (8, 8, 1)),
  'cnn_plain': (partial(cnn, channels=(4,), batch_norm=False), (7, 5, 3)),
  'resnet': (partial(_resnet, bottleneck=False), (8, 8, 3)),
  'bottleneck': (partial(_resnet, bottleneck=True, head='bn'), (8, 8, 3)),
}


def _inputs(shape, batch=8, seed=1):
  return jax.random.normal(jax.random.key(seed), (batch, *shape))


@functools.cache
def _initialized(name):
  factory, shape = ENCODERS[name]
  return factory(WIDTH).init(KEY, _inputs(shape))


@functools.cache
def _build(name, *, dtype):
  factory, shape = ENCODERS[name]
  encoder = factory(WIDTH, dtype=dtype)
  train = jax.jit(partial(encoder.apply, train=True))
  # The dtype is that of the arithmetic, parameters are the same.
  return encoder, train, _inputs(shape), *_initialized(name)


def _close(a, b, rtol=1e-5, atol=1e-5):
  jax.tree.map(partial(np.testing.assert_allclose, rtol=rtol, atol=atol), a, b)


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_shapes_and_dtypes(name, dtype):
  _, train, inputs, params, state = _build(name, dtype=dtype)
  outputs, new_state = train(params, state, inputs, key=KEY)
  assert outputs.logits.shape == (8, WIDTH)
  assert outputs.features.ndim == 2
  for leaf in jax.tree.leaves((outputs, params, state, new_state)):
    assert leaf.dtype == jnp.float32
    assert jnp.isfinite(leaf).all()


@pytest.mark.parametrize('name', ENCODERS)
def test_bfloat16_is_the_dtype_of_the_products(name):
  products = {}
  for dtype in ('float32', 'bfloat16'):
    encoder, _, inputs, params, state = _build(name, dtype=dtype)
    apply = partial(encoder.apply, train=False)
    text = str(jax.make_jaxpr(apply)(params, state, inputs))
    products[dtype] = [
      line
      for line in text.splitlines()
      if ('dot_general' in line or 'conv_general' in line) and 'bf16' in line
    ]
  assert products['bfloat16']
  assert not products['float32']


@pytest.mark.parametrize(
  ('stem', 'size', 'sizes'),
  [('small', 32, [32, 16, 8, 4]), ('imagenet', 224, [56, 28, 14, 7])],
)
def test_stems_keep_or_reduce_the_resolution(stem, size, sizes):
  encoder = resnet18(WIDTH, stem=stem, width_multiplier=0.05)
  inputs = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  params, state = jax.eval_shape(encoder.init, KEY, inputs)
  jaxpr = jax.make_jaxpr(partial(encoder.apply, train=False))(
    params, state, inputs
  )
  found = []
  for equation in jaxpr.eqns:
    if equation.primitive.name == 'conv_general_dilated':
      side = equation.outvars[0].aval.shape[1]
      if not found or found[-1] != side:
        found.append(side)
  first = [112] if stem == 'imagenet' else []
  assert found == first + sizes


@pytest.mark.parametrize('name', ENCODERS)
def test_init_from_a_shape_gives_plain_dicts(name):
  encoder, _, inputs, params, state = _build(name, dtype='float32')
  spec = jax.ShapeDtypeStruct(inputs.shape, inputs.dtype)
  _close((params, state), encoder.init(KEY, spec), rtol=0, atol=0)
  shapes = jax.eval_shape(encoder.init, KEY, spec)
  assert jax.tree.structure(shapes) == jax.tree.structure((params, state))
  tree = [params, state]
  for node in tree:
    assert type(node) is dict
    tree += [child for child in node.values() if not hasattr(child, 'dtype')]


@pytest.mark.parametrize('name', ENCODERS)
def test_evaluation_keeps_the_state_and_rows_apart(name):
  encoder, train, inputs, params, state = _build(name, dtype='float32')
  # Running statistics other than the initial ones.
  _, state = train(params, state, inputs, key=KEY)
  outputs, after = encoder.apply(params, state, inputs, train=False)
  assert after is state
  evaluate = jax.jit(lambda x: encoder.apply(params, state, x, train=False)[0])
  alone = evaluate(inputs[:1])
  others = evaluate(inputs.at[1:].multiply(-5.0))
  first = jax.tree.map(lambda x: x[:1], outputs)
  _close(first, alone)
  _close(first, jax.tree.map(lambda x: x[:1], others))


@pytest.mark.parametrize('name', ENCODERS)
def test_training_moves_the_running_statistics(name):
  _, train, inputs, params, state = _build(name, dtype='float32')
  _, after = train(params, state, inputs, key=KEY)
  assert jax.tree.structure(after) == jax.tree.structure(state)
  if name in ('mlp', 'cnn_plain'):
    assert state == {}
  else:
    changed = jax.tree.map(lambda a, b: not jnp.array_equal(a, b), state, after)
    assert all(jax.tree.leaves(changed))


def test_dropout_is_the_key_and_training_only():
  encoder = mlp(WIDTH, hidden=(64,), dropout=0.5)
  inputs = _inputs((12,))
  params, state = encoder.init(KEY, inputs)
  apply = partial(encoder.apply, params, state, inputs)
  a, b, c = (
    apply(train=True, key=jax.random.key(k))[0].features for k in (1, 1, 2)
  )
  assert jnp.array_equal(a, b)
  assert not jnp.array_equal(a, c)
  kept = apply(train=False)[0].features
  assert jnp.array_equal(a[a != 0], 2 * kept[a != 0])
  assert jnp.array_equal(apply(train=False, key=KEY)[0].features, kept)
  with pytest.raises(ValueError, match='needs a key'):
    apply(train=True)


@pytest.mark.parametrize('name', ['mlp_bn', 'cnn', 'resnet'])
def test_stacked_parameters_train_as_each_alone(name):
  """Several runs at once: vmap over parameters, state and key."""
  factory, shape = ENCODERS[name]
  encoder, inputs = factory(WIDTH), _inputs(shape)
  keys = jax.random.split(KEY, 2)

  def grad(params, state, key):
    def loss(params):
      outputs, new_state = encoder.apply(
        params, state, inputs, train=True, key=key
      )
      return jnp.mean(jnp.cos(outputs.logits)), new_state

    return jax.grad(loss, has_aux=True)(params)

  variables = jax.tree.map(
    lambda x: jnp.stack([x, 0.5 * x]), _initialized(name)
  )
  stacked = jax.jit(jax.vmap(grad))(*variables, keys)
  assert any(jnp.any(leaf != 0) for leaf in jax.tree.leaves(stacked[0]))
  # Batch normalisation of few rows magnifies the rounding of the order of sums.
  _close(
    jax.tree.map(lambda x: x[1], stacked),
    jax.jit(grad)(*jax.tree.map(lambda x: x[1], variables), keys[1]),
    rtol=1e-3,
    atol=1e-4,
  )


@pytest.mark.parametrize('name', ['mlp_bn', 'cnn', 'resnet'])
def test_mesh_equals_one_device(name):
  """Sharded rows see the statistics of the global batch."""
  _, train, _, params, state = _build(name, dtype='float32')
  # Rows of different scales: statistics of a shard would be far off.
  inputs = _inputs(ENCODERS[name][1], batch=16)
  scale = jnp.arange(1.0, 17.0).reshape(16, *[1] * (inputs.ndim - 1))
  inputs = inputs * scale
  expected = train(params, state, inputs, key=KEY)
  mesh = jax.make_mesh(
    (4,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  rows = jax.NamedSharding(mesh, jax.P('data'))
  everywhere = jax.NamedSharding(mesh, jax.P())
  sharded = train(
    *jax.device_put((params, state), everywhere),
    jax.device_put(inputs, rows),
    key=jax.device_put(KEY, everywhere),
  )
  _close(sharded, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
  'name', ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152']
)
def test_found_by_name(name):
  encoder = lookup.build(
    {'name': name, 'width_multiplier': 0.5},
    WIDTH,
    package='jaxhash.encoders',
    kind='encoder',
  )
  spec = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
  params, _ = jax.eval_shape(encoder.init, KEY, spec)
  features = 256 if name in ('resnet18', 'resnet34') else 1024
  assert params['head']['dense']['kernel'].shape == (features, WIDTH)


@pytest.mark.parametrize(
  ('build', 'message'),
  [
    (lambda: mlp(4, head='cubic'), "unknown head 'cubic'; known: linear, bn"),
    (lambda: cnn(4, dtype='int8'), "'int8'; known: float32, bfloat16"),
    (lambda: resnet18(4, stem='big'), "'big'; known: small, imagenet"),
    (lambda: resnet18(0), 'width must be positive and finite, got 0'),
    (lambda: resnet18(4, width_multiplier=-1.0), 'width_multiplier .* -1'),
    (lambda: mlp(4, hidden=(8, 0)), 'hidden size 0 must be positive'),
    (lambda: cnn(4, dropout=1.0), r'dropout must be in \[0, 1\), got 1'),
  ],
)
def test_refuses_arguments(build, message):
  with pytest.raises(ValueError, match=message):
    build()


@pytest.mark.parametrize(
  ('encoder', 'shape', 'message'),
  [
    (mlp(4), (8, 8, 3), r'mlp takes .*\[batch, features\], got .*8, 8, 3\]'),
    (cnn(4), (64,), r'cnn takes images \[batch, height.* got .*\[batch, 64\]'),
    (resnet18(4), (64,), r'resnet takes images .*\[batch, 64\]'),
    (
      resnet18(4, stem='imagenet'),
      (28, 31, 3),
      r"imagenet stem .* at least 32 x 32 .* got 28 x 31.*stem='small'",
    ),
  ],
)
def test_init_refuses_inputs(encoder, shape, message):
  with pytest.raises(ValueError, match=message):
    encoder.init(KEY, jax.ShapeDtypeStruct((2, *shape), jnp.float32))


def test_init_of_several_seeds_at_once():
  encoder, inputs = mlp(WIDTH), _inputs((12,))
  keys = jax.random.split(KEY, 2)
  params, _ = jax.vmap(encoder.init, in_axes=(0, None))(keys, inputs)
  for i in range(2):
    _close(
      jax.tree.map(lambda x, i=i: x[i], params),
      encoder.init(keys[i], inputs)[0],
    )
