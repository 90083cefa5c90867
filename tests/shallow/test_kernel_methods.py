import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxhash.shallow import _kernel, ksh, sdh
from tests.oracles import shallow as oracle

KEY = jax.random.key(5)
N, C = 200, 4
BOTH = pytest.mark.parametrize('method', [ksh, sdh])


def _labels(kind='single'):
  labels = jnp.arange(N, dtype=jnp.int32) % C
  if kind == 'single':
    return labels
  if kind == 'unknown':
    return jnp.where(jnp.arange(N) < 40, -1, labels)
  hot = jax.random.bernoulli(jax.random.key(8), 0.3, (N, C))
  hot = hot | (labels[:, None] == jnp.arange(C)[None])
  return (hot & (jnp.arange(N) >= 20)[:, None]).astype(jnp.int8)


def _features():
  centers = jax.random.normal(jax.random.key(0), (C, 6))
  noise = jax.random.normal(jax.random.key(1), (N, 6))
  return centers[jnp.arange(N, dtype=jnp.int32) % C] + noise


def _fit(method, labels=None, features=None, **kwargs):
  features = _features() if features is None else features
  labels = _labels() if labels is None else labels
  kwargs = {'num_bits': 12, 'num_anchors': 50} | kwargs
  return method.fit(features, KEY, labels=labels, **kwargs)


def _near(model, rows):
  rows = np.asarray(rows - model.mean[None], float)
  anchors = np.asarray(model.anchors, float)
  return oracle.kernel(rows, anchors, float(model.width))


@BOTH
def test_model_and_codes_match_loops(method):
  features, model = _features(), _fit(method)
  near = _near(model, features)
  np.testing.assert_allclose(model.center, near.mean(0), atol=1e-5)
  rows = np.asarray(features - model.mean[None], float)
  anchors = np.asarray(model.anchors, float)
  assert all(np.abs(rows - a).max(1).min() < 1e-6 for a in anchors)
  assert len(np.unique(anchors, axis=0)) == 50
  distances = [((x - a) ** 2).sum() for x in rows for a in anchors]
  assert float(model.width) == pytest.approx(np.mean(distances), rel=1e-5)
  projection = np.asarray(model.projection, float)
  logits = (near - near.mean(0)) @ projection + np.asarray(model.bias, float)
  clear = np.abs(logits) > 1e-3 * np.abs(projection).sum(0)
  assert clear.mean() > 0.5
  codes = np.asarray(method.encode(model, features))
  np.testing.assert_array_equal(codes[clear], oracle.sign(logits)[clear])


@BOTH
def test_fewer_rows_than_anchors(method):
  model = _fit(method, num_anchors=1000)
  assert model.anchors.shape == (N, 6)


@pytest.mark.parametrize('kind', ['single', 'unknown', 'multi'])
def test_ksh_errors_are_those_of_all_pairs(kind):
  labels = _labels(kind)
  model = _fit(ksh, labels)
  codes = np.asarray(ksh.encode(model, _features()))
  s = oracle.similarity(np.asarray(labels))
  assert (s == 0).any() == (kind != 'single')
  np.testing.assert_allclose(
    model.errors, oracle.code_errors(codes, s), atol=2e-4
  )
  assert np.all(np.diff(model.errors) < 0)


def test_ksh_first_bit_starts_at_the_eigenproblem():
  features = _features()
  model = _fit(ksh, num_steps=0, num_bits=1)
  near = _near(model, features)
  near -= near.mean(0)
  s = oracle.similarity(np.asarray(_labels()))
  gram = near.T @ near
  _, vectors = scipy.linalg.eigh(
    near.T @ s @ near, gram + 1e-5 * np.linalg.norm(gram) * np.eye(50)
  )
  logits = near @ vectors[:, -1]
  codes = np.asarray(ksh.encode(model, features))[:, 0]
  agreement = np.mean(codes == oracle.sign(logits))
  assert max(agreement, 1 - agreement) > 0.97


def test_ksh_gradient_only_helps():
  plain, smooth = (_fit(ksh, num_steps=i, num_bits=1) for i in (0, 100))
  assert smooth.errors[-1] < plain.errors[-1]
  # With no more bits than classes want, later bits help as well.
  plain, smooth = (_fit(ksh, num_steps=i) for i in (0, 100))
  assert smooth.errors[-1] < plain.errors[-1] - 0.01


def test_ksh_ascends_the_smooth_objective():
  features, labels = _features(), _labels()
  near = _kernel.draw(features - features.mean(0)[None], KEY, 50)[2]
  white, _, kept = ksh._whiten(near, jnp.float32(N))
  np.testing.assert_allclose(white.T @ white / N, np.diag(kept), atol=0.02)
  s = oracle.similarity(np.asarray(labels)).astype(np.float32)

  def value(a):
    y = jnp.tanh(white @ a / 2)
    return y @ (s @ y) / N**2

  start = ksh._greatest(white.T @ s @ white / N**2)
  values = [
    float(
      value(ksh._ascend(white, lambda y: s @ y / N, jnp.float32(N), start, i))
    )
    for i in (0, 1, 2, 100)
  ]
  assert values == sorted(values)
  assert values[-1] > 1.2 * values[0]
  # One step is half the gradient.
  step = ksh._ascend(white, lambda y: s @ y / N, jnp.float32(N), start, 1)
  np.testing.assert_allclose(
    step - start, jax.grad(value)(start) / 2, rtol=1e-3, atol=1e-5
  )


