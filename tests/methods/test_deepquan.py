"""DeepQuan: triplets, codebooks, distances and the alternation of both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import methods, metrics, quantizers, training
from jaxhash.core import Info
from jaxhash.methods._decoders import Decoder
from jaxhash.methods._neighbors import are_neighbors, random_triplets
from tests.configs import small
from tests.method_suite import experiment_of, run_steps
from tests.methods.test_unsupervised_methods import (
  ARRAYS,
  BITS,
  KEY,
  ROWS,
  STEP,
  TRAIN,
  make_problem,
)
from tests.oracles import unsupervised as oracle

SMALL = {
  'bits_per_codebook': 4,
  'width': 8,
  'num_neighbors': 3,
  'hidden': 16,
}


def deepquan(num_bits=BITS, **options):
  options = {'bits_per_codebook': 4, 'width': BITS, 'hidden': 5, **options}
  return methods.get('deepquan')(num_bits, **options)


def nearest(h, books):
  """Ids and codewords of each part, one row and one part after another."""
  width = books.shape[2]
  ids = np.zeros((len(h), len(books)), int)
  words = np.zeros_like(h)
  for i, m in np.ndindex(ids.shape):
    part = slice(m * width, (m + 1) * width)
    gaps = np.square(h[i, part] - books[m]).sum(axis=1)
    ids[i, m] = gaps.argmin()
    words[i, part] = books[m, ids[i, m]]
  return ids, words


def fitted(variables, seed=0):
  """Variables with codebooks that count."""
  shape = variables.state['codebooks'].shape
  books = jax.random.normal(jax.random.key(seed), shape)
  state = {**variables.state, 'codebooks': books, 'fitted': jnp.ones(())}
  return variables._replace(state=state)


@pytest.mark.parametrize('key', [None, KEY])
def test_the_loss(key):
  method = deepquan(
    quantization_weight=0.7, triplet_weight=0.4, margin=0.5, num_neighbors=2
  )
  variables, outputs, batch = make_problem(method)
  variables = fitted(variables)
  value, aux = method.loss(variables, outputs, batch, key=key, step=STEP)
  h = np.asarray(outputs.logits, np.float64)
  x = np.asarray(batch['inputs'], np.float64)
  network = jax.tree.map(np.asarray, variables.params['decoder'])
  hidden = np.maximum(
    h @ network['hidden']['kernel'] + network['hidden']['bias'], 0
  )
  decoded = hidden @ network['out']['kernel'] + network['out']['bias']
  reconstruction = np.square(x - decoded).mean()
  _, words = nearest(h, np.asarray(variables.state['codebooks']))
  error = np.square(h - words).mean()
  near = are_neighbors(jnp.asarray(ARRAYS['neighbors'])[:ROWS], batch['index'])
  a, p, n, where = (
    np.asarray(t)
    for t in random_triplets(near, jax.random.key(0) if key is None else key, 4)
  )
  gaps = [
    max(0.0, oracle.cosine(x[i], x[j]) - oracle.cosine(x[i], x[k]))
    for i, j, k in zip(a, p, n)
  ]
  scaled = h / np.sqrt(BITS)
  triplets = np.array(
    oracle.triplet_hinge(scaled[a], scaled[p], scaled[n], gaps, 0.5)
  )
  triplet = triplets[where].mean()
  assert triplet > 0
  for name, expected in {
    'reconstruction_loss': reconstruction,
    'quantization_loss': error,
    'triplet_loss': triplet,
    'triplets': where.sum(),
  }.items():
    np.testing.assert_allclose(aux.metrics[name], expected, rtol=1e-4)
  np.testing.assert_allclose(
    value, reconstruction + 0.7 * error + 0.4 * triplet, rtol=1e-4
  )


def test_without_codebooks_there_is_nothing_to_quantise_by():
  method = deepquan(quantization_weight=5.0)
  variables, outputs, batch = make_problem(method)
  _, aux = method.loss(variables, outputs, batch, key=KEY, step=STEP)
  assert aux.metrics['quantization_loss'] == 0
  assert aux.metrics['unused_codewords'] == 1


def test_the_gradient_of_the_error_draws_to_the_codeword():
  method = deepquan(quantization_weight=1.0, triplet_weight=0.0)
  variables, outputs, batch = make_problem(method)
  variables = fitted(variables)

  def error(logits):
    o = outputs._replace(logits=logits)
    aux = method.loss(variables, o, batch, key=KEY, step=STEP)[1]
    return aux.metrics['quantization_loss']

  h = np.asarray(outputs.logits)
  _, words = nearest(h, np.asarray(variables.state['codebooks']))
  np.testing.assert_allclose(
    jax.grad(error)(outputs.logits), 2 * (h - words) / h.size, rtol=1e-4
  )


def test_codes_and_both_distances():
  method = deepquan()
  variables, outputs, _ = make_problem(method)
  variables = fitted(variables)
  books = np.asarray(variables.state['codebooks'])
  codes = method.encode(variables, outputs)
  h = np.asarray(outputs.logits)
  ids, words = nearest(h, books)
  assert codes.dtype == jnp.uint8 and codes.shape == (ROWS, BITS // 4)
  np.testing.assert_array_equal(codes, ids)
  # ADC is the exact distance to what the codes stand for; SDC is between two.
  np.testing.assert_allclose(
    method.distance(variables, outputs, np.asarray(codes)),
    np.square(h[:, None] - words[None]).sum(axis=2),
    rtol=1e-4,
  )
  symmetric = np.asarray(
    method.symmetric_distance(variables, np.asarray(codes), np.asarray(codes))
  )
  np.testing.assert_allclose(
    symmetric, np.square(words[:, None] - words[None]).sum(axis=2), rtol=1e-4
  )
  np.testing.assert_array_equal(symmetric, symmetric.T)
  assert not np.diagonal(symmetric).any()
  assert np.asarray(codes).max() < 16  # so that a code has num_bits bits


def test_rows_are_near_either_way_and_never_to_themselves():
  neighbors = jnp.array([[5, 7], [9, 0], [1, 2], [7, 5]])
  index = jnp.array([5, 0, 7, 9])
  near = are_neighbors(neighbors, index)
  expected = np.zeros((4, 4), bool)
  expected[0, 2] = expected[2, 0] = True  # row 5 has 7 among its own
  expected[1, 3] = expected[3, 1] = True  # row 0 has 9
  expected[3, 2] = expected[2, 3] = True  # row 9 has 7
  expected[3, 0] = expected[0, 3] = True  # row 9 has 5
  np.testing.assert_array_equal(near, expected)


def test_triplets_are_of_a_near_row_and_one_that_is_not():
  near = jax.random.bernoulli(KEY, 0.2, (20, 20))
  near = (near | near.T) & ~jnp.eye(20, dtype=bool)
  seen = set()
  for seed in range(30):
    a, p, n, where = (
      np.asarray(x) for x in random_triplets(near, jax.random.key(seed), 3)
    )
    assert a.shape == (60,)
    kept = list(zip(a[where], p[where], n[where]))
    for i, j, k in kept:
      assert near[i, j] and not near[i, k] and i != k
    pairs = [(i, j) for i, j, _ in kept]
    assert len(set(pairs)) == len(pairs)  # each with another near row
    seen |= set(pairs)
  assert seen == {(i, j) for i, j in np.argwhere(near)}
  none = random_triplets(jnp.zeros((5, 5), bool), KEY, 9)
  assert not none[3].any()


def stage_of(**options):
  (stage,) = deepquan(**options).stages
  return stage


def test_the_stage_finds_the_neighbours():
  x = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
  info = Info(None, None, 2, np.zeros(40, int))
  found, report = stage_of(num_neighbors=6).run(KEY, info, x)
  unit = x / np.linalg.norm(x, axis=1, keepdims=True)
  cosines = unit @ unit.T - 3 * np.eye(40)
  expected = np.argsort(-cosines, axis=1)[:, :6]
  np.testing.assert_array_equal(np.sort(found['neighbors']), np.sort(expected))
  assert report == {'neighbors': 6}


def test_no_row_is_its_own_neighbour_even_among_copies():
  x = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
  info = Info(None, None, 2, np.zeros(40, int))
  found, _ = stage_of(num_neighbors=5).run(KEY, info, x)
  rows = np.arange(40)[:, None]
  assert (found['neighbors'] != rows).all()
  assert (found['neighbors'] // 10 == rows // 10).all()
  assert all(len(set(row)) == 5 for row in found['neighbors'].tolist())


def filled(method, h, seed=1):
  """Variables whose bank has h of some rows."""
  variables, _, batch = make_problem(method, seed=seed)
  bank = jnp.zeros((TRAIN, BITS)).at[: len(h)].set(h)
  state = {**variables.state, 'bank': bank, 'seen': jnp.arange(TRAIN) < len(h)}
  return variables._replace(state=state), batch


def error_of(h, codebooks):
  _, words = nearest(np.asarray(h), np.asarray(codebooks))
  return np.square(np.asarray(h) - words).sum()


def test_the_bank_has_the_last_representations():
  method = deepquan()
  variables, outputs, batch = make_problem(method)
  _, aux = method.loss(variables, outputs, batch, key=KEY, step=STEP)
  state = method.update(variables, outputs, aux, batch, key=KEY, step=STEP)
  np.testing.assert_array_equal(state['bank'][:ROWS], outputs.logits)
  np.testing.assert_array_equal(state['seen'], np.arange(TRAIN) < ROWS)
  np.testing.assert_array_equal(
    state['codebooks'], variables.state['codebooks']
  )


def test_codebooks_are_fitted_to_the_rows_that_were_seen():
  method = deepquan(num_sweeps=3)
  h = jax.random.normal(jax.random.key(5), (20, BITS))
  variables, _ = filled(method, h)
  state = method.solve(variables, key=KEY, step=STEP)
  assert variables.state['fitted'] == 0 and state['fitted'] == 1
  spread = np.square(h - h.mean(axis=0)[None]).sum()
  assert error_of(h, state['codebooks']) < spread
  # What the bank holds of other rows does not matter.
  poisoned = {
    **variables.state,
    'bank': variables.state['bank'].at[20:].set(jnp.nan),
  }
  again = method.solve(variables._replace(state=poisoned), key=KEY, step=STEP)
  np.testing.assert_array_equal(again['codebooks'], state['codebooks'])


def test_with_the_network_as_it_is_it_is_a_product_quantiser():
  """Plain PQ: the same codebooks from the same start."""
  method = deepquan(num_sweeps=6)
  h = jax.random.normal(jax.random.key(3), (TRAIN, BITS))
  variables, _ = filled(method, h)
  got = method.solve(variables, key=KEY, step=STEP)['codebooks']
  first, rest = jax.random.split(KEY)
  expected, _, _ = quantizers.fit_codebooks(h, first, 2, 16, 0)
  for key in jax.random.split(rest, 6):
    expected = quantizers.step(expected, h, key)
  np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_a_block_step_never_makes_the_error_larger():
  """(ii) and (iii) of the alternation, the network as it is."""
  method = deepquan(num_sweeps=1)
  h = jax.random.normal(jax.random.key(7), (TRAIN, BITS))
  variables, _ = filled(method, h)
  errors = []
  for i in range(12):
    state = method.solve(variables, key=jax.random.key(i), step=STEP)
    errors.append(error_of(h, state['codebooks']))
    variables = variables._replace(state=state)
  assert (np.diff(errors) <= 1e-4).all() and errors[-1] < errors[0]


def test_the_total_loss_never_grows_in_the_codebook_step():
  method = deepquan(quantization_weight=1.0)
  _, outputs, batch = make_problem(method)
  variables = fitted(filled(method, outputs.logits)[0])
  before, _ = method.loss(variables, outputs, batch, key=KEY, step=STEP)
  state = method.solve(variables, key=KEY, step=STEP)
  after, _ = method.loss(
    variables._replace(state=state), outputs, batch, key=KEY, step=STEP
  )
  assert after < before


def test_as_many_codewords_as_rows_leave_no_error():
  method = deepquan(num_sweeps=20)
  h = jax.random.normal(KEY, (ROWS, BITS))
  variables, _ = filled(method, h)
  state = method.solve(variables, key=KEY, step=STEP)
  assert error_of(h, state['codebooks']) < 1e-8
  assert state['unused'] == pytest.approx(1 - ROWS / 16)


@pytest.mark.parametrize('shape', [(7,), (8, 8, 1), (9, 6, 3)])
def test_a_decoder_gives_the_shape_of_the_inputs(shape):
  decoder = Decoder(shape, 16)
  h = jnp.ones((2, 5))
  params = decoder.init(KEY, h)
  assert decoder.apply(params, h).shape == (2, *shape)


def test_images_are_decoded_by_convolutions(tmp_path):
  config = small.get_config().to_dict() | {
    'dataset': {'name': 'shapes', 'num_per_class': 12, 'size': 8},
    'protocol': {'name': 'per_class', 'num_query': 2, 'num_train': 8},
    'encoder': {'name': 'cnn', 'channels': [4, 4], 'hidden': 8},
    'method': {'name': 'deepquan', 'num_bits': 8, **SMALL},
    'batch_size': 24,
    'epochs': 20,
  }
  config['optimizer'] = {**config['optimizer'], 'learning_rate': 0.01}
  (experiment,) = training.prepare_seeds(
    config,
    [0],
    tmp_path,
    stages=tmp_path / 'stages',
    mesh=training.make_mesh(jax.devices()[:1]),
  )
  rows = len(experiment.split.train)
  assert experiment.info.arrays['neighbors'].shape == (rows, 3)
  with jax.numpy_dtype_promotion('standard'):  # optax counts in int32
    state, found = run_steps(experiment, 30)
  losses = [m['reconstruction_loss'] for m in found]  # epochs of three steps
  assert np.mean(losses[-3:]) < 0.85 * np.mean(losses[:3])
  assert found[0]['triplets'] > 0
  decoder = state.params['method']['decoder']
  assert any('Conv' in name for name in decoder)


def test_it_is_called_a_reconstruction():
  assert 'alternation' in deepquan().reconstruction


def test_the_stage_gets_the_prepared_inputs(tmp_path):
  """Not those of the file: neighbours are those that the encoder sees."""
  experiment = experiment_of(
    {'name': 'deepquan', 'num_bits': 8, **SMALL}, devices=1
  )
  pipeline, split = experiment.pipeline, experiment.split
  inputs = pipeline.preprocess(
    pipeline.data, experiment.dataset.inputs[split.train]
  )
  expected, _ = stage_of(num_neighbors=3).run(
    KEY, experiment.info, np.asarray(inputs)
  )
  np.testing.assert_array_equal(
    experiment.info.arrays['neighbors'], expected['neighbors']
  )


@pytest.mark.parametrize(
  ('num_bits', 'options', 'message'),
  [
    (
      12,
      {'bits_per_codebook': 8},
      'multiple of bits_per_codebook, got 12 and 8',
    ),
    (
      24,
      {'width': 64, 'bits_per_codebook': 8},
      'length 64 cannot be cut into 3 equal parts',
    ),
    (
      18,
      {'bits_per_codebook': 9},
      'bits_per_codebook must be at most 8, got 9',
    ),
    (8, {'num_sweeps': 0}, 'num_sweeps must be an int of at least 1'),
    (8, {'margin': 0.0}, 'margin must'),
    (8, {'triplet_weight': -1.0}, 'triplet_weight must'),
  ],
)
def test_refuses(num_bits, options, message):
  with pytest.raises(ValueError, match=message):
    deepquan(num_bits, **options)


def test_results_are_those_of_the_distances_to_reconstructions():
  experiment = experiment_of(
    {'name': 'deepquan', 'num_bits': 8, **SMALL}, devices=1
  )
  state = training.initial_state(experiment)
  encode, split = training.RowEncoder(experiment), experiment.split
  results = training.evaluate(experiment, state, encode)
  items, queries = (
    encode(state, rows).outputs for rows in (split.database, split.query)
  )
  codebooks = np.asarray(state.method_state['codebooks'], np.float64)

  def nearest(outputs):
    parts = np.split(np.asarray(outputs.logits, np.float64), 2, axis=1)
    ids = [
      np.square(part[:, None] - book).sum(-1).argmin(1)
      for part, book in zip(parts, codebooks)
    ]
    return np.concatenate([b[i] for b, i in zip(codebooks, ids)], axis=1), ids

  quantised, ids = nearest(items)
  for name, mine in (
    ('query_database', np.asarray(queries.logits, np.float64)),
    ('symmetric', nearest(queries)[0]),
  ):
    distances = np.square(mine[:, None] - quantised).sum(-1)
    expected = metrics.evaluate_ranking(
      distances.round(4),
      *(experiment.dataset.labels[r] for r in (split.query, split.database)),
      experiment.protocol,
    )
    assert results[name]['mAP'] == pytest.approx(expected['mAP'], abs=1e-4)
  assert results['used_codewords'] == [len(np.unique(i)) for i in ids]
