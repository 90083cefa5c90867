import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxhash import methods
from jaxhash.core import Info, Outputs
from jaxhash.methods.adalabelhash import adalabelhash
from tests.oracles import adalabelhash as oracle

CLASSES, BITS, ROWS = 5, 8, 6
KEY = jax.random.key(0)
STEP = jnp.int32(3)


def make_problem(method, rows=ROWS):
  logits = jax.random.normal(jax.random.key(1), (rows, method.width))
  outputs = Outputs(features=logits, logits=logits)
  labels = jnp.arange(rows, dtype=jnp.int32) % CLASSES
  variables = method.init(KEY, Info(None, outputs, CLASSES, labels))
  return variables, outputs, {'labels': labels, 'index': labels}


def test_found_by_name():
  assert methods.get('adalabelhash') is adalabelhash
  with pytest.raises(ValueError, match="did you mean 'adalabelhash'"):
    methods.get('adalabelhsh')


def test_variables():
  method = adalabelhash(BITS, codeword_scale=0.2)
  variables, outputs, batch = make_problem(method)
  table = variables.params['codewords']
  assert method.width == BITS
  assert table.shape == (CLASSES, BITS)
  assert 0.1 < abs(table).max() <= 0.2
  assert variables.state == ()
  _, aux = method.loss(variables, outputs, batch, key=None, step=STEP)
  state = method.update(variables, outputs, aux, batch, key=KEY, step=STEP)
  assert state == ()


@pytest.mark.parametrize('margin', [1.0, 2.0])
@pytest.mark.parametrize('floor', [True, False])
def test_loss_is_the_equation(margin, floor):
  method = adalabelhash(
    BITS, margin=margin, floor_negatives=floor, codeword_scale=1.0
  )
  variables, outputs, batch = make_problem(method)
  loss, aux = method.loss(variables, outputs, batch, key=None, step=STEP)
  codes, codewords = (
    np.tanh(a) for a in (outputs.logits, variables.params['codewords'])
  )
  labels = np.asarray(batch['labels'])
  np.testing.assert_allclose(
    loss,
    oracle.hinge(codes, codewords, labels, margin=margin, floor=floor),
    rtol=1e-5,
  )
  nearest = oracle.score_table(codes, codewords).argmax(1)
  metrics = {name: float(value) for name, value in aux.metrics.items()}
  assert metrics == pytest.approx(
    {
      'loss': float(loss),
      'accuracy': np.mean(nearest == labels),
      'mean_abs_code': float(np.abs(codes).mean()),
    }
  )


def test_loss_under_transformations():
  method = adalabelhash(BITS)
  variables, outputs, batch = make_problem(method)

  def loss(variables, outputs, step=STEP):
    return method.loss(variables, outputs, batch, key=KEY, step=step)[0]

  value = loss(variables, outputs)
  np.testing.assert_allclose(
    jax.jit(loss)(variables, outputs, STEP), value, rtol=1e-6
  )
  to_variables, to_outputs = jax.grad(loss, (0, 1))(variables, outputs)
  assert to_variables.params['codewords'].any()
  assert to_outputs.logits.any()
  stacked = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), outputs)
  np.testing.assert_allclose(
    jax.vmap(loss, (None, 0, None))(variables, stacked, STEP),
    [value, loss(variables, jax.tree.map(lambda a: 2 * a, outputs))],
    rtol=1e-6,
  )


def test_training_starts_at_about_the_margin():
  # Codewords start near 0, so all scores do.
  method = adalabelhash(BITS, margin=1.5)
  loss, _ = method.loss(*make_problem(method), key=None, step=STEP)
  np.testing.assert_allclose(loss, 1.5, atol=0.3)


def test_hidden_labels_contribute_nothing():
  method = adalabelhash(BITS)
  variables, outputs, batch = make_problem(method)
  hidden = {'labels': batch['labels'].at[2:].set(-1)}
  head = jax.tree.map(lambda a: a[:2], outputs)
  few = {'labels': batch['labels'][:2]}
  for name in ('loss', 'accuracy'):
    np.testing.assert_allclose(
      *(
        method.loss(variables, o, b, key=None, step=STEP)[1].metrics[name]
        for o, b in ((outputs, hidden), (head, few))
      ),
      rtol=1e-6,
    )


