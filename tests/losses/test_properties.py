"""What every loss has to satisfy; a new loss joins by one line in `cases`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from tests.losses.cases import LOSSES, PAIR_LOSSES, ROWS

every_loss = pytest.mark.parametrize('loss', LOSSES, ids=lambda loss: loss.name)
pair_losses = pytest.mark.parametrize(
  'loss', PAIR_LOSSES, ids=lambda loss: loss.name
)
KEY = jax.random.key(3)
WHERE = jnp.array([True, True, False, True, False, True])


def split(inputs):
  """Float arrays (differentiated) and a function that puts them back."""
  real = [
    i for i, a in enumerate(inputs) if jnp.issubdtype(a.dtype, jnp.floating)
  ]

  def join(floats):
    arrays = list(inputs)
    for i, a in zip(real, floats):
      arrays[i] = a
    return arrays

  return [inputs[i] for i in real], join


def value_and_grad(loss, inputs, **kwargs):
  floats, join = split(inputs)
  return jax.value_and_grad(lambda f: loss.fn(*join(f), **kwargs))(floats)


def rows_of(inputs, index):
  return [a[index] if len(a) == ROWS else a for a in inputs]


def change_rows(inputs, index, factor):
  """Multiplies rows of the float arrays of the batch."""
  return [
    a.at[index].multiply(factor)
    if len(a) == ROWS and jnp.issubdtype(a.dtype, jnp.floating)
    else a
    for a in inputs
  ]


@every_loss
@pytest.mark.parametrize('reduce_fn', [jnp.mean, jnp.sum])
def test_masked_rows_are_absent(loss, reduce_fn):
  inputs = loss.inputs(KEY)
  poisoned = change_rows(inputs, ~WHERE, jnp.nan)
  value, gradients = value_and_grad(
    loss, poisoned, where=WHERE, reduce_fn=reduce_fn
  )
  rest, rest_gradients = value_and_grad(
    loss, rows_of(inputs, WHERE), reduce_fn=reduce_fn
  )
  assert value > 0
  np.testing.assert_allclose(value, rest, rtol=1e-6)
  selected = rows_of(gradients, WHERE)
  for gradient, expected in zip(selected, rest_gradients):
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)
  for gradient in gradients:
    assert len(gradient) != ROWS or not gradient[~WHERE].any()


@every_loss
@pytest.mark.parametrize('reduce_fn', [jnp.mean, jnp.sum])
def test_all_masked_is_zero(loss, reduce_fn):
  inputs = change_rows(loss.inputs(KEY), slice(None), jnp.nan)
  value, gradients = value_and_grad(
    loss, inputs, where=jnp.zeros(ROWS, bool), reduce_fn=reduce_fn
  )
  assert value == 0
  assert not any(g.any() for g in gradients)


@every_loss
def test_nan_is_not_hidden(loss):
  inputs = change_rows(loss.inputs(KEY), 3, jnp.nan)
  assert jnp.isnan(loss.fn(*inputs))
  assert jnp.isnan(loss.fn(*inputs, where=WHERE))


@every_loss
def test_elementwise_values_add_up(loss):
  inputs = loss.inputs(KEY)
  values = loss.fn(*inputs, where=WHERE, reduce_fn=None)
  total = loss.fn(*inputs, where=WHERE, reduce_fn=jnp.sum)
  assert not values[~WHERE].any()
  np.testing.assert_allclose(values.sum(), total, rtol=1e-6)


@every_loss
def test_sum_is_the_sum_of_parts(loss):
  if not loss.separable:
    pytest.skip('looks across the batch')
  inputs = loss.inputs(KEY)
  parts = [
    loss.fn(*rows_of(inputs, part), reduce_fn=jnp.sum)
    for part in (slice(0, 2), slice(2, ROWS))
  ]
  total = loss.fn(*inputs, reduce_fn=jnp.sum)
  np.testing.assert_allclose(total, sum(parts), rtol=1e-6)


@every_loss
def test_order_of_rows_is_free(loss):
  inputs = loss.inputs(KEY)
  order = jnp.array([3, 1, 0, 5, 4, 2])
  np.testing.assert_allclose(
    loss.fn(*rows_of(inputs, order)), loss.fn(*inputs), rtol=1e-6
  )


@every_loss
def test_jit_equals_eager(loss):
  inputs = loss.inputs(KEY)
  jitted = jax.jit(lambda inputs, where: loss.fn(*inputs, where=where))
  np.testing.assert_allclose(
    jitted(inputs, WHERE), loss.fn(*inputs, where=WHERE), rtol=1e-6
  )


@every_loss
def test_vmap_equals_a_loop(loss):
  keys = jax.random.split(KEY, 3)
  stacked = jax.vmap(loss.inputs)(keys)
  values = jax.vmap(lambda inputs: loss.fn(*inputs))(stacked)
  loop = [loss.fn(*[a[i] for a in stacked]) for i in range(3)]
  np.testing.assert_allclose(values, jnp.stack(loop), rtol=1e-6)


@every_loss
@pytest.mark.parametrize('scale', [0.0, 1e-30, 1e4, 1e15])
def test_extreme_values_stay_finite(loss, scale):
  floats, join = split(loss.inputs(KEY))
  inputs = join([min(scale, loss.largest) * a for a in floats])
  value, gradients = value_and_grad(loss, inputs)
  assert jnp.isfinite(value)
  assert all(jnp.isfinite(g).all() for g in gradients)


@every_loss
def test_bfloat16_is_close_to_float32(loss):
  floats, join = split(loss.inputs(KEY))
  half = [a.astype(jnp.bfloat16) for a in floats]
  value, gradients = value_and_grad(loss, join(half))
  exact, exact_gradients = value_and_grad(
    loss, join([a.astype(jnp.float32) for a in half])
  )
  assert value.dtype == jnp.float32
  np.testing.assert_allclose(value, exact, rtol=1e-6)
  for gradient, expected in zip(gradients, exact_gradients):
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_allclose(
      gradient.astype(jnp.float32), expected, rtol=2e-2, atol=2e-3
    )


@every_loss
def test_gradient_is_the_numerical_one(loss):
  floats, join = split(loss.inputs(KEY))
  check_grads(
    lambda *f: loss.fn(*join([jnp.asarray(a) for a in f]), where=WHERE),
    floats,
    order=1,
    modes=('fwd', 'rev'),
    eps=1e-3,
    atol=5e-3,
    rtol=5e-3,
  )


def with_labels(loss, labels):
  """The codes with other labels, the second a copy of the first."""
  codes, own_labels, *rest = loss.inputs(KEY)
  codes = codes[: len(labels)]
  if len(labels) > 1:
    codes = codes.at[1].set(codes[0])
  labels = np.array(labels)
  if own_labels.ndim == 2:
    labels = labels[:, None] == np.arange(ROWS)
  return [codes, jnp.asarray(labels, own_labels.dtype), *rest]


# One class; no pair of a class; a class of one row.
@pair_losses
@pytest.mark.parametrize(
  'labels', [[0] * ROWS, range(ROWS), [1, 0, 0, 0, 0, 0]]
)
def test_batches_without_some_pairs_stay_finite(loss, labels):
  value, gradients = value_and_grad(loss, with_labels(loss, list(labels)))
  assert jnp.isfinite(value)
  assert all(jnp.isfinite(g).all() for g in gradients)


@pair_losses
def test_batches_of_one_or_two_rows_stay_finite(loss):
  step = jax.jit(lambda inputs: value_and_grad(loss, inputs))
  for labels in ([0], [0, -1], [0, 0], [0, 1]):
    value, gradients = step(with_labels(loss, labels))
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)
    if len(labels) == 1 or labels[1] == -1:  # only with itself
      assert (value != 0) == loss.alone
      assert any(np.any(g) for g in gradients) == loss.alone
