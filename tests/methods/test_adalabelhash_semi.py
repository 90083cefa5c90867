import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import methods
from jaxhash.core import Info, Outputs, Variables
from jaxhash.methods.adalabelhash import adalabelhash
from jaxhash.methods.adalabelhash_semi import adalabelhash_semi
from tests.oracles import adalabelhash as oracle

CLASSES, BITS, ROWS = 4, 8, 10
LABELLED = jnp.arange(ROWS) < 4
LATE = jnp.int32(10_000)
flat = functools.partial(adalabelhash_semi, BITS, ramp_steps=0)


def make_problem(scale=1.0):
  keys = jax.random.split(jax.random.key(0), 2)
  logits = jax.random.normal(keys[0], (ROWS, BITS))
  table = scale * jax.random.normal(keys[1], (CLASSES, BITS))
  labels = jnp.where(LABELLED, jnp.arange(ROWS) % CLASSES, -1)
  return (
    Variables({'codewords': table}),
    Outputs(logits, logits),
    {'labels': labels, 'labelled': LABELLED},
  )


def loss_of(method, variables, outputs, batch, step=LATE):
  return method.loss(variables, outputs, batch, key=None, step=step)


def test_found_by_name_and_marked():
  assert methods.get('adalabelhash_semi') is adalabelhash_semi
  assert 'RECONSTRUCTION' in adalabelhash_semi.__doc__


@pytest.mark.parametrize('gap', [0.0, 0.5, 0.9])
@pytest.mark.parametrize('unlabelled_margin', [None, 3.0])
@pytest.mark.parametrize('floor', [True, False])
def test_loss_is_the_equation(gap, unlabelled_margin, floor):
  method = flat(
    floor_negatives=floor,
    confidence_gap=gap,
    unlabelled_margin=unlabelled_margin,
    unlabelled_weight=0.7,
  )
  variables, outputs, batch = make_problem()
  loss, aux = loss_of(method, variables, outputs, batch)
  codes, codewords = (
    np.tanh(a) for a in (outputs.logits, variables.params['codewords'])
  )
  expected, used = oracle.semi(
    codes,
    codewords,
    *map(np.asarray, (batch['labels'], LABELLED)),
    margin=1.0,
    unlabelled_margin=unlabelled_margin or 1.0,
    gap=gap,
    weight=0.7,
    floor=floor,
  )
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
  assert used > 0
  np.testing.assert_allclose(aux.metrics['unlabelled_used'], used / 6)
  np.testing.assert_allclose(
    loss,
    aux.metrics['labelled_loss'] + 0.7 * aux.metrics['unlabelled_loss'],
    rtol=1e-6,
  )


def test_pseudo_label_and_choice_are_constants():
  method = flat(unlabelled_margin=3.0)
  variables, outputs, batch = make_problem()
  scores = jnp.tanh(outputs.logits) @ jnp.tanh(variables.params['codewords']).T
  best = jnp.sort(scores, axis=1)
  used = ~LABELLED & (best[:, -1] - best[:, -2] >= 0.5)
  labels = jnp.where(used, scores.argmax(1), -1)
  value_of = functools.partial(loss_of, adalabelhash(BITS, margin=3.0))
  expected = jax.grad(
    lambda v: (
      value_of(v, outputs, {'labels': labels})[0] * float(used.sum()) / 6
    )
  )(variables)
  actual = jax.grad(
    lambda v: loss_of(method, v, outputs, batch)[1].metrics['unlabelled_loss']
  )(variables)
  np.testing.assert_allclose(
    actual.params['codewords'], expected.params['codewords'], atol=1e-6
  )


def test_labels_of_unlabelled_rows_are_never_looked_at():
  method = flat()
  variables, outputs, batch = make_problem()
  told = {**batch, 'labels': jnp.where(LABELLED, batch['labels'], 2)}
  for metric, value in loss_of(method, variables, outputs, told)[
    1
  ].metrics.items():
    expected = loss_of(method, variables, outputs, batch)[1].metrics[metric]
    np.testing.assert_array_equal(value, expected)