def test_multi_hot_labels():
  method = adalabelhash(BITS, codeword_scale=1.0)
  variables, outputs, _ = make_problem(method)
  labels = jax.random.bernoulli(KEY, 0.4, (ROWS, CLASSES)).astype(jnp.uint8)
  loss, aux = method.loss(
    variables, outputs, {'labels': labels}, key=None, step=STEP
  )
  codes, codewords = (
    np.tanh(a) for a in (outputs.logits, variables.params['codewords'])
  )
  labels = np.asarray(labels)
  np.testing.assert_allclose(
    loss, oracle.hinge(codes, codewords, labels), rtol=1e-5
  )
  nearest = oracle.score_table(codes, codewords).argmax(1)
  some = labels.any(1)
  np.testing.assert_allclose(
    aux.metrics['accuracy'], labels[range(ROWS), nearest][some].mean()
  )


def test_codes_and_codewords_are_binary():
  method = adalabelhash(3)
  logits = jnp.array([[0.0, -0.1, 2.0]])
  variables = make_problem(method)[0]._replace(params={'codewords': logits})
  for codes in (
    method.encode(variables, Outputs(logits, logits)),
    method.codewords(variables),
  ):
    assert codes.dtype == jnp.int8
    assert codes.tolist() == [[1, -1, 1]]


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'num_bits': 0}, 'num_bits must be an int of at least 1, got 0'),
    ({'num_bits': 8, 'margin': 0.0}, 'margin must be above 0 and finite'),
    ({'num_bits': 8, 'margin': float('nan')}, 'margin must be above 0'),
    ({'num_bits': 8, 'codeword_scale': -1.0}, 'codeword_scale must be'),
    (
      {'num_bits': 8, 'margin': -1.0, 'codeword_scale': 0.0},
      r'margin .*; codeword_scale',
    ),
  ],
)
def test_bad_arguments(arguments, message):
  with pytest.raises(ValueError, match=message):
    adalabelhash(**arguments)


@pytest.mark.parametrize('floor', [True, False])
@pytest.mark.parametrize('seed', range(3))
def test_similar_classes_get_near_codewords(floor, seed):
  # Classes 0 and 1 overlap, class 2 is far from both. There are many rows
  # for few features: an encoder that memorises the rows of 0 and 1 drives
  # their codewords apart instead.
  method = adalabelhash(16, floor_negatives=floor)
  keys = jax.random.split(jax.random.key(seed), 3)
  centers = jnp.array([[1.0, 0.1, 0.0], [1.0, -0.1, 0.0], [-1.0, 0.0, 0.0]])
  labels = jnp.arange(1500, dtype=jnp.int32) % 3
  features = centers[labels] + 0.3 * jax.random.normal(keys[0], (1500, 3))
  outputs = Outputs(features, jnp.zeros((1500, 16)))
  params = {
    'encoder': 0.5 * jax.random.normal(keys[1], (3, 16)),
    'method': method.init(keys[2], Info(None, outputs, 3, labels)),
  }
  adam = optax.adam(0.02)

  def loss(params):
    outputs = Outputs(features, features @ params['encoder'])
    return method.loss(
      params['method'], outputs, {'labels': labels}, key=None, step=STEP
    )[0]

  def step(carry, _):
    params, state = carry
    value, gradient = jax.value_and_grad(loss)(params)
    updates, state = adam.update(gradient, state)
    return (optax.apply_updates(params, updates), state), value

  with jax.numpy_dtype_promotion('standard'):  # optax counts in int32
    (params, _), losses = jax.lax.scan(
      step, (params, adam.init(params)), length=200
    )
  assert losses[-1] < 0.7 * losses[0]
  a, b, c = np.asarray(method.codewords(params['method']))
  assert np.sum(a != b) < min(np.sum(a != c), np.sum(b != c))
