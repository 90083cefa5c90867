"""BiHalf, CIBHash, GreedyHash without labels and SSDH.

What all methods without labels satisfy (DeepQuan too), then what each computes,
against the oracle of its equation.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import methods, training
from jaxhash.core import Info, Outputs
from jaxhash.methods._features import feature_source
from tests.configs import small
from tests.oracles import unsupervised as oracle

BITS, ROWS, TRAIN, DIMS = 8, 12, 30, 6
KEY = jax.random.key(0)
STEP = jnp.int32(3)
ARRAYS = {
  'lower': np.float32(0.7),
  'upper': np.float32(1.2),
  'neighbors': np.stack([np.roll(np.arange(TRAIN), -k) for k in (1, 2)], 1),
}
MAKE = {
  'bihalf': methods.get('bihalf'),
  'cibhash': methods.get('cibhash'),
  'deepquan': functools.partial(
    methods.get('deepquan'), bits_per_codebook=4, width=BITS, hidden=5
  ),
  'greedyhash_unsupervised': methods.get('greedyhash_unsupervised'),
  'ssdh': methods.get('ssdh'),
}
WITH_FEATURES = sorted(set(MAKE) - {'cibhash'})
every_method = pytest.mark.parametrize('name', MAKE)


def make_problem(method, *, views=1, labels=None, seed=1):
  keys = jax.random.split(jax.random.key(seed), 3)
  rows = views * ROWS
  inputs = jax.random.normal(keys[0], (rows, DIMS))
  outputs = Outputs(
    features=jax.random.normal(keys[1], (rows, 4)),
    logits=jax.random.normal(keys[2], (rows, method.width)),
  )
  labels = jnp.zeros(TRAIN, jnp.int32) if labels is None else labels
  info = Info(
    jax.ShapeDtypeStruct((rows, DIMS), jnp.float32),
    outputs,
    5,
    labels,
    arrays=ARRAYS,
    views=views,
    num_rows=TRAIN + 9,
    train_rows=np.arange(4, TRAIN + 4),
  )
  index = jnp.arange(ROWS, dtype=jnp.int32)
  batch = {'inputs': inputs, 'labels': labels[:ROWS], 'index': index}
  return method.init(KEY, info), outputs, batch


def views_of(name):
  return 2 if name == 'cibhash' else 1


@every_method
def test_labels_are_not_looked_at(name):
  method = MAKE[name](BITS)
  results = []
  for labels in (
    jnp.arange(TRAIN, dtype=jnp.int32) % 5,
    jnp.full(TRAIN, -1, jnp.int32),
    jnp.zeros((TRAIN, 5), jnp.uint8),
  ):
    variables, outputs, batch = make_problem(
      method, views=views_of(name), labels=labels
    )
    value, aux = method.loss(variables, outputs, batch, key=KEY, step=STEP)
    state = method.update(variables, outputs, aux, batch, key=KEY, step=STEP)
    if method.solve is not None:
      variables = variables._replace(state=state)
      state = method.solve(variables, key=KEY, step=STEP)
    results.append((value, aux.metrics, state))
  for other in results[1:]:
    jax.tree.map(np.testing.assert_array_equal, results[0], other)


@pytest.mark.parametrize(
  ('name', 'method', 'changes', 'message'),
  [
    ('cibhash', {}, {}, 'takes 2 views of a row, got 1'),
    ('bihalf', {}, {'batch_size': 7}, 'must be even, got 7'),
    ('greedyhash_unsupervised', {}, {'batch_size': 7}, 'must be even, got 7'),
    ('ssdh', {}, {'pipeline': {'views': 2}}, 'takes 1 view of a row, got 2'),
    ('deepquan', {}, {'pipeline': {'views': 2}}, 'takes 1 view of a row'),
    ('deepquan', {'num_neighbors': 48}, {}, 'less than the 48 train rows'),
    ('ssdh', {'features': 'F'}, {}, 'of 5 rows, the data set has 120'),
    ('deepquan', {'features': 'F'}, {}, 'of 5 rows, the data set has 120'),
  ],
)
def test_what_is_wrong_is_said_before_any_stage(
  name, method, changes, message, tmp_path
):
  path = tmp_path / 'features.npy'
  np.save(path, np.ones((5, 2), np.float32))
  if 'features' in method:
    method = {'features': str(path)}
  if name == 'deepquan':
    method = {'bits_per_codebook': 4, 'width': 8, 'num_neighbors': 3, **method}
  config = small.get_config().to_dict() | {
    'method': {'name': name, 'num_bits': 8, **method},
    'encoder': {'name': 'mlp', 'hidden': [4]},
    'batch_size': 8,
  }
  for block, values in changes.items():
    config[block] = (
      {**config[block], **values} if isinstance(values, dict) else values
    )
  one = training.make_mesh(jax.devices()[:1])
  with pytest.raises(ValueError, match=message):
    training.check_run(config, make=functools.partial(training.build, mesh=one))


def test_another_file_of_the_same_name_is_another_source(tmp_path):
  """A stage that went by the old one is not taken for the new one's."""
  path, names = str(tmp_path / 'features.npy'), set()
  for value in (1, 2):
    np.save(path, np.full((5, 2), value, np.float32))
    (stage,) = methods.get('ssdh')(BITS, features=path).stages
    names.add(stage.settings['features'])
  assert len(names) == 2 and all(name.startswith(path) for name in names)