def test_rows_that_are_not_confident_have_no_gradient():
  # Codewords near 0 give scores near 0: no gap reaches one half.
  method = flat(unlabelled_margin=3.0)
  variables, outputs, batch = make_problem(scale=0.01)

  def loss(logits):
    return loss_of(method, variables, Outputs(logits, logits), batch)[0]

  gradient = jax.grad(loss)(outputs.logits)
  assert gradient[LABELLED].any()
  assert not gradient[~LABELLED].any()
  aux = loss_of(method, variables, outputs, batch)[1]
  assert aux.metrics['unlabelled_used'] == 0
  supervised = loss_of(adalabelhash(BITS), variables, outputs, batch)[0]
  np.testing.assert_allclose(loss(outputs.logits), supervised, rtol=1e-6)


@pytest.mark.parametrize('hide', [True, False])
def test_fully_labelled_batches_are_supervised(hide):
  variables, outputs, batch = make_problem()
  batch['labels'] = jnp.arange(ROWS) % CLASSES
  batch['labelled'] = jnp.ones(ROWS, bool)
  if hide:
    del batch['labelled']
  loss, aux = loss_of(flat(), variables, outputs, batch)
  expected, _ = loss_of(adalabelhash(BITS), variables, outputs, batch)
  assert loss == expected
  assert aux.metrics['unlabelled_used'] == 0


def test_batches_without_a_labelled_row():
  variables, outputs, batch = make_problem()
  batch = {'labels': -jnp.ones(ROWS, int), 'labelled': jnp.zeros(ROWS, bool)}
  loss, aux = loss_of(flat(), variables, outputs, batch)
  assert aux.metrics['labelled_loss'] == 0
  assert loss == aux.metrics['unlabelled_loss'] > 0


@pytest.mark.parametrize(
  ('step', 'ramp', 'weight'),
  [(0, 100, 0), (25, 100, 2 / 4), (100, 100, 2), (999, 100, 2), (0, 0, 2)],
)
def test_ramp(step, ramp, weight):
  method = adalabelhash_semi(BITS, unlabelled_weight=2.0, ramp_steps=ramp)
  problem = make_problem()
  loss = jax.jit(lambda step: loss_of(method, *problem, step=step))
  value, aux = loss(jnp.int32(step))
  np.testing.assert_allclose(aux.metrics['unlabelled_weight'], weight)
  np.testing.assert_allclose(
    value,
    aux.metrics['labelled_loss'] + weight * aux.metrics['unlabelled_loss'],
    rtol=1e-6,
  )


def test_nan_of_an_unlabelled_row_is_not_hidden():
  variables, outputs, batch = make_problem()
  logits = outputs.logits.at[-1].set(jnp.nan)
  loss, _ = loss_of(flat(), variables, Outputs(logits, logits), batch)
  assert jnp.isnan(loss)


def test_init_is_that_of_the_supervised_method():
  _, outputs, batch = make_problem()
  info = Info(None, outputs, CLASSES, batch['labels'])
  a, b = (m.init(jax.random.key(1), info) for m in (flat(), adalabelhash(BITS)))
  np.testing.assert_array_equal(a.params['codewords'], b.params['codewords'])
  with pytest.raises(ValueError, match=r'one pseudo-label.*got \[10, 4\] of 4'):
    flat().init(
      jax.random.key(1), info._replace(labels=jnp.zeros((ROWS, CLASSES), int))
    )


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'confidence_gap': 1.0}, r'below the margin .* would change nothing'),
    ({'confidence_gap': 2.0, 'margin': 2.0}, 'would change nothing'),
    ({'confidence_gap': 2.0, 'unlabelled_margin': 2.0}, 'change nothing'),
    ({'confidence_gap': -0.1}, r'confidence_gap must be in \[0, 1.0\)'),
    ({'unlabelled_margin': 0.0}, 'unlabelled_margin must be above 0'),
    ({'unlabelled_weight': -1.0}, 'unlabelled_weight must be at least 0'),
    ({'ramp_steps': -1}, 'ramp_steps must be an int of at least 0, got -1'),
    ({'margin': -1.0}, 'margin must be above 0'),
  ],
)
def test_bad_arguments(arguments, message):
  with pytest.raises(ValueError, match=message):
    adalabelhash_semi(BITS, **arguments)


def test_a_gap_below_its_own_margin_is_taken():
  adalabelhash_semi(BITS, confidence_gap=1.5, unlabelled_margin=2.0)
