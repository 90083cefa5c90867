"""OrthoHash, CSQ, DPN, MDSH, GreedyHash, cross-entropy and class bits.

One table of methods and what all of them satisfy, then what each computes,
against the oracle of its equation.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash import losses, methods
from jaxhash.core import Info, Outputs
from tests.methods.family import (
  BITS,
  CLASSES,
  FEATURES,
  KEY,
  ROWS,
  STEP,
  loss_of,
  make_problem,
  rows_with_label,
)
from tests.oracles import targets as oracle

FIXED = ('orthohash', 'csq', 'dpn', 'mdsh')
LEARNED = ('greedyhash', 'cross_entropy')
MULTI = (*FIXED, *LEARNED)
EVERY = (*MULTI, 'class_bits')


def make(name, **options):
  return methods.get(name)(BITS, **options)


@pytest.mark.parametrize('name', EVERY)
@pytest.mark.parametrize('multi', [False, True])
def test_rows_without_a_label_contribute_nothing(name, multi):
  if multi and name not in MULTI:
    pytest.skip('single-label')
  method = make(name)
  variables, outputs, batch = make_problem(method, multi=multi)
  some = rows_with_label(batch)
  assert len(some) < ROWS
  value, aux = loss_of(method, (variables, outputs, batch))
  rows = jax.tree.map(lambda a: a[some], (outputs, batch))
  fewer, aux_fewer = loss_of(method, (variables, *rows))
  np.testing.assert_allclose(value, fewer, rtol=1e-6)
  np.testing.assert_allclose(
    aux.metrics['accuracy'], aux_fewer.metrics['accuracy'], rtol=1e-6
  )
  poisoned = jax.tree.map(lambda a: a.at[1].set(jnp.nan), outputs)
  again, aux = loss_of(method, (variables, poisoned, batch))
  np.testing.assert_allclose(again, value, rtol=1e-6)
  gradients = jax.grad(
    lambda params: loss_of(
      method, (variables._replace(params=params), poisoned, batch)
    )[0]
  )(variables.params)
  state = method.update(variables, poisoned, aux, batch, key=KEY, step=STEP)
  for leaf in jax.tree.leaves((gradients, state)):
    assert jnp.isfinite(leaf).all()


@pytest.mark.parametrize('name', EVERY)
def test_loss_under_transformations(name):
  method = make(name)
  variables, outputs, batch = make_problem(method)

  def loss(params, outputs, step=STEP):
    full = variables._replace(params=params)
    return method.loss(full, outputs, batch, key=KEY, step=step)[0]

  value = loss(variables.params, outputs)
  np.testing.assert_allclose(
    jax.jit(loss)(variables.params, outputs, STEP), value, rtol=1e-6
  )
  to_params, to_outputs = jax.grad(loss, (0, 1))(variables.params, outputs)
  if name == 'class_bits':
    assert to_outputs.features.any() and not to_outputs.logits.any()
  else:
    assert to_outputs.logits.any()
  assert all(leaf.any() for leaf in jax.tree.leaves(to_params))
  stacked = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), outputs)
  np.testing.assert_allclose(
    jax.vmap(loss, (None, 0, None))(variables.params, stacked, STEP),
    [
      value,
      loss(variables.params, jax.tree.map(lambda a: 2 * a, outputs)),
    ],
    rtol=2e-6,
  )


# Of GreedyHash's sign it is a surrogate, and tested with the method.
@pytest.mark.parametrize('name', [n for n in EVERY if n != 'greedyhash'])
def test_gradient_is_the_numerical_one(name):
  method = make(name)
  variables, outputs, batch = make_problem(method)

  def loss(params, outputs):
    params, outputs = jax.tree.map(jnp.asarray, (params, outputs))
    full = variables._replace(params=params)
    return method.loss(full, outputs, batch, key=KEY, step=STEP)[0]

  check_grads(
    loss,
    (variables.params, outputs),
    order=1,
    modes=('fwd', 'rev'),
    eps=1e-3,
    atol=5e-3,
    rtol=5e-3,
  )


@pytest.mark.parametrize('name', EVERY)
def test_bfloat16_outputs(name):
  method = make(name)
  variables, outputs, batch = make_problem(method)
  half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), outputs)
  exact = jax.tree.map(lambda a: a.astype(jnp.float32), half)
  value, _ = loss_of(method, (variables, half, batch))
  assert value.dtype == jnp.float32
  expected, _ = loss_of(method, (variables, exact, batch))
  np.testing.assert_allclose(value, expected, rtol=2e-2)


@pytest.mark.parametrize('name', FIXED)
def test_codewords_are_binary_and_follow_the_key(name):
  method = make(name)
  variables, outputs, batch = make_problem(method)
  words = method.codewords(variables)
  assert words.shape == (CLASSES, BITS) and words.dtype == jnp.int8
  assert set(np.unique(words)) <= {-1, 1}
  info = Info(None, outputs, CLASSES, batch['labels'])
  again, other = (
    method.codewords(method.init(jax.random.key(i), info)) for i in (0, 1)
  )
  np.testing.assert_array_equal(words, again)
  assert not jnp.array_equal(words, other)


@pytest.mark.parametrize('name', FIXED)
def test_codewords_of_your_own(name, tmp_path):
  words = np.where(np.arange(CLASSES * BITS).reshape(CLASSES, BITS) % 3, 1, -1)
  np.save(tmp_path / 'words.npy', words)
  for given in (words, words > 0, str(tmp_path / 'words.npy')):
    method = make(name, codewords=given)
    variables = make_problem(method)[0]
    np.testing.assert_array_equal(method.codewords(variables), words)
  method = make(name, codewords='tests.methods.test_codeword_methods:my_words')
  variables = make_problem(method)[0]
  np.testing.assert_array_equal(method.codewords(variables), 1)


def wrong_rows(key, num_classes, num_bits):
  return np.ones((2, num_bits))


def wrong_values(key, num_classes, num_bits):
  return np.full((num_classes, num_bits), 0.5)


def my_words(key, num_classes, num_bits):
  return np.ones((num_classes, num_bits))


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    ('hadamar', r"codewords 'hadamar' \(did you mean 'hadamard'\?\); known: "),
    ('none.npy', 'codewords none.npy cannot be read'),
    (np.ones((CLASSES, 3)), 'must have 8 bits a row, got 3'),
    (0.5 * np.ones((CLASSES, BITS)), 'must be -1/.1 or 0/1'),
    ('math:pi', 'not a function'),
  ],
)
def test_bad_codewords_are_seen_at_once(given, message):
  with pytest.raises(ValueError, match=message):
    make('csq', codewords=given)


def test_codewords_of_other_classes_are_seen_at_init():
  method = make('csq', codewords=np.ones((3, BITS)))
  with pytest.raises(ValueError, match='are of 3 classes, the data have 5'):
    make_problem(method)
  for name, message in (
    ('wrong_rows', 'are of 2 classes, the data have 5'),
    ('wrong_values', 'must be -1/.1 or 0/1'),
  ):
    own = f'tests.methods.test_codeword_methods:{name}'
    with pytest.raises(ValueError, match=message):
      make_problem(make('csq', codewords=own))
  with pytest.raises(ValueError, match=r'more than 16, .* got 17|17 classes'):
    outputs = Outputs(jnp.zeros((1, 2)), jnp.zeros((1, BITS)))
    make('csq', codewords='hadamard').init(
      KEY, Info(None, outputs, 17, jnp.zeros(1, int))
    )


@pytest.mark.parametrize('multi', [False, True])
@pytest.mark.parametrize('angular', [False, True])
@pytest.mark.parametrize('quantization', ['cosine', 'l1', 'l2'])
def test_orthohash(multi, angular, quantization):
  method = make(
    'orthohash',
    scale=3.0,
    margin=0.3,
    angular=angular,
    quantization=quantization,
    quantization_weight=0.5,
  )
  problem = make_problem(method, multi=multi)
  variables, outputs, batch = problem
  value, aux = loss_of(method, problem)
  labels, logits = np.asarray(batch['labels']), np.asarray(outputs.logits)
  rows = rows_with_label(batch)
  main = oracle.orthohash(
    logits,
    method.codewords(variables),
    labels,
    scale=3.0,
    margin=0.3,
    angular=angular,
  )
  error = {
    'cosine': oracle.cosine_quantization,
    'l1': lambda v: oracle.power_quantization(v, 1),
    'l2': lambda v: oracle.power_quantization(v, 2),
  }[quantization](logits[rows])
  np.testing.assert_allclose(
    aux.metrics['quantization_loss'], np.mean(error), rtol=1e-5
  )
  expected = np.mean(list(main.values())) + 0.5 * np.mean(error)
  np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_orthohash_has_no_quantisation_term_by_default():
  problem = make_problem(make('orthohash'))
  value, aux = loss_of(make('orthohash'), problem)
  weighted, _ = loss_of(make('orthohash', quantization_weight=2.0), problem)
  np.testing.assert_allclose(
    weighted - value, 2 * aux.metrics['quantization_loss'], rtol=1e-5
  )


def at_defaults(name, logits, words):
  """The loss of one row of class 0 with the hyper-parameters left alone."""
  method = methods.get(name)(4, codewords=words)
  outputs = Outputs(logits, logits)
  labels = jnp.zeros(1, jnp.int32)
  variables = method.init(KEY, Info(None, outputs, len(words), labels))
  batch = {'labels': labels, 'index': labels}
  return loss_of(method, (variables, outputs, batch))[0]


def test_defaults_are_those_of_the_authors():
  target = np.array([[1, -1, -1, 1], [1, 1, 1, 1]])
  csq = at_defaults('csq', jnp.array([[0.2, -1.5, 0.7, 2]]), target)
  np.testing.assert_allclose(csq, 0.550063, atol=1e-6)
  dpn = at_defaults('dpn', jnp.array([[1, -0.5, 0.2, -2]]), target)
  np.testing.assert_allclose(dpn, 1.175, rtol=1e-6)
  logits = jnp.array([[0.5, -1, 2, 0.25]])
  words = np.array([[1, -1, 1, 1], [1, 1, -1, -1], [-1, 1, 1, -1]])
  expected = oracle.orthohash(logits, words, [0], scale=8.0, margin=0.2)
  found = at_defaults('orthohash', logits, words)
  np.testing.assert_allclose(found, expected[0], rtol=1e-4)
  problem = make_problem(make('mdsh'))
  full = make('mdsh', pair_weight=1.0, quantization_weight=1e-4)
  bank = {
    **problem[0].state['bank'],
    'codes': jax.random.normal(KEY, (20, BITS)),
    'seen': jnp.ones(20, bool),
  }
  variables = problem[0]._replace(state={**problem[0].state, 'bank': bank})
  np.testing.assert_array_equal(
    loss_of(make('mdsh'), (variables, *problem[1:]))[0],
    loss_of(full, (variables, *problem[1:]))[0],
  )
  problem = make_problem(make('greedyhash'))
  np.testing.assert_array_equal(
    loss_of(make('greedyhash'), problem)[0],
    loss_of(make('greedyhash', penalty_weight=0.1), problem)[0],
  )


def test_two_classes_have_a_scale():
  words = np.array([[1, 1, 1, 1], [-1, 1, -1, 1]])
  method = methods.get('orthohash')(4, codewords=words, scale=None)
  other = methods.get('orthohash')(
    4, codewords=words, scale=float(np.sqrt(2) * np.log(2))
  )
  outputs = Outputs(jnp.ones((1, 4)), jnp.array([[1.0, 2, 3, 4]]))
  labels = jnp.zeros(1, jnp.int32)
  variables = method.init(KEY, Info(None, outputs, 2, labels))
  problem = variables, outputs, {'labels': labels}
  np.testing.assert_allclose(
    loss_of(method, problem)[0], loss_of(other, problem)[0], rtol=1e-6
  )


def test_the_scale_of_the_supplement():
  free = make('orthohash', scale=None)
  problem = make_problem(free)
  scale = float(np.sqrt(2) * np.log(CLASSES - 1))
  np.testing.assert_allclose(
    loss_of(free, problem)[0],
    loss_of(make('orthohash', scale=scale), problem)[0],
    rtol=1e-6,
  )


def targets_of(method, variables, batch):
  words = np.asarray(method.codewords(variables))
  tie_break = np.asarray(variables.state['tie_break'])
  return oracle.majority(words, np.asarray(batch['labels']), tie_break)


@pytest.mark.parametrize('multi', [False, True])
def test_csq(multi):
  method = make('csq', quantization_weight=0.1)
  problem = make_problem(method, multi=multi)
  variables, outputs, batch = problem
  rows = rows_with_label(batch)
  logits = np.asarray(outputs.logits)[rows]
  targets = targets_of(method, variables, batch)[rows]
  center = np.mean(oracle.central_similarity(logits, targets))
  error = np.mean(oracle.power_quantization(np.tanh(logits), 2))
  value, aux = loss_of(method, problem)
  np.testing.assert_allclose(value, center + 0.1 * error, rtol=1e-5)
  np.testing.assert_allclose(aux.metrics['center_loss'], center, rtol=1e-5)


@pytest.mark.parametrize('multi', [False, True])
def test_dpn(multi):
  method = make('dpn', margin=0.8)
  problem = make_problem(method, multi=multi)
  variables, outputs, batch = problem
  rows = rows_with_label(batch)
  expected = oracle.polarization(
    np.asarray(outputs.logits)[rows],
    targets_of(method, variables, batch)[rows],
    margin=0.8,
  )
  np.testing.assert_allclose(
    loss_of(method, problem)[0], np.mean(expected), rtol=1e-5
  )


def test_targets_of_dpn_move_every_so_many_steps():
  method = make('dpn', update_every=2)
  variables, outputs, batch = make_problem(method)
  labels, logits = np.asarray(batch['labels']), np.asarray(outputs.logits)
  before = np.asarray(method.codewords(variables))
  sums = np.zeros(before.shape)
  for step in range(2):
    _, aux = loss_of(method, (variables, outputs, batch))
    state = method.update(
      variables, outputs, aux, batch, key=KEY, step=jnp.int32(step)
    )
    variables = variables._replace(state=state)
    for n in rows_with_label(batch):
      sums[labels[n]] += logits[n]
    if step == 0:
      np.testing.assert_array_equal(method.codewords(variables), before)
  expected = np.where(sums == 0, before, np.where(sums >= 0, 1, -1))
  assert (expected != before).any() and (sums == 0).all(axis=1).any()
  np.testing.assert_array_equal(method.codewords(variables), expected)
  assert not variables.state['sums'].any()


@pytest.mark.parametrize('multi', [False, True])
def test_mdsh(multi):
  method = make('mdsh', pair_weight=0.7, quantization_weight=0.1)
  variables, outputs, batch = make_problem(method, multi=multi)
  codes = np.tanh(np.asarray(outputs.logits))
  rows, labels = rows_with_label(batch), np.asarray(batch['labels'])
  center = oracle.one_vs_rest(
    codes, method.codewords(variables), labels, scale=np.sqrt(BITS)
  )
  error = np.mean(oracle.power_quantization(codes[rows], 2))
  without = np.mean(list(center.values())) + 0.1 * error
  # Nothing has been seen yet, so there are no pairs.
  value, aux = loss_of(method, (variables, outputs, batch))
  np.testing.assert_allclose(value, without, rtol=1e-5)
  assert aux.metrics['pair_loss'] == 0
  state = method.update(
    variables, outputs, aux, batch, key=KEY, step=jnp.int32(0)
  )
  bank = np.asarray(state['bank']['codes'])
  np.testing.assert_allclose(bank[rows], codes[rows], rtol=1e-6)
  assert not np.delete(bank, rows, axis=0).any()
  # Another batch, of rows 4, 5, ..., sees the first seven in the bank.
  variables = variables._replace(state=state)
  all_labels = np.asarray(state['bank']['labels'])
  index = jnp.arange(4, 4 + ROWS, dtype=jnp.int32)
  batch = {'labels': jnp.asarray(all_labels)[index], 'index': index}
  pairs = []
  for n, row in enumerate(np.asarray(index)):
    for j in range(ROWS):
      a, b = all_labels[row], all_labels[j]
      alike = (a == b and a >= 0) if not multi else bool((a * b).any())
      if alike:
        away = (1 - oracle.cosine(codes[n], bank[j])) / 2
        pairs.append(np.log(1 + np.exp(away)))
  _, aux = loss_of(method, (variables, outputs, batch))
  assert len(pairs) > 2
  np.testing.assert_allclose(
    aux.metrics['pair_loss'], np.mean(pairs), rtol=1e-5
  )
  late = make(
    'mdsh', pair_weight=0.7, quantization_weight=0.1, pair_from_step=4
  )
  values = [
    float(loss_of(late, (variables, outputs, batch), step=jnp.int32(s))[0])
    for s in (3, 4)
  ]
  np.testing.assert_allclose(
    values[1] - values[0], 0.7 * np.mean(pairs), rtol=1e-4
  )


def test_mdsh_without_pairs_has_no_bank():
  method = make('mdsh', pair_weight=0.0)
  variables, outputs, batch = make_problem(method)
  assert set(variables.state) == {'codewords'}
  _, aux = loss_of(method, (variables, outputs, batch))
  assert 'pair_loss' not in aux.metrics
  state = method.update(variables, outputs, aux, batch, key=KEY, step=STEP)
  assert state is variables.state


def scores_of(variables, inputs):
  classifier = variables.params['classifier']
  return np.asarray(inputs) @ np.asarray(classifier['kernel']) + np.asarray(
    classifier['bias']
  )


@pytest.mark.parametrize('multi', [False, True])
def test_greedyhash(multi):
  method = make('greedyhash', penalty_weight=0.3)
  problem = make_problem(method, multi=multi)
  variables, outputs, batch = problem
  rows = rows_with_label(batch)
  logits = np.asarray(outputs.logits)
  main = oracle.classification(
    scores_of(variables, np.where(logits >= 0, 1.0, -1.0)),
    np.asarray(batch['labels']),
  )
  penalty = np.mean(oracle.power_quantization(logits[rows], 3))
  value, aux = loss_of(method, problem)
  np.testing.assert_allclose(
    value, np.mean(list(main.values())) + 0.3 * penalty, rtol=1e-5
  )
  np.testing.assert_allclose(aux.metrics['penalty'], penalty, rtol=1e-5)


def test_the_gradient_of_greedyhash_passes_through_the_sign():
  method = make('greedyhash', penalty_weight=0.0)
  variables, outputs, batch = make_problem(method)

  def at_codes(codes):
    scores = codes @ variables.params['classifier']['kernel']
    return losses.classification_loss(scores, batch['labels'])

  codes = jnp.where(outputs.logits >= 0, 1.0, -1.0)
  gradient = jax.grad(
    lambda v: loss_of(method, (variables, outputs._replace(logits=v), batch))[0]
  )(outputs.logits)
  np.testing.assert_allclose(gradient, jax.grad(at_codes)(codes), rtol=1e-4)


@pytest.mark.parametrize('multi', [False, True])
def test_cross_entropy(multi):
  method = make('cross_entropy')
  problem = make_problem(method, multi=multi)
  variables, outputs, batch = problem
  scores = scores_of(variables, outputs.logits)
  expected = oracle.classification(scores, np.asarray(batch['labels']))
  value, aux = loss_of(method, problem)
  np.testing.assert_allclose(value, np.mean(list(expected.values())), rtol=1e-5)
  own = [
    oracle.positives(label, CLASSES) for label in np.asarray(batch['labels'])
  ]
  hits = [scores[n].argmax() in own[n] for n in range(ROWS) if own[n]]
  np.testing.assert_allclose(aux.metrics['accuracy'], np.mean(hits))


def test_class_bits_are_the_number_of_the_class():
  method = make('class_bits')
  variables, outputs, batch = make_problem(method)
  scores = scores_of(variables, outputs.features)
  codes = np.asarray(method.encode(variables, outputs))
  assert codes.dtype == np.int8
  for code, row in zip(codes, scores):
    assert int(''.join('1' if bit > 0 else '0' for bit in code), 2) == (
      row.argmax()
    )
  expected = oracle.classification(scores, np.asarray(batch['labels']))
  np.testing.assert_allclose(
    loss_of(method, (variables, outputs, batch))[0],
    np.mean(list(expected.values())),
    rtol=1e-5,
  )


def test_class_bits_of_many_bits_and_classes():
  method = methods.get('class_bits')(40)
  features = jnp.eye(300)
  outputs = Outputs(features, jnp.zeros((300, 40)))
  variables = method.init(
    KEY, Info(None, outputs, 300, jnp.zeros(300, jnp.int32))
  )
  classifier = {'kernel': jnp.eye(300), 'bias': jnp.zeros(300)}
  variables = variables._replace(params={'classifier': classifier})
  codes = np.asarray(method.encode(variables, outputs))
  numbers = (codes > 0) @ (2 ** np.arange(39, -1, -1))
  np.testing.assert_array_equal(numbers, np.arange(300))


@pytest.mark.parametrize(
  ('call', 'message'),
  [
    (lambda: make('orthohash', scale=0.0), 'scale must be above 0'),
    (lambda: make('orthohash', margin=-0.1), 'margin must be at least 0'),
    (
      lambda: make('orthohash', quantization='l3'),
      "unknown quantization 'l3'; known: cosine, l1, l2",
    ),
    (lambda: make('csq', quantization_weight=-1.0), 'quantization_weight'),
    (lambda: make('dpn', margin=0.0), 'margin must be above 0'),
    (lambda: make('dpn', update_every=0), 'update_every .* 0'),
    (lambda: make('mdsh', pair_weight=float('nan')), 'pair_weight'),
    (lambda: make('mdsh', pair_from_step=-1), 'pair_from_step'),
    (lambda: make('greedyhash', penalty_weight=-1.0), 'penalty_weight'),
    *(
      (lambda name=name: methods.get(name)(0), 'num_bits must be .* 0')
      for name in EVERY
    ),
    (
      lambda: make_problem(methods.get('class_bits')(2)),
      'needs 3 bits for 5 classes, got 2',
    ),
    (
      lambda: make_problem(make('class_bits'), multi=True),
      r'one class of each row.* \[20, 5\]',
    ),
  ],
)
def test_bad_arguments(call, message):
  with pytest.raises(ValueError, match=message):
    call()


def test_features_are_what_class_bits_learn_from():
  variables = make_problem(make('class_bits'))[0]
  assert variables.params['classifier']['kernel'].shape == (FEATURES, CLASSES)