@every_method
def test_low_precision_outputs(name):
  method = MAKE[name](BITS)
  variables, outputs, batch = make_problem(method, views=views_of(name))
  half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), outputs)
  rounded = jax.tree.map(lambda x: x.astype(jnp.float32), half)
  expected, low = (
    method.loss(variables, o, batch, key=KEY, step=STEP)
    for o in (rounded, half)
  )
  assert low[0].dtype == jnp.float32
  np.testing.assert_allclose(low[0], expected[0], rtol=1e-5)


@every_method
def test_gradients_reach_the_logits_and_are_finite(name):
  method = MAKE[name](BITS)
  variables, outputs, batch = make_problem(method, views=views_of(name))
  for scale in (1.0, 0.0, 1e3):
    scaled = outputs._replace(logits=scale * outputs.logits)
    gradient = jax.grad(
      lambda o: method.loss(variables, o, batch, key=KEY, step=STEP)[0]
    )(scaled)
    assert jnp.isfinite(gradient.logits).all()
    assert not jnp.any(gradient.features)
    if scale == 1.0:
      assert jnp.any(gradient.logits != 0)


@pytest.mark.parametrize('name', WITH_FEATURES)
def test_features_from_a_file(name, tmp_path):
  path = str(tmp_path / 'features.npy')
  vectors = np.random.default_rng(0).normal(size=(TRAIN + 9, 3))
  np.save(path, vectors.astype(np.float32))
  method = MAKE[name](BITS, features=path)
  variables, outputs, batch = make_problem(method)
  value, _ = method.loss(variables, outputs, batch, key=KEY, step=STEP)
  # The same as if these vectors were the inputs of the batch.
  plain = MAKE[name](BITS)
  if name == 'deepquan':  # which reconstructs its inputs
    triplets = [
      m.loss(v, outputs, {**batch, 'inputs': i}, key=KEY, step=STEP)[1].metrics
      for m, v, i in (
        (method, variables, batch['inputs']),
        (
          plain,
          _decoding(plain, 3),
          jnp.asarray(vectors[4 : 4 + ROWS], jnp.float32),
        ),
      )
    ]
    np.testing.assert_allclose(
      triplets[0]['triplet_loss'], triplets[1]['triplet_loss'], rtol=1e-5
    )
    assert triplets[0]['triplet_loss'] > 0
    return
  inputs = jnp.asarray(vectors[4 : 4 + ROWS], jnp.float32)
  expected, _ = plain.loss(
    make_problem(plain)[0],
    outputs,
    {**batch, 'inputs': inputs},
    key=KEY,
    step=STEP,
  )
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  assert value != plain.loss(*make_problem(plain), key=KEY, step=STEP)[0]


def _decoding(method, dims):
  """Variables of a method whose inputs are of another length."""
  info = Info(
    jax.ShapeDtypeStruct((ROWS, dims), jnp.float32),
    None,
    5,
    jnp.zeros(TRAIN, jnp.int32),
    arrays=ARRAYS,
  )
  return method.init(KEY, info)


