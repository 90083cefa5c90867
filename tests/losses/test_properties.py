"""What every loss has to satisfy; a new loss joins by one line of `LOSSES`."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash.losses import (
  central_similarity_loss,
  classification_loss,
  cosine_margin_loss,
  cosine_one_vs_rest_loss,
  cosine_quantization_loss,
  hardest_negative_hinge_loss,
  polarization_loss,
  power_quantization_loss,
)

ROWS, CLASSES, BITS = 6, 4, 8


def against_codewords(key):
  """Codes, codewords, int labels of which one is hidden."""
  codes, codewords, labels = jax.random.split(key, 3)
  return (
    jnp.tanh(jax.random.normal(codes, (ROWS, BITS))),
    jnp.tanh(jax.random.normal(codewords, (CLASSES, BITS))),
    jax.random.randint(labels, (ROWS,), 0, CLASSES).at[1].set(-1),
  )


def against_codewords_multi(key):
  """The same with multi-hot labels, one row of all and one of none."""
  codes, codewords, _ = against_codewords(key)
  labels = jax.random.bernoulli(key, 0.4, (ROWS, CLASSES))
  return codes, codewords, labels.at[0].set(True).at[1].set(False)


def against_binary(key):
  """Logits, binary codewords, int labels of which one is hidden."""
  codes, codewords, labels = against_codewords(key)
  return 2 * codes, jnp.where(codewords >= 0, 1, -1).astype(jnp.int8), labels


def against_binary_multi(key):
  """The same with multi-hot labels."""
  codes, codewords, labels = against_codewords_multi(key)
  return 2 * codes, jnp.where(codewords >= 0, 1, -1).astype(jnp.int8), labels


def against_targets(key):
  """Logits and a binary target each."""
  logits, words = jax.random.split(key)
  return (
    2 * jax.random.normal(logits, (ROWS, BITS)),
    jax.random.rademacher(words, (ROWS, BITS), jnp.int8),
  )


def scores_of_classes(key):
  """Scores and int labels of which one is hidden."""
  _, _, labels = against_codewords(key)
  return 3 * jax.random.normal(key, (ROWS, CLASSES)), labels


def scores_of_classes_multi(key):
  """Scores and multi-hot labels."""
  _, _, labels = against_codewords_multi(key)
  return 3 * jax.random.normal(key, (ROWS, CLASSES)), labels


def alone(key):
  """Logits alone."""
  return (2 * jax.random.normal(key, (ROWS, BITS)),)


class Loss(NamedTuple):
  """A loss and its test inputs.

  Attributes:
    name: of the test.
    fn: `(*inputs, where=None, reduce_fn=jnp.mean)`.
    inputs: `key -> arrays`; those of `ROWS` rows are the batch.
    separable: the sum over a batch is the sum over its parts.
    largest: inputs of this size give values that float32 holds.
  """

  name: str
  fn: Callable
  inputs: Callable
  separable: bool = True
  largest: float = 1e15


_hinge = hardest_negative_hinge_loss
_clean = functools.partial(_hinge, floor_negatives=False)
_wide = functools.partial(_hinge, margin=3.0)
_arc = functools.partial(cosine_margin_loss, angular=True)
_one_vs_rest = functools.partial(cosine_one_vs_rest_loss, scale=3.0)
_power = functools.partial(functools.partial, power_quantization_loss)

LOSSES = [
  Loss('hinge', _hinge, against_codewords),
  Loss('hinge_clean', _clean, against_codewords),
  Loss('hinge_wide', _wide, against_codewords),
  Loss('hinge_multi', _hinge, against_codewords_multi),
  Loss('hinge_clean_multi', _clean, against_codewords_multi),
  Loss('orthocos', cosine_margin_loss, against_binary),
  Loss('orthocos_multi', cosine_margin_loss, against_binary_multi),
  Loss('orthocos_learned', cosine_margin_loss, against_codewords),
  Loss('orthoarc', _arc, against_binary),
  Loss('orthoarc_multi', _arc, against_binary_multi),
  Loss('one_vs_rest', _one_vs_rest, against_binary),
  Loss('one_vs_rest_multi', _one_vs_rest, against_binary_multi),
  Loss('central', central_similarity_loss, against_targets),
  Loss('polarization', polarization_loss, against_targets),
  Loss('classification', classification_loss, scores_of_classes),
  Loss('classification_multi', classification_loss, scores_of_classes_multi),
  Loss('l1', _power(power=1), alone),
  Loss('l2', _power(power=2), alone),
  Loss('l3', _power(power=3), alone, largest=1e12),
  Loss('cosine_quantization', cosine_quantization_loss, alone),
]
every_loss = pytest.mark.parametrize('loss', LOSSES, ids=lambda loss: loss.name)
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