def test_ksh_with_far_more_classes_than_bits_still_gives_distinct_bits():
  labels = jnp.arange(N, dtype=jnp.int32) // 4
  centers = 3 * jax.random.normal(jax.random.key(0), (N // 4, 6))
  features = centers[labels] + 0.1 * jax.random.normal(
    jax.random.key(1), (N, 6)
  )
  model = _fit(ksh, labels, features, num_bits=8, num_anchors=200)
  codes = np.asarray(ksh.encode(model, features))
  s = oracle.similarity(np.asarray(labels))
  np.testing.assert_allclose(
    model.errors, oracle.code_errors(codes, s), atol=1e-3
  )
  assert len(np.unique(codes, axis=1).T) == 8


@pytest.mark.parametrize('kind', ['single', 'unknown', 'multi'])
def test_sdh_matches_loops(kind):
  labels, features = _labels(kind), _features()
  kwargs = {'decay': 0.5, 'fidelity': 0.01, 'ridge': 0.01}
  model = _fit(
    sdh, labels, num_bits=6, num_iterations=2, num_sweeps=2, **kwargs
  )
  if kind == 'multi':
    y = np.asarray(labels, float)
  else:
    y = np.array([[float(x == c) for c in range(C)] for x in labels])
  known = y.sum(1) > 0
  near = _near(model, features)
  phi = np.append(near - near.mean(0), np.ones((N, 1)), axis=1)[known]
  codes = jax.random.rademacher(jax.random.split(KEY)[1], [N, 6], jnp.float32)
  p, errors = oracle.sdh(
    phi,
    y[known],
    np.asarray(codes, float)[known],
    decay=0.5,
    fidelity=0.01,
    rho=0.01 * (phi**2).sum() / 51,
    num_iterations=2,
    num_sweeps=2,
  )
  np.testing.assert_allclose(model.errors, errors, rtol=1e-3)
  found = np.append(model.projection, model.bias[None], axis=0)
  np.testing.assert_allclose(
    phi @ found, phi @ p, atol=0.02 * np.abs(phi @ p).max()
  )


@pytest.mark.parametrize('kind', ['single', 'unknown', 'multi'])
def test_sdh_objective_never_grows(kind):
  model = _fit(sdh, _labels(kind), num_bits=16)
  errors = np.asarray(model.errors)
  assert errors.shape == (16,)
  assert np.all(np.diff(errors) <= 1e-5 * errors[:-1])
  assert errors[-1] < 0.7 * errors[0]


@BOTH
def test_rows_without_a_label_pull_on_nothing(method):
  labels, features = _labels('unknown'), _features()
  known = np.asarray(labels) >= 0
  model = _fit(method, labels, num_anchors=1000, num_bits=4)
  hot = jax.nn.one_hot(labels, C, dtype=jnp.int32)
  same = _fit(method, hot, num_anchors=1000, num_bits=4)
  np.testing.assert_allclose(model.errors, same.errors, atol=1e-4)
  if method is ksh:
    codes = np.asarray(ksh.encode(model, features))[known]
    s = oracle.similarity(np.asarray(labels)[known])
    np.testing.assert_allclose(
      model.errors, oracle.code_errors(codes, s), atol=1e-3
    )


@BOTH
def test_codes_tell_the_classes_of_other_rows(method):
  features, labels = _features(), np.asarray(_labels())
  model = _fit(method, labels[:100], features[:100], num_bits=16)
  codes = np.asarray(method.encode(model, features)).astype(int)
  nearest = (codes[100:] @ codes[:100].T).argmax(1)
  assert np.mean(labels[nearest] == labels[100:]) > 0.55


def test_names_of_classes_do_not_matter():
  labels = _labels()
  for method in (ksh, sdh):
    plain, renamed = (
      _fit(method, x, num_bits=4) for x in (labels, 1000 - 7 * labels)
    )
    np.testing.assert_allclose(plain.errors, renamed.errors, rtol=1e-3)


@BOTH
@pytest.mark.parametrize(
  ('labels', 'message'),
  [
    (jnp.zeros(5, jnp.int32), '200 rows of features have 5 labels'),
    (jnp.zeros(N), r'int \[items\] or multi-hot.*float32'),
    (jnp.full(N, -1, jnp.int32), 'no row has a label'),
    (jnp.zeros((N, 3), jnp.int8), 'no row has a label'),
  ],
)
def test_refuses_labels(method, labels, message):
  with pytest.raises(ValueError, match=message):
    _fit(method, labels)


@pytest.mark.parametrize(
  ('method', 'kwargs', 'message'),
  [
    (ksh, {'num_anchors': 0}, 'num_anchors.*0'),
    (ksh, {'num_steps': -1}, 'num_steps.*-1'),
    (sdh, {'num_anchors': 0}, 'num_anchors.*0'),
    (sdh, {'num_iterations': -1}, 'num_iterations.*-1'),
    (sdh, {'num_sweeps': 0}, 'num_sweeps.*0'),
    (sdh, {'decay': 0.0}, 'decay.*0'),
    (sdh, {'fidelity': -1.0}, 'fidelity.*-1'),
    (sdh, {'ridge': 0.0}, 'ridge.*0'),
  ],
)
def test_refuses_numbers(method, kwargs, message):
  with pytest.raises(ValueError, match=message):
    _fit(method, **kwargs)