@pytest.mark.parametrize(
  ('array', 'message'),
  [
    (np.ones((3, 2), np.float32), 'are of 3 rows, the data set has 39'),
    (np.ones(3, np.float32), r'must be float \[num_rows, dims\]'),
    (np.ones((39, 2), int), r'must be float \[num_rows, dims\], got int64'),
    (np.full((39, 2), np.nan), 'are not finite'),
  ],
)
def test_a_file_that_is_wrong(array, message, tmp_path):
  path = str(tmp_path / 'features.npy')
  np.save(path, array)
  with pytest.raises(ValueError, match=message):
    make_problem(methods.get('bihalf')(BITS, features=path))


def test_features_that_are_not_known(tmp_path):
  with pytest.raises(ValueError, match="unknown features 'pixels'; known: inp"):
    feature_source('pixels')
  with pytest.raises(ValueError, match='cannot be read'):
    feature_source(str(tmp_path / 'none.npy'))


def test_images_are_features_flattened():
  source = feature_source('inputs')
  images = jax.random.normal(KEY, (4, 2, 3, 1))
  batch = {'inputs': images, 'index': jnp.arange(4)}
  np.testing.assert_array_equal(
    source.of_batch({}, batch), images.reshape(4, 6)
  )
  np.testing.assert_array_equal(
    source.of_train(Info(None, None, 2, np.zeros(4)), np.asarray(images)),
    images.reshape(4, 6),
  )


def test_bihalf():
  method = MAKE['bihalf'](BITS, gamma=2.0)
  variables, outputs, batch = make_problem(method)

  def loss(logits):
    o = outputs._replace(logits=logits)
    return method.loss(variables, o, batch, key=None, step=STEP)[0]

  value, gradient = jax.value_and_grad(loss)(outputs.logits)
  codes = oracle.half_sign(outputs.logits).astype(np.float32)
  expected = np.mean(oracle.paired_cosine(codes, batch['inputs']))
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  # The gradient of the codes passes, and gamma's part is added.
  plain = jax.grad(
    lambda codes: jnp.square(_cosines(codes) - _cosines(batch['inputs'])).mean()
  )(jnp.asarray(codes))
  added = 2.0 * (outputs.logits - codes) / outputs.logits.size
  np.testing.assert_allclose(gradient, plain + added, rtol=1e-4, atol=1e-7)
  # Codes of queries are plain signs.
  np.testing.assert_array_equal(
    method.encode(variables, outputs), np.where(outputs.logits >= 0, 1, -1)
  )


def _cosines(x):
  a, b = jnp.split(x / jnp.linalg.norm(x, axis=1, keepdims=True), 2)
  return (a * b).sum(axis=1)


def test_greedyhash():
  method = MAKE['greedyhash_unsupervised'](BITS, penalty_weight=0.3)
  variables, outputs, batch = make_problem(method)
  value, aux = method.loss(variables, outputs, batch, key=None, step=STEP)
  logits = np.asarray(outputs.logits, np.float64)
  codes = np.where(logits >= 0, 1, -1)
  cosine = np.mean(oracle.paired_cosine(codes, batch['inputs']))
  penalty = np.mean(np.abs(np.abs(logits) - 1) ** 3)
  np.testing.assert_allclose(aux.metrics['cosine_loss'], cosine, rtol=1e-5)
  np.testing.assert_allclose(aux.metrics['penalty'], penalty, rtol=1e-5)
  np.testing.assert_allclose(value, cosine + 0.3 * penalty, rtol=1e-5)
  # Backwards the signs are the identity.
  plain = MAKE['greedyhash_unsupervised'](BITS, penalty_weight=0.0)

  def loss(logits):
    o = outputs._replace(logits=logits)
    return plain.loss(variables, o, batch, key=None, step=STEP)[0]

  def of_codes(codes):
    gaps = _cosines(codes) - _cosines(batch['inputs'])
    return jnp.square(gaps).mean()

  np.testing.assert_allclose(
    jax.grad(loss)(outputs.logits),
    jax.grad(of_codes)(jnp.asarray(codes, jnp.float32)),
    rtol=1e-4,
    atol=1e-7,
  )


