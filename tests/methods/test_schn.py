"""SCHN: every part of its loss, who is trained by which, and its codes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import methods
from jaxhash.core import Info, Outputs, Variables
from jaxhash.methods.schn import _feature_loss, schn
from tests.methods import family
from tests.oracles import discrete_methods as oracle

CLASSES, BITS, TRAIN, BATCH, FEATURES = 4, 5, 12, 4, 6
HIDDEN = (1, 6)
KEY = jax.random.key(0)
VERSIONS = ('mmasia', 'tomm')
SPACES = ('image_loss', 'label_loss', 'latent_loss')
every_version = pytest.mark.parametrize('version', VERSIONS)
make = functools.cache(functools.partial(schn, BITS, hidden=(7, 3)))


def labels_of(*, multi=False, hidden=True, seed=0):
  rng = np.random.default_rng(seed)
  if multi:
    labels = (rng.random((TRAIN, CLASSES)) < 0.4).astype(np.uint8)
    labels[~labels.any(axis=1), 0] = 1
    labels[list(HIDDEN) if hidden else []] = 0
  else:
    labels = rng.integers(0, CLASSES, TRAIN).astype(np.int32)
    labels[list(HIDDEN) if hidden else []] = -1
  return labels


def start(method, labels, *, rows=8, bank=None, seed=0):
  """Parameters that are all random, biases too; rounds of two epochs."""
  shape = jax.ShapeDtypeStruct((BATCH, FEATURES), jnp.float32)
  info = Info(
    None,
    Outputs(shape, shape),
    CLASSES,
    labels,
    rows_per_round=rows,
  )
  variables = method.init(KEY, info)
  rng = np.random.default_rng(seed)
  params = jax.tree.map(
    lambda leaf: jnp.asarray(rng.normal(0, 0.7, leaf.shape), jnp.float32),
    variables.params,
  )
  state = variables.state
  if bank is not None:
    state = {**state, 'bank': jnp.asarray(bank, jnp.float32)}
  return Variables(params, state)


def batch_of(labels, index, seed=1):
  rng = np.random.default_rng(seed)
  index = jnp.asarray(index, jnp.int32)
  outputs = Outputs(
    *[
      jnp.asarray(rng.normal(size=(len(index), n)), jnp.float32)
      for n in (FEATURES, BITS)
    ]
  )
  return outputs, {'index': index, 'labels': jnp.asarray(labels)[index]}


def random_bank(seed=2, rows=TRAIN, bits=BITS):
  return np.random.default_rng(seed).choice([-1.0, 1.0], (rows, bits))


@functools.partial(jax.jit, static_argnums=0)
def loss_of(method, variables, outputs, batch, key=None):
  return method.loss(variables, outputs, batch, key=key, step=jnp.int32(0))


advance = functools.partial(family.advance, steps=4)


@functools.partial(jax.jit, static_argnums=0)
def gradients_of(method, variables, outputs, batch):
  """Of each metric, in parameters and outputs."""

  def parts(params, outputs):
    full = variables._replace(params=params)
    _, aux = method.loss(full, outputs, batch, key=None, step=jnp.int32(0))
    return aux.metrics

  return jax.jacrev(parts, argnums=(0, 1))(variables.params, outputs)


def test_golden_feature_loss():
  u = jnp.array([[0.5, -0.5, 0.2], [0.1, 0.9, -0.4]])
  bank = jnp.array([[1.0, -1, 1], [1, 1, -1]])
  where = jnp.ones(2, bool)
  for gamma, value in ((0.0, 7.28), (1.0, 7.28 + 0.386667), (10.0, 11.146667)):
    got = _feature_loss(u, bank, jnp.eye(2), gamma, where)
    np.testing.assert_allclose(got, value, atol=1e-5)
    expected = oracle.feature_loss(u, bank, np.eye(2), gamma=gamma)[0]
    np.testing.assert_allclose(expected, value, atol=1e-5)


@pytest.mark.parametrize(
  ('version', 'activation', 'multi'),
  [
    ('mmasia', 'sigmoid', False),
    ('tomm', 'sigmoid', True),
    ('tomm', 'tanh', False),
  ],
)
def test_the_loss_is_the_sum_of_the_equations(version, activation, multi):
  """Networks, attention with its scale and all biases included."""
  labels = labels_of(multi=multi, hidden=False)
  method = make(
    version=version,
    latent_activation=activation,
    quantization_weight=3.0,
    cycle_weight=0.7,
    adversarial_weight=0.4,
  )
  bank = random_bank()
  variables = start(method, labels, bank=bank)
  index = [3, 0, 7, 2]
  outputs, batch = batch_of(labels, index)
  value, aux = loss_of(method, variables, outputs, batch)
  expected = oracle.schn_losses(
    variables.params,
    outputs,
    labels[index],
    bank[index],
    num_classes=CLASSES,
    gamma=3.0,
    version=version,
    activation=activation,
  )
  sides = {'discriminator_loss', 'generator_loss'}
  assert (sides <= set(expected)) == (version == 'tomm')
  metrics = dict(aux.metrics)
  image = np.tanh(np.asarray(outputs.logits))
  np.testing.assert_allclose(
    metrics.pop('mean_abs_code'), abs(image).mean(), rtol=1e-5
  )
  assert metrics.pop('loss') == value
  assert set(metrics) == set(expected)
  for name, number in expected.items():
    np.testing.assert_allclose(metrics[name], number, rtol=2e-4, err_msg=name)
  total = sum(expected[name] for name in SPACES) + 0.7 * expected['cycle_loss']
  total += 0.4 * sum(expected.get(name, 0.0) for name in sides)
  np.testing.assert_allclose(value, total, rtol=1e-4)


REACHES = {  # which parameters, and whether the encoder's features and logits
  'image_loss': (set(), False, True),
  'label_loss': ({'label'}, False, False),
  'latent_loss': ({'cycle'}, False, False),
  'cycle_loss': ({'label', 'cycle'}, False, True),
  'discriminator_loss': ({'discriminators'}, False, False),
  'generator_loss': ({'cycle'}, False, False),
}


@every_version
def test_who_is_trained_by_which_part(version):
  labels = labels_of()
  weights = {'cycle_weight': 2.0, 'adversarial_weight': 0.5}
  method = make(version=version, **weights)
  variables = start(method, labels, bank=random_bank())
  arguments = (variables, *batch_of(labels, [3, 0, 7, 2]))
  parts = gradients_of(method, *arguments)
  params, outputs = parts.pop('loss')
  del parts['mean_abs_code']
  sides = {'discriminator_loss', 'generator_loss'}
  assert set(parts) == set(REACHES) - (sides if version == 'mmasia' else set())
  for name, gradient in parts.items():
    networks, features, logits = REACHES[name]
    for network, tree in gradient[0].items():
      reached = any(leaf.any() for leaf in jax.tree.leaves(tree))
      assert reached == (network in networks), (name, network)
    assert gradient[1].features.any() == features, name
    assert gradient[1].logits.any() == logits, name
  # Of the one scalar each side gets its own gradient, and nothing else.
  if version == 'tomm':
    alone = parts['discriminator_loss'][0]['discriminators']
    jax.tree.map(
      lambda got, own: np.testing.assert_array_equal(got, 0.5 * own),
      params['discriminators'],
      alone,
    )
  weighted = [
    jax.tree.map(
      lambda g, n=name: (
        {'cycle_loss': 2.0, **dict.fromkeys(SPACES, 1.0)}.get(n, 0.5) * g
      ),
      gradient,
    )
    for name, gradient in parts.items()
  ]
  jax.tree.map(
    lambda got, *own: np.testing.assert_allclose(
      got, sum(own), rtol=1e-4, atol=1e-6
    ),
    (params, outputs),
    *weighted,
  )


def test_the_encoder_is_reached_by_the_cycle_through_its_codes_alone():
  """d/dx mean (U' - tanh x)^2 with U' a constant."""
  labels = labels_of(hidden=False)
  method = make()
  variables = start(method, labels)
  index = [3, 0, 7, 2]
  outputs, batch = batch_of(labels, index)
  _, gradient = gradients_of(method, variables, outputs, batch)['cycle_loss']
  image = np.tanh(np.asarray(outputs.logits, float))
  similar = labels[index][:, None] == labels[index][None]
  again = oracle.schn_networks(
    variables.params,
    np.asarray(outputs.features, float),
    oracle.targets_of(labels[index], CLASSES),
    similar,
    version='tomm',
    activation='sigmoid',
  )['image_again']
  expected = 2 * (image - again) * (1 - image**2) / image.size
  np.testing.assert_allclose(gradient.logits, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
  ('name', 'network'),
  [('generator_loss', 'cycle'), ('discriminator_loss', 'discriminators')],
)
def test_the_two_sides_have_the_slopes_of_the_equations(name, network):
  labels = labels_of(hidden=False)
  method = make()
  variables = start(method, labels)
  index = [3, 0, 7, 2]
  outputs, batch = batch_of(labels, index)
  gradient, _ = gradients_of(method, variables, outputs, batch)[name]
  rng = np.random.default_rng(5)
  direction = jax.tree.map(
    lambda leaf: rng.normal(size=leaf.shape), variables.params[network]
  )

  def value(step):
    moved = jax.tree.map(
      lambda leaf, d: np.asarray(leaf, float) + step * d,
      variables.params[network],
      direction,
    )
    return oracle.schn_losses(
      {**variables.params, network: moved},
      outputs,
      labels[index],
      np.zeros((BATCH, BITS)),
      num_classes=CLASSES,
      gamma=1.0,
      version='tomm',
      activation='sigmoid',
    )[name]

  slope = (value(1e-5) - value(-1e-5)) / 2e-5
  got = jax.tree.map(
    lambda g, d: float((g * d).sum()), gradient[network], direction
  )
  assert abs(slope) > 1e-3
  np.testing.assert_allclose(sum(jax.tree.leaves(got)), slope, rtol=1e-3)


def test_golden_values_of_the_discriminators():
  labels = labels_of(hidden=False)
  method = make()
  variables = start(method, labels)
  arguments = batch_of(labels, [3, 0, 7, 2])
  params = variables.params
  zero = jax.tree.map(jnp.zeros_like, params['discriminators'])

  def sides(discriminators, **more):
    full = {**params, 'discriminators': discriminators, **more}
    metrics = loss_of(method, Variables(full, variables.state), *arguments)[1]
    return metrics.metrics['discriminator_loss'], (
      metrics.metrics['generator_loss']
    )

  undecided, fooled = sides(zero)
  np.testing.assert_allclose(undecided, 1.386294, atol=1e-6)  # p = 1 / 2
  np.testing.assert_allclose(fooled, np.log(2), atol=1e-6)
  # Codes made again that are all +1, first-hand ones that are not.
  outputs, batch = arguments
  cycle = dict(params['cycle'])
  for name in ('image', 'label'):
    last = {**cycle[name]['Dense_2']}
    last['bias'] = jnp.full(BITS, 500.0)
    cycle[name] = {**cycle[name], 'Dense_2': last}
  label = {**params['label']}
  label['Dense_2'] = {
    **label['Dense_2'],
    'bias': jnp.full(BITS, -500.0),
  }
  outputs = outputs._replace(logits=jnp.full_like(outputs.logits, -9.0))
  arguments = outputs, batch
  sharp = dict(zero)  # -50 sum of relu(code), + 25
  for name in ('image', 'label'):
    sharp[f'{name}_0'] = {**zero[f'{name}_0']}
    sharp[f'{name}_0']['kernel'] = zero[f'{name}_0']['kernel'].at[:, 0].set(1.0)
    sharp[f'{name}_1'] = {**zero[f'{name}_1']}
    sharp[f'{name}_1']['kernel'] = zero[f'{name}_1']['kernel'].at[0, 0].set(1.0)
    sharp[name] = {
      'kernel': zero[name]['kernel'].at[0].set(-50.0),
      'bias': jnp.full(1, 25.0),
    }
  saturated, fooled = sides(sharp, cycle=cycle, label=label)
  np.testing.assert_allclose(saturated, 0, atol=1e-6)
  assert fooled > 10 and jnp.isfinite(fooled)


def test_in_the_first_round_pairs_pull_nowhere():
  """With codes 0 they are a constant, and the quantiser pulls all to 0."""
  labels = labels_of(hidden=False)
  method = make(version='mmasia', quantization_weight=3.0)
  variables = start(method, labels)
  assert not variables.state['bank'].any()
  index = [3, 0, 7, 2]
  outputs, batch = batch_of(labels, index)
  similar = labels[index][:, None] == labels[index][None]
  image = np.tanh(np.asarray(outputs.logits, float))
  constant = 12 / BITS * np.mean((BITS * similar) ** 2)
  _, aux = loss_of(method, variables, outputs, batch)
  np.testing.assert_allclose(
    aux.metrics['image_loss'], constant + 3 * np.mean(image**2), rtol=1e-5
  )
  without = make(version='mmasia', quantization_weight=0.0)
  gradients = gradients_of(without, variables, outputs, batch)
  for name in SPACES:
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradients[name]))


def test_codes_can_start_from_the_first_signs():
  labels = labels_of()
  method = make(bank_start='sign', quantization_weight=3.0)
  bank = np.zeros((TRAIN, BITS))
  bank[3] = random_bank()[3]  # has codes already
  variables = start(method, labels, bank=bank)
  index, known = [3, 1, 7, 2], [3, 7, 2]
  outputs, batch = batch_of(labels, index)
  image = np.tanh(np.asarray(outputs.logits, float))
  wanted = bank.copy()
  wanted[[7, 2]] = np.where(image[2:] >= 0, 1, -1)
  new, _, aux = advance(method, variables, outputs, batch, 0)
  similar = labels[known][:, None] == labels[known][None]
  expected = oracle.feature_loss(
    image[[0, 2, 3]], wanted[known], similar, gamma=3.0
  )[0]
  np.testing.assert_allclose(aux.metrics['image_loss'], expected, rtol=1e-5)
  np.testing.assert_array_equal(new.state['bank'], wanted)
  # The second time they stay.
  outputs = outputs._replace(logits=-outputs.logits)
  again = advance(method, new, outputs, batch, 1)[0]
  np.testing.assert_array_equal(again.state['bank'], wanted)
  zero = advance(make(), start(make(), labels), outputs, batch, 0)[0]
  assert not zero.state['bank'].any()


@every_version
def test_dropout_is_before_the_latent_codes_alone_and_only_with_a_key(version):
  labels = labels_of()
  method = make(version=version)
  variables = start(method, labels, bank=random_bank())
  arguments = variables, *batch_of(labels, [3, 0, 7, 2])
  plain, again = (loss_of(method, *arguments)[1].metrics for _ in range(2))
  first, second = (
    loss_of(method, *arguments, jax.random.key(k))[1].metrics for k in (1, 2)
  )
  same = loss_of(method, *arguments, jax.random.key(1))[1].metrics
  for name in plain:
    assert plain[name] == again[name] and first[name] == same[name]
    with_dropout = name in ('loss', 'latent_loss')
    values = {float(m[name]) for m in (plain, first, second)}
    assert (len(values) == 3) == with_dropout, name
    if not with_dropout:
      np.testing.assert_allclose(first[name], plain[name], rtol=1e-5)


@pytest.mark.parametrize(
  ('version', 'multi'), [('mmasia', True), ('tomm', False)]
)
def test_the_order_of_a_batch_does_not_matter(version, multi):
  labels = labels_of(multi=multi)
  method = make(version=version)
  variables = start(method, labels, bank=random_bank())
  outputs, batch = batch_of(labels, [3, 1, 7, 2, 0])
  order = jnp.array([2, 0, 4, 1, 3])
  value, aux = loss_of(method, variables, outputs, batch)
  other, swapped = loss_of(
    method, variables, *jax.tree.map(lambda a: a[order], (outputs, batch))
  )
  np.testing.assert_allclose(other, value, rtol=1e-5)
  for name, codes in aux.arrays['codes'].items():
    np.testing.assert_allclose(
      swapped.arrays['codes'][name], codes[order], rtol=1e-4, atol=1e-5
    )
    assert jnp.abs(codes[order] - codes).max() > 1e-3


def test_rows_without_a_label_contribute_nothing():
  labels = labels_of(multi=True)
  method = make()
  variables = start(method, labels, bank=random_bank(), rows=4)
  outputs, batch = batch_of(labels, [1, 3, 6, 7])
  some = jnp.array([1, 3])

  @jax.jit
  def graded(params, outputs, batch):
    def loss(params, outputs):
      full = variables._replace(params=params)
      return loss_of(method, full, outputs, batch)[0]

    return jax.value_and_grad(loss, (0, 1))(params, outputs)

  fewer = jax.tree.map(lambda a: a[some], (outputs, batch))
  value, (params, expected) = graded(variables.params, *fewer)
  poisoned = jax.tree.map(
    lambda a: a.at[jnp.array([0, 2])].set(jnp.nan), outputs
  )
  for rows in (outputs, poisoned):
    got, gradient = graded(variables.params, rows, batch)
    np.testing.assert_allclose(got, value, rtol=1e-5)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
      (gradient[0], gradient[1].logits[some]),
      (params, expected.logits),
    )
    assert not gradient[1].logits[jnp.array([0, 2])].any()
  for step in (0, 1):  # within a round and at its end
    new, _, _ = advance(method, variables, poisoned, batch, step, steps=2)
    for leaf in jax.tree.leaves(new):
      assert jnp.isfinite(leaf).all()
    changed = (new.state['bank'] != variables.state['bank']).any()
    assert changed == (step == 1)
  assert not method.bank(new)[jnp.array(HIDDEN)].any()


def test_a_batch_without_any_label_is_worth_nothing():
  labels = np.full(TRAIN, -1, np.int32)
  method = make()
  arguments = start(method, labels), *batch_of(labels, [1, 3, 6, 7])
  gradients = gradients_of(method, *arguments)
  assert not any(leaf.any() for leaf in jax.tree.leaves(gradients))
  for step in (0, 3):  # within a round and at its end
    new, value, _ = advance(method, *arguments, step)
    assert value == 0 and not new.state['bank'].any()


@pytest.mark.parametrize(
  ('activation', 'multi'), [('sigmoid', True), ('tanh', False)]
)
def test_rounds_are_the_equations(multi, activation):
  labels = labels_of(multi=multi)
  method = make(
    latent_activation=activation,
    quantization_weight=1.5,
    label_weight=0.8,
    latent_weight=0.6,
  )
  variables = start(method, labels)
  rng = np.random.default_rng(0)
  known = oracle.with_label(labels)
  bank, visited = np.zeros((TRAIN, BITS)), set()
  for number in range(3):
    part, kept = rng.permutation(TRAIN)[:8], {}
    for epoch in range(2):
      order = rng.permutation(part)
      for i in range(2):
        step = 4 * number + 2 * epoch + i
        index = order[4 * i : 4 * i + 4]
        outputs, batch = batch_of(labels, index, seed=step)
        variables, _, aux = advance(method, variables, outputs, batch, step)
        codes = {n: np.asarray(c) for n, c in aux.arrays['codes'].items()}
        np.testing.assert_allclose(
          codes['image'][[j for j in range(4) if index[j] in known]],
          np.tanh(outputs.logits)[[j for j in range(4) if index[j] in known]],
          rtol=1e-5,
        )
        for j, row in enumerate(index):
          more = 0.8 * codes['label'][j] + 0.6 * codes['latent'][j]
          kept[int(row)] = np.tanh(np.asarray(outputs.logits[j], float)), more
        if step % 4 != 3:
          np.testing.assert_array_equal(variables.state['bank'], bank)
    u, more = zip(*kept.values())
    before = bank.copy()
    bank = oracle.schn_codes(bank, u, more, kept, labels, gamma=1.5)
    np.testing.assert_array_equal(variables.state['bank'], bank)
    rest = np.setdiff1d(np.arange(TRAIN), part)
    np.testing.assert_array_equal(bank[rest], before[rest])
    visited |= set(part.tolist()) & set(known)
    reached = np.isin(np.arange(TRAIN), sorted(visited))
    np.testing.assert_array_equal(
      abs(method.bank(variables)), reached[:, None] * np.ones((1, BITS))
    )
    assert method.bank(variables).dtype == jnp.int8


def solver(method, rows, labels):
  """The closed-form step of a round, of codes that are given."""
  state = start(method, labels, rows=len(rows)).state

  def solved(bank, image, label, latent):
    codes = {'image': image, 'label': label, 'latent': latent}
    sample = {'rows': jnp.asarray(rows, jnp.int32), **codes}
    variables = Variables(state={**state, 'bank': bank, 'sample': sample})
    return method.solve(variables, key=KEY, step=jnp.int32(0))['bank']

  return solved


def test_golden_codes():
  u = np.array([[0.5, -0.5, 0.2], [0.1, 0.9, -0.4]], np.float32)
  label = np.array([[0.3, -0.2, 0.1], [0.2, 0.4, -0.6]], np.float32)
  latent = np.array([[0.6, 0.4, 0.5], [0.5, 0.6, 0.4]], np.float32)
  # n1 / n0 = 14 / 20: 7 rows of each of both classes, and 3 of a third one.
  labels = np.repeat([0, 1, 2], [7, 7, 3]).astype(np.int32)
  q = oracle.soft_similarity(labels[[0, 7]], labels)[0][:, [0, 7]]
  np.testing.assert_allclose(q, [[1, -0.7], [-0.7, 1]], rtol=1e-12)
  np.testing.assert_allclose(
    3 * q.T @ u + 10 * u,
    [[6.29, -8.39, 3.44], [0.25, 12.75, -5.62]],
    rtol=1e-6,
  )
  method = schn(3, hidden=(7, 3))
  codes = solver(method, [0, 7], labels)(
    jnp.zeros((17, 3)), *map(jnp.asarray, (u, label, latent))
  )
  np.testing.assert_array_equal(codes[0], [1, -1, 1])
  np.testing.assert_array_equal(codes[7], [1, 1, -1])
  assert not np.delete(np.asarray(codes), [0, 7], axis=0).any()


@pytest.mark.parametrize('gamma', [0.0, 10.0])
def test_no_code_with_another_bit_is_better(gamma):
  """K = 3, n = 4; alpha = beta = 0, and then they add their own term."""
  labels, rows, count = np.array([0, 1, 0, 2, 1], np.int32), [2, 0, 3, 1], 100
  rng = np.random.default_rng(0)
  u, label, latent = np.tanh(rng.normal(size=(3, count, 4, 3))).astype('f4')
  old = rng.choice([-1.0, 1.0], (count, 5, 3)).astype(np.float32)
  plain, more = (
    jax.jit(
      jax.vmap(
        solver(
          schn(
            3,
            hidden=(7, 3),
            quantization_weight=gamma,
            label_weight=alpha,
            latent_weight=beta,
          ),
          rows,
          labels,
        )
      )
    )(old, u, label, latent)
    for alpha, beta in ((0.0, 0.0), (2.0, 0.5))
  )
  lower = 0
  for i in range(count):
    start_codes = old[i][rows]

    def objective(codes, i=i):
      return oracle.schn_objective(codes, u[i], labels, rows, gamma=gamma)

    def with_more(codes, i=i):
      return objective(codes, i) - 2 * np.sum(
        codes * (2.0 * label[i] + 0.5 * latent[i])
      )

    for bank, function in ((plain[i], objective), (more[i], with_more)):
      new = np.asarray(bank)[rows]
      np.testing.assert_array_equal(
        new, oracle.best_bits(start_codes, function)
      )
      assert function(new) <= function(start_codes) + 1e-4
    lower += objective(np.asarray(plain[i])[rows]) < objective(start_codes) - 1
    np.testing.assert_array_equal(plain[i][4], old[i][4])
  assert lower > count / 2
  assert (np.asarray(plain) != np.asarray(more)).any()


def test_transformations_and_bfloat16():
  labels = labels_of()
  method = make()
  variables = start(method, labels, bank=random_bank())
  outputs, batch = batch_of(labels, [1, 3, 0, 7])

  @jax.jit
  def loss(outputs):
    return method.loss(variables, outputs, batch, key=None, step=jnp.int32(0))[
      0
    ]

  value = loss(outputs)
  other = jax.tree.map(lambda a: -a, outputs)
  both = jax.tree.map(lambda a, b: jnp.stack([a, b]), outputs, other)
  np.testing.assert_allclose(
    jax.vmap(loss)(both), [value, loss(other)], rtol=1e-5
  )
  half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), outputs)
  exact = jax.tree.map(lambda a: a.astype(jnp.float32), half)
  got, gradient = jax.value_and_grad(loss)(half)
  assert got.dtype == jnp.float32
  assert gradient.logits.dtype == gradient.features.dtype == jnp.bfloat16
  np.testing.assert_allclose(got, loss(exact), rtol=1e-6)


def test_without_their_weights_cycle_and_adversaries_are_not_in_the_loss():
  labels = labels_of()
  method = make(cycle_weight=0.0, adversarial_weight=0.0)
  variables = start(method, labels, bank=random_bank())
  arguments = batch_of(labels, [1, 3, 0, 7])
  value, aux = loss_of(method, variables, *arguments)
  spaces = sum(aux.metrics[name] for name in SPACES)
  np.testing.assert_allclose(value, spaces, rtol=1e-6)
  assert aux.metrics['cycle_loss'] > 0.1
  assert not {'discriminator_loss', 'generator_loss'} & set(aux.metrics)
  assert set(variables.params) == {'label', 'cycle'}


def test_sizes_are_those_of_the_authors():
  method = schn(12)
  features = jax.ShapeDtypeStruct((4, 4096), jnp.float32)
  logits = jax.ShapeDtypeStruct((4, 12), jnp.float32)
  info = Info(None, Outputs(features, logits), 10, jnp.zeros(4, jnp.int32))
  for version, fused in (
    ('tomm', {'image': (1024, 512, 1024), 'label': (1024, 4096, 1024)}),
    ('mmasia', {'image': (512, 1024, 512), 'label': (4096, 1024, 4096)}),
  ):
    method = schn(12, version=version)
    params = jax.eval_shape(lambda m=method: m.init(KEY, info)).params
    sizes = jax.tree.map(lambda a: a.shape, params)
    expected = {'Dense_0': (10, 1024), 'Dense_1': (1024, 512)}
    assert sizes['label'] == {
      name: {'kernel': shape, 'bias': shape[1:]}
      for name, shape in {**expected, 'Dense_2': (512, 12)}.items()
    }
    cycle = sizes['cycle']
    assert cycle['latent_graph']['Dense_0'] == {'kernel': (512, 1024)}
    assert cycle['latent_graph']['bias'] == (1024,)
    assert cycle['latent_codes']['kernel'] == (1024, 12)
    for name, (keys, values, width) in {
      **fused,
      'latent': (512, 4096, 512),
    }.items():
      attention = cycle[f'{name}_attention']
      assert {n: x['kernel'] for n, x in attention.items()} == {
        'query': (keys, width),
        'key': (keys, width),
        'value': (values, width),
        'out': (width, width),
      }
      if name != 'latent':
        made = [cycle[name][f'Dense_{i}']['kernel'] for i in range(3)]
        assert made == [(width, 1024), (1024, 512), (512, 12)]
    if version == 'tomm':
      judges = sizes['discriminators']
      for name in ('image', 'label'):
        layers = [judges[n]['kernel'] for n in (f'{name}_0', f'{name}_1', name)]
        assert layers == [(12, 1024), (1024, 512), (512, 1)]
    else:
      assert set(sizes) == {'label', 'cycle'}


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'num_bits': 0}, 'num_bits must be an int of at least 1'),
    ({'version': 'acm'}, "unknown version 'acm'; known: mmasia, tomm"),
    ({'bank_start': 'one'}, "unknown bank_start 'one'; known: zero, sign"),
    ({'latent_activation': 'relu'}, "unknown latent_activation 'relu'; known"),
    ({'hidden': (4,)}, r'hidden must be two sizes, got \(4,\)'),
    ({'hidden': (4, 0)}, 'a size in hidden must be an int of at least 1'),
    *[
      ({f'{name}_weight': -1.0}, f'{name}_weight must be at least 0')
      for name in ('quantization', 'label', 'latent', 'cycle', 'adversarial')
    ],
  ],
)
def test_bad_arguments(options, message):
  with pytest.raises(ValueError, match=message):
    schn(**{'num_bits': 4, **options})


def test_what_the_method_has():
  method = methods.get('schn')(4)
  assert method.width == 4 and not method.reconstruction
  assert method.bank is not None and method.distance is None


def test_first_signs_are_not_codes_that_were_learnt():
  labels = labels_of(multi=False)
  method = make(bank_start='sign')
  variables = start(method, labels, rows=4)
  outputs, batch = batch_of(labels, [0, 2, 3, 4])
  new, _, _ = advance(method, variables, outputs, batch, 0, steps=2)
  assert new.state['bank'][0].any()  # the loss goes by them
  assert not method.bank(new).any()
  solved, _, _ = advance(method, new, outputs, batch, 1, steps=2)
  rows = np.flatnonzero(np.asarray(method.bank(solved)).any(axis=1))
  assert rows.tolist() == [0, 2, 3, 4]
