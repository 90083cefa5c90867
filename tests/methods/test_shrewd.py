"""SHREWD: its losses, its sources of similarity, and what it never sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from jaxhash import methods
from jaxhash.core import Info, Outputs
from jaxhash.methods.shrewd import _symmetric_beta, shrewd
from tests.oracles import pairs as oracle

BITS, ROWS, CLASSES, TRAIN = 6, 8, 4, 20
KEY, STEP = jax.random.key(5), jnp.int32(0)
LABELS = jnp.array([0, 0, 1, -1, 2, 3, 3, 1], jnp.int32)
TREE = np.array(
  [[0, 0.5, 1, 1], [0.5, 0, 1, 1], [1, 1, 0, 0.25], [1, 1, 0.25, 0]]
)
WEAK = {'classification_weight': 0.0}


def info_of(labels=None, tree=TREE, **more):
  outputs = Outputs(*[jax.ShapeDtypeStruct((ROWS, BITS), jnp.float32)] * 2)
  labels = np.resize(LABELS, TRAIN) if labels is None else labels
  return Info(None, outputs, CLASSES, labels, class_distances=tree, **more)


def batch_of(labels=LABELS, seed=0):
  logits = 2 * jax.random.normal(jax.random.key(seed), (len(labels), BITS))
  index = jnp.arange(len(labels), dtype=jnp.int32) + 3
  return Outputs(logits, logits), {'labels': labels, 'index': index}


def loss_of(method, variables, outputs, batch, key=KEY):
  return method.loss(variables, outputs, batch, key=key, step=STEP)


def expected_losses(outputs, batch, distances, rows, key=KEY):
  """Both terms, from the equations, for the rows that count."""
  z = 1 / (1 + np.exp(-np.asarray(outputs.logits, np.float64)))
  counts = np.outer(rows, rows) & ~np.eye(len(z), dtype=bool)
  table = oracle.relative_distances(z, distances, counts)
  reference = np.asarray(_symmetric_beta(key, 0.1, z.shape), np.float64)
  kl = np.mean(oracle.nearest_neighbor_kl(z[rows], reference, epsilon=1e-4))
  return table[counts].mean(), kl / BITS


def test_the_loss_is_the_equation_with_a_taxonomy():
  method = shrewd(BITS, kl_weight=0.5, **WEAK)
  variables = method.init(KEY, info_of())
  outputs, batch = batch_of()
  labels = np.asarray(LABELS)
  distances = TREE[labels.clip(0)][:, labels.clip(0)]
  relative, kl = expected_losses(outputs, batch, distances, labels >= 0)
  value, aux = loss_of(method, variables, outputs, batch)
  np.testing.assert_allclose(aux.metrics['similarity_loss'], relative, 1e-5)
  np.testing.assert_allclose(aux.metrics['kl_loss'], kl, 1e-4)
  np.testing.assert_allclose(value, relative + 0.5 * kl, 1e-4)
  assert not variables.params


def test_the_classifier_adds_its_cross_entropy():
  weak, strong = shrewd(BITS, **WEAK), shrewd(BITS, classification_weight=2.0)
  variables = strong.init(KEY, info_of())
  outputs, batch = batch_of()
  value, aux = loss_of(strong, variables, outputs, batch)
  z = 1 / (1 + np.exp(-np.asarray(outputs.logits, np.float64)))
  scores = z @ np.asarray(variables.params['classifier']['kernel'])
  log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
  rows = np.flatnonzero(LABELS >= 0)
  entropy = -np.mean([log_p[i, LABELS[i]] for i in rows])
  np.testing.assert_allclose(aux.metrics['classification_loss'], entropy, 1e-5)
  rest = loss_of(weak, variables, outputs, batch)[0]
  np.testing.assert_allclose(value, rest + 2 * entropy, 1e-5)


def vectors_of(count, seed=1):
  return np.random.default_rng(seed).normal(size=(count, 5))


def cosine_distances(vectors):
  units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
  return (1 - units @ units.T) / 2


def similar_rows(count=TRAIN):
  return 1 - cosine_distances(vectors_of(count))


@pytest.mark.parametrize('saved', [False, True])
@pytest.mark.parametrize(
  ('of', 'array', 'distances'),
  [
    ('classes', 1 - TREE, TREE),
    ('class_vectors', vectors_of(4), cosine_distances(vectors_of(4))),
    ('rows', similar_rows(), 1 - similar_rows()),
    ('row_vectors', vectors_of(TRAIN), cosine_distances(vectors_of(TRAIN))),
  ],
)
def test_sources_of_similarity(of, array, distances, saved, tmp_path):
  given = array
  if saved:
    given = str(tmp_path / 'similarity.npy')
    np.save(given, array)
  method = shrewd(BITS, similarity=given, similarity_of=of, **WEAK)
  variables = method.init(KEY, info_of(tree=None))
  outputs, batch = batch_of()
  labels = np.asarray(LABELS)
  by_class = of.startswith('class')
  at = labels.clip(0) if by_class else np.asarray(batch['index'])
  rows = labels >= 0 if by_class else np.ones(ROWS, bool)
  relative, kl = expected_losses(outputs, batch, distances[at][:, at], rows)
  metrics = loss_of(method, variables, outputs, batch)[1].metrics
  np.testing.assert_allclose(metrics['similarity_loss'], relative, 1e-4)
  np.testing.assert_allclose(metrics['kl_loss'], kl, 1e-4)


@pytest.mark.parametrize('multi', [False, True])
def test_labels_as_similarity(multi):
  labels = np.asarray(LABELS)
  if multi:
    labels = np.where(labels[:, None] == np.arange(CLASSES), 1, 0)
    labels[0, 1] = 1  # shares a label with the rows of class 1, too
  method = shrewd(BITS, similarity='labels', **WEAK)
  variables = method.init(KEY, info_of(labels=labels, tree=None))
  outputs, batch = batch_of()
  batch['labels'] = jnp.asarray(labels)
  distances = 1 - oracle.label_similarity(labels, labels)
  relative, _ = expected_losses(outputs, batch, distances, LABELS >= 0)
  metrics = loss_of(method, variables, outputs, batch)[1].metrics
  np.testing.assert_allclose(metrics['similarity_loss'], relative, 1e-5)


@pytest.mark.parametrize('of', ['rows', 'row_vectors'])
def test_rows_are_those_of_the_whole_data_set(of):
  vectors = vectors_of(TRAIN + 15)
  chosen = np.sort(np.random.default_rng(3).permutation(len(vectors))[:TRAIN])
  array = vectors if of == 'row_vectors' else 1 - cosine_distances(vectors)
  method = shrewd(BITS, similarity=array, similarity_of=of, **WEAK)
  info = info_of(tree=None, train_rows=chosen, num_rows=len(vectors))
  outputs, batch = batch_of()
  at = chosen[np.asarray(batch['index'])]
  relative, _ = expected_losses(
    outputs, batch, cosine_distances(vectors)[at][:, at], np.ones(ROWS, bool)
  )
  metrics = loss_of(method, method.init(KEY, info), outputs, batch)[1].metrics
  np.testing.assert_allclose(metrics['similarity_loss'], relative, 1e-4)


def test_metrics_are_of_the_rows_with_a_label():
  method = shrewd(BITS, **WEAK)
  variables = method.init(KEY, info_of())
  outputs, batch = batch_of()
  some = np.flatnonzero(LABELS >= 0)
  z = 1 / (1 + np.exp(-np.asarray(outputs.logits)[some]))
  metrics = loss_of(method, variables, outputs, batch)[1].metrics
  near = ((z <= 0.1) | (z >= 0.9)).mean()
  np.testing.assert_allclose(metrics['near_binary'], near, 1e-6)
  uneven = abs(np.where(z >= 0.5, 1, -1).mean(axis=0)).mean()
  np.testing.assert_allclose(metrics['bit_imbalance'], uneven, 1e-6)


def gradient_of(method, info, batch):
  variables = method.init(KEY, info)
  outputs, _ = batch_of()

  def loss(logits):
    full = outputs._replace(logits=logits)
    return loss_of(method, variables, full, batch)[0]

  return jax.value_and_grad(loss)(outputs.logits)


def test_with_similarities_of_rows_labels_are_not_looked_at():
  method = shrewd(BITS, similarity=similar_rows(), similarity_of='rows', **WEAK)
  _, batch = batch_of()
  value, gradient = gradient_of(method, info_of(tree=None), batch)
  hidden = np.full(TRAIN, -1)
  del batch['labels']
  again, same = gradient_of(method, info_of(hidden, None), batch)
  assert value == again
  np.testing.assert_array_equal(gradient, same)


def test_with_similarities_of_classes_their_names_do_not_matter():
  order = np.array([2, 0, 3, 1])  # class c gets the number order[c]
  tree = np.zeros_like(TREE)
  tree[np.ix_(order, order)] = TREE
  _, batch = batch_of()
  value, gradient = gradient_of(shrewd(BITS, **WEAK), info_of(), batch)
  renamed = jnp.where(LABELS < 0, -1, jnp.asarray(order)[LABELS])
  again, same = gradient_of(
    shrewd(BITS, **WEAK), info_of(tree=tree), {**batch, 'labels': renamed}
  )
  assert value == again
  np.testing.assert_array_equal(gradient, same)
  # Two classes at no distance are one.
  merged = TREE.copy()
  merged[3], merged[:, 3] = merged[2], merged[:, 2]
  one = gradient_of(shrewd(BITS, **WEAK), info_of(tree=merged), batch)
  labels = jnp.where(LABELS == 3, 2, LABELS)
  other = gradient_of(
    shrewd(BITS, **WEAK), info_of(tree=merged), {**batch, 'labels': labels}
  )
  np.testing.assert_array_equal(one[1], other[1])
  assert value != one[0]


def test_a_fresh_reference_at_each_key_and_a_fixed_one_without():
  method = shrewd(BITS, **WEAK)
  variables = method.init(KEY, info_of())
  outputs, batch = batch_of()
  values = [
    loss_of(method, variables, outputs, batch, key)[0].item()
    for key in (KEY, KEY, jax.random.key(6), None, None)
  ]
  assert values[0] == values[1] and values[3] == values[4]
  assert len(set(values)) == 3
  without = shrewd(BITS, kl_weight=0.0, **WEAK)
  a, b = (
    loss_of(without, variables, outputs, batch, key)[0]
    for key in (KEY, jax.random.key(6))
  )
  assert a == b


@pytest.mark.parametrize('concentration', [0.1, 0.5, 1.0])
def test_the_reference_is_a_beta_distribution(concentration):
  sample = np.asarray(_symmetric_beta(KEY, concentration, (200, 500)))
  wanted = stats.beta(concentration, concentration)
  for point in (1e-4, 0.01, 0.1, 0.5, 0.9, 0.99):
    share = (sample <= point).mean()
    assert abs(share - wanted.cdf(point)) < 0.006, point
  assert abs(sample.var() - wanted.var()) < 0.003
  # A row says nothing of the next, a bit nothing of the other.
  assert abs(np.corrcoef(sample[:-1].ravel(), sample[1:].ravel())[0, 1]) < 0.01
  assert abs(
    np.corrcoef(sample[:, :-1].ravel(), sample[:, 1:].ravel())[0, 1]
  ) < (0.01)


@pytest.mark.parametrize(
  'labels',
  [[0, 0], [0, 1], [0], [2, 2, 2, 2], [-1, -1, -1], [0, -1, -1], [1, 2, -1]],
)
@pytest.mark.parametrize('repeated', [False, True])
def test_small_and_repeated_batches_are_finite(labels, repeated):
  method = shrewd(BITS)
  variables = method.init(KEY, info_of())
  outputs, batch = batch_of(jnp.array(labels, jnp.int32))
  if repeated:
    outputs = jax.tree.map(lambda a: jnp.tile(a[:1], (len(a), 1)), outputs)

  def loss(params, logits):
    full = outputs._replace(logits=logits)
    return loss_of(method, variables._replace(params=params), full, batch)[0]

  value, gradients = jax.jit(jax.value_and_grad(loss, (0, 1)))(
    variables.params, outputs.logits
  )
  assert jnp.isfinite(value)
  for leaf in jax.tree.leaves(gradients):
    assert jnp.isfinite(leaf).all()


def test_rows_without_a_label_contribute_nothing():
  method = shrewd(BITS)
  variables = method.init(KEY, info_of())
  outputs, batch = batch_of()
  value = loss_of(method, variables, outputs, batch)[0]
  poisoned = jax.tree.map(lambda a: a.at[3].set(jnp.nan), outputs)
  again, gradient = jax.value_and_grad(
    lambda o: loss_of(method, variables, o, batch)[0]
  )(poisoned)
  np.testing.assert_allclose(again, value, rtol=1e-6)
  assert jnp.isfinite(gradient.logits).all()
  assert not gradient.logits[3].any()


@pytest.mark.parametrize('options', [{}, WEAK])
def test_transformations_and_bfloat16(options):
  method = shrewd(BITS, **options)
  variables = method.init(KEY, info_of())
  outputs, batch = batch_of()

  def loss(logits):
    full = outputs._replace(logits=logits)
    return loss_of(method, variables, full, batch)[0]

  logits = outputs.logits
  value = loss(logits)
  loss = jax.jit(loss)
  np.testing.assert_allclose(loss(logits), value, rtol=1e-5)
  np.testing.assert_allclose(
    jax.vmap(loss)(jnp.stack([logits, -logits])),
    [loss(logits), loss(-logits)],
    rtol=1e-5,
  )
  check_grads(loss, (logits,), 1, ('rev',), eps=1e-3, atol=2e-2, rtol=2e-2)
  half = logits.astype(jnp.bfloat16)
  assert loss(half).dtype == jnp.float32
  exact = loss(half.astype(jnp.float32))
  np.testing.assert_allclose(loss(half), exact, rtol=1e-6)


def test_the_divergence_makes_bits_binary_and_even():
  """Of a linear encoder: what the term is for, with it and without."""
  inputs = jax.random.normal(jax.random.key(1), (64, 10))
  labels = jnp.arange(64, dtype=jnp.int32) % CLASSES
  batch = {'labels': labels, 'index': labels}
  start = 0.1 * jax.random.normal(jax.random.key(2), (10, BITS)), jnp.ones(BITS)

  def metrics_after(kl_weight, steps=300):
    method = shrewd(BITS, kl_weight=kl_weight, **WEAK)
    variables = method.init(KEY, info_of(labels))

    def loss(params, key):
      logits = inputs @ params[0] + params[1][None]
      full = Outputs(logits, logits)
      return method.loss(variables, full, batch, key=key, step=STEP)

    @jax.jit
    def step(params, key):
      gradient, aux = jax.grad(loss, has_aux=True)(params, key)
      return jax.tree.map(lambda p, g: p - 0.3 * g, params, gradient), aux

    params = start
    for key in jax.random.split(KEY, steps):
      params, aux = step(params, key)
    return aux.metrics

  with_term, without = metrics_after(1.0), metrics_after(0.0)
  before = metrics_after(1.0, steps=1)
  assert before['bit_imbalance'] > 0.9 and before['near_binary'] < 0.05
  assert with_term['near_binary'] > without['near_binary'] + 0.3
  assert with_term['bit_imbalance'] < without['bit_imbalance'] - 0.2
  assert with_term['bit_imbalance'] < 0.25


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'similarity': 'wordnet'}, "unknown similarity 'wordnet'; known: taxon"),
    ({'similarity': 'no.npy'}, 'similarity in no.npy cannot be read'),
    ({'similarity_of': 'pairs'}, "unknown similarity_of 'pairs'; known: cla"),
    (
      {'similarity': 'labels', 'similarity_of': 'rows'},
      "similarity_of='rows' says what an array is of, and similarity is 'lab",
    ),
    ({'similarity': TREE}, 'must be 1 of each with itself, got 0.0: are these'),
    ({'similarity': TREE[:0, :0]}, r'got float64 \[0, 0\]'),
    ({'similarity': TREE + 1}, r'must be in \[0, 1\], got 1.0 to 2.0'),
    ({'similarity': TREE[:2]}, r'float \[classes, classes\], got float64 \[2'),
    ({'similarity': np.triu(TREE)}, 'must be symmetric'),
    ({'similarity': TREE * np.nan}, 'not finite'),
    (
      {'similarity': np.zeros((4, 3)), 'similarity_of': 'class_vectors'},
      'a vector of zeros, row 0',
    ),
    ({'kl_weight': -1.0}, 'kl_weight must be at least 0'),
    ({'weight_scale': 0.0}, 'weight_scale must be above 0'),
    ({'reference_concentration': 2.0}, 'must be at most 1'),
  ],
)
def test_bad_arguments(options, message):
  with pytest.raises(ValueError, match=message):
    shrewd(BITS, **options)


@pytest.mark.parametrize(
  ('options', 'info', 'message'),
  [
    ({}, info_of(tree=None), "'taxonomy' needs the taxonomy of the run"),
    ({}, info_of(np.zeros((TRAIN, 4), int)), 'needs int labels'),
    (
      {'similarity': 1 - TREE[:3, :3]},
      info_of(),
      'of 3 classes, the data have 4',
    ),
    (
      {'similarity': similar_rows(9), 'similarity_of': 'rows'},
      info_of(),
      'of 9 rows, the data have 20',
    ),
  ],
)
def test_a_similarity_of_other_data(options, info, message):
  method = shrewd(BITS, **options)
  with pytest.raises(ValueError, match=message):
    method.init(KEY, info)


def test_it_is_called_a_reconstruction():
  assert shrewd(BITS).reconstruction
  assert 'RECONSTRUCTION' in methods.get('shrewd').__doc__