def test_cibhash():
  method = MAKE['cibhash'](BITS, temperature=0.5, kl_weight=0.2)
  variables, outputs, batch = make_problem(method, views=2)

  def loss(logits):
    o = outputs._replace(logits=logits)
    return method.loss(variables, o, batch, key=None, step=STEP)

  (value, aux), gradient = jax.value_and_grad(loss, has_aux=True)(
    outputs.logits
  )
  logits = np.asarray(outputs.logits, np.float64)
  codes = np.where(logits >= 0, 1.0, -1.0)
  contrastive = np.mean(oracle.nt_xent(codes, 0.5))
  p = 1 / (1 + np.exp(-logits))
  kl = np.mean(oracle.bernoulli_kl(*np.split(p, 2)))
  np.testing.assert_allclose(
    aux.metrics['contrastive_loss'], contrastive, rtol=1e-5
  )
  np.testing.assert_allclose(aux.metrics['kl_loss'], kl, rtol=1e-4)
  np.testing.assert_allclose(value, contrastive + 0.2 * kl, rtol=1e-5)
  # Each second argument is fixed: d/da of D(p || q) with q held, and p held in
  # the other; (log p/q - log (1-p)/(1-q)) dp/da.
  passed = jax.grad(lambda z: _nt_xent(z, 0.5))(jnp.asarray(codes, jnp.float32))
  gap = logits - np.roll(logits, ROWS, axis=0)
  slope = p * (1 - p)
  expected = passed * slope + 0.2 * gap * slope / (2 * ROWS)
  np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-6)


def _nt_xent(z, temperature):
  unit = z / jnp.linalg.norm(z, axis=1, keepdims=True)
  scores = unit @ unit.T / temperature
  scores = jnp.where(jnp.eye(len(z), dtype=bool), -jnp.inf, scores)
  other = jnp.roll(jnp.arange(len(z)), len(z) // 2)
  chosen = jnp.take_along_axis(scores, other[:, None], axis=1)[:, 0]
  return (jax.nn.logsumexp(scores, axis=1) - chosen).mean()


def test_ssdh():
  method = MAKE['ssdh'](BITS)
  variables, outputs, batch = make_problem(method)
  value, aux = method.loss(variables, outputs, batch, key=None, step=STEP)
  h = np.tanh(np.asarray(outputs.logits, np.float64))
  x = np.asarray(batch['inputs'])
  distances = [[1 - oracle.cosine(a, b) for b in x] for a in x]
  s = oracle.distance_structure(distances, 0.7, 1.2)
  assert {-1, 0, 1} == set(np.unique(s))
  np.testing.assert_allclose(value, oracle.structure(h, h, s).mean(), rtol=1e-4)
  assert aux.metrics['near_pairs'] == pytest.approx((s > 0).mean())
  assert aux.metrics['far_pairs'] == pytest.approx((s < 0).mean())


@pytest.mark.parametrize('from_file', [False, True])
def test_the_stage_of_ssdh(from_file, tmp_path):
  path = str(tmp_path / 'features.npy')
  x = np.random.default_rng(1).normal(size=(39, 4)).astype(np.float32)
  np.save(path, x)
  train = x[4:34]
  options = {'features': path} if from_file else {}
  (stage,) = MAKE['ssdh'](BITS, factor=1.5, **options).stages
  assert stage.wants_inputs == (not from_file)
  info = Info(
    None,
    None,
    2,
    np.zeros(30, int),
    train_rows=np.arange(4, 34),
    num_rows=39,
  )
  arrays, report = stage.run(KEY, info, None if from_file else train)
  (near, far), lower, upper, histogram = oracle.half_gaussians(
    train, factor=1.5, num_bins=200, mode_in_bin=0.5
  )
  expected = {
    'mode': near[0],
    'near_std': near[1],
    'far_std': far[1],
    'lower': lower,
    'upper': upper,
  }
  assert report == pytest.approx(expected, rel=1e-3)
  np.testing.assert_array_equal(arrays['histogram'], histogram)
  assert arrays['histogram'].sum() == 30 * 29 // 2
  assert stage.settings['factor'] == 1.5


@pytest.mark.parametrize(
  ('name', 'options', 'message'),
  [
    ('bihalf', {'gamma': -1.0}, 'gamma must'),
    ('cibhash', {'temperature': 0.0}, 'temperature must'),
    ('cibhash', {'kl_weight': -1.0}, 'kl_weight must'),
    ('greedyhash_unsupervised', {'penalty_weight': -1.0}, 'penalty_weight'),
    ('ssdh', {'factor': -1.0}, 'factor must'),
    ('ssdh', {'features': 'x'}, "unknown features 'x'"),
  ],
)
def test_refuses(name, options, message):
  with pytest.raises(ValueError, match=message):
    methods.get(name)(BITS, **options)
