import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash.losses import safe_reduce

VALUES = jnp.array([[1.0, 2.0], [4.0, 8.0]])
WHERE = jnp.array([[True, False], [True, True]])


@pytest.mark.parametrize(
  ('reduce_fn', 'expected'),
  [
    (jnp.mean, (1 + 4 + 8) / 3),
    (jnp.sum, 1 + 4 + 8),
    (None, [[1, 0], [4, 8]]),
  ],
)
def test_reduces_what_where_selects(reduce_fn, expected):
  np.testing.assert_allclose(safe_reduce(VALUES, WHERE, reduce_fn), expected)


def test_without_where_all_values_count():
  assert safe_reduce(VALUES) == (1 + 2 + 4 + 8) / 4
  np.testing.assert_array_equal(safe_reduce(VALUES, reduce_fn=None), VALUES)


@pytest.mark.parametrize('reduce_fn', [jnp.mean, jnp.sum])
def test_all_masked_is_zero_with_a_zero_gradient(reduce_fn):
  value, gradient = jax.value_and_grad(safe_reduce)(
    VALUES * jnp.nan, jnp.zeros((2, 2), bool), reduce_fn
  )
  assert value == 0
  np.testing.assert_array_equal(gradient, jnp.zeros((2, 2)))


@pytest.mark.parametrize('poison', [jnp.nan, jnp.inf])
def test_masked_nan_reaches_neither_value_nor_gradient(poison):
  values = jnp.where(WHERE, VALUES, poison)
  value, gradient = jax.value_and_grad(safe_reduce)(values, WHERE)
  np.testing.assert_allclose(value, (1 + 4 + 8) / 3)
  np.testing.assert_allclose(gradient, WHERE.astype(jnp.float32) / 3)


@pytest.mark.parametrize('reduce_fn', [jnp.mean, jnp.sum, None])
def test_selected_nan_is_not_hidden(reduce_fn):
  values = VALUES.at[1, 1].set(jnp.nan)
  assert jnp.isnan(safe_reduce(values, WHERE, reduce_fn)).any()


def test_no_rows_at_all_is_zero():
  assert safe_reduce(jnp.zeros((0, 3))) == 0


def test_dtype_stays():
  assert safe_reduce(VALUES.astype(jnp.bfloat16), WHERE).dtype == jnp.bfloat16


def test_where_must_have_the_shape_of_values(monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=r'the shape of values \(2, 2\)'):
    safe_reduce(VALUES, WHERE[:1])


def over_devices(reduce_fn, **options):
  """Both rows of the values on a device of its own."""
  return jax.vmap(
    lambda values, where: safe_reduce(
      values, where, reduce_fn, axis_name='data', **options
    ),
    axis_name='data',
  )


@pytest.mark.parametrize(
  ('reduce_fn', 'expected'), [(jnp.mean, (1 + 4 + 8) / 3), (jnp.sum, 1 + 4 + 8)]
)
def test_devices_reduce_what_all_of_them_select(reduce_fn, expected):
  # A mean of the means of devices would be (1 + 6) / 2.
  reduce = over_devices(reduce_fn)
  np.testing.assert_allclose(reduce(VALUES, WHERE), [expected] * 2)
  poisoned = jnp.where(WHERE, VALUES, jnp.nan)
  np.testing.assert_allclose(reduce(poisoned, WHERE), [expected] * 2)
  one_empty = WHERE.at[0].set(False)
  count = 2 if reduce_fn is jnp.mean else 1
  np.testing.assert_allclose(reduce(VALUES, one_empty), [12 / count] * 2)
  none = jnp.zeros((2, 2), bool)
  np.testing.assert_array_equal(reduce(VALUES * jnp.nan, none), [0, 0])


@pytest.mark.parametrize('reduce_fn', [jnp.mean, jnp.sum])
def test_gradient_of_a_reduction_over_devices(reduce_fn):
  # The devices have the same value: the mean of both is that value.
  def value(values, where):
    return over_devices(reduce_fn)(values, where).mean()

  def alone(values, where):
    return safe_reduce(values, where, reduce_fn)

  for where in (WHERE, jnp.zeros((2, 2), bool)):
    np.testing.assert_allclose(
      jax.grad(value)(VALUES, where), jax.grad(alone)(VALUES, where)
    )


def test_devices_keep_their_own_values():
  np.testing.assert_array_equal(
    over_devices(None)(VALUES, WHERE), [[1, 0], [4, 8]]
  )


def test_devices_know_two_reductions():
  with pytest.raises(ValueError, match=r"'data' .* jnp\.mean or jnp\.sum"):
    over_devices(jnp.max)(VALUES, WHERE)
