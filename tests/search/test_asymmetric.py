import jax
import jax.numpy as jnp
import jaxtyping
import ml_dtypes
import numpy as np
import pytest

from jaxhash.search.asymmetric import (
  adc_distances,
  asymmetric_distances,
  lookup_tables,
  quantize,
  reconstruct,
  sdc_distances,
  table_distances,
)

# Three vectors, two subspaces of two codewords, worked by hand.
VECTORS = np.array(
  [[0, 0, 1, 1], [1, 0, 0, 1], [0.9, 0.2, 0.1, 0.9]], np.float32
)
CODEBOOKS = np.array([[[0, 0], [1, 0]], [[1, 1], [0, 1]]], np.float32)
IDS = np.array([[0, 0], [1, 1], [1, 1]], np.uint8)
QUERY = np.array([[1, 0, 1, 1]], np.float32)


def oracle_reconstruct(codebooks, ids):
  return np.array(
    [
      np.concatenate([codebooks[m][i] for m, i in enumerate(row)])
      for row in ids
    ],
    np.float64,
  )


def oracle_distances(a, b, metric='euclidean'):
  """Between all pairs of rows, one pair at a time, float64."""
  result = np.zeros((len(a), len(b)))
  for i, x in enumerate(a.astype(np.float64)):
    for j, y in enumerate(b.astype(np.float64)):
      result[i, j] = ((x - y) ** 2).sum() if metric == 'euclidean' else -(x @ y)
  return result


def oracle_quantize(vectors, codebooks):
  subspaces, _, width = codebooks.shape
  ids = []
  for vector in vectors.astype(np.float64):
    parts = vector.reshape(subspaces, width)
    ids.append(
      [
        min(range(len(book)), key=lambda i: (((part - book[i]) ** 2).sum(), i))
        for part, book in zip(parts, codebooks.astype(np.float64))
      ]
    )
  return np.array(ids)


def random_quantiser(
  seed, *, num_query=6, n=35, subspaces=3, codewords=16, width=5
):
  rng = np.random.default_rng(seed)
  query = rng.normal(size=(num_query, subspaces * width)).astype(np.float32)
  codebooks = rng.normal(size=(subspaces, codewords, width)).astype(np.float32)
  dtype = np.uint8 if codewords <= 256 else np.int32
  ids = rng.integers(0, codewords, (n, subspaces)).astype(dtype)
  return query, codebooks, ids


def random_codes(seed, n, bits):
  rng = np.random.default_rng(seed)
  return rng.choice(np.array([-1, 1], np.int8), (n, bits))


def random_logits(seed, n, bits):
  rng = np.random.default_rng(seed)
  return rng.normal(size=(n, bits)).astype(np.float32)


def four_devices(array):
  mesh = jax.make_mesh(
    (4,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  spec = jax.sharding.PartitionSpec('data')
  array = jax.device_put(array, jax.sharding.NamedSharding(mesh, spec))
  assert len(array.sharding.device_set) == 4
  return array


# Binary codes.


def test_asymmetric_by_hand():
  logits = jnp.array([[0.5, -2.0, 0.0], [1.0, 1.0, 1.0]])
  codes = jnp.array([[1, -1, 1], [-1, 1, -1]], jnp.int8)
  distances = asymmetric_distances(logits, codes)
  assert distances.dtype == jnp.float32
  # (3 - 2.5) / 2, (3 + 2.5) / 2; one bit differs, two bits differ.
  assert distances.tolist() == [[0.25, 2.75], [1.0, 2.0]]


@pytest.mark.parametrize('bits', [1, 12, 64, 200])
def test_asymmetric_against_float64(bits):
  logits, codes = random_logits(0, 7, bits), random_codes(1, 40, bits)
  expected = np.array(
    [
      [sum((1 - u * b) / 2 for u, b in zip(x, y)) for y in codes.astype(float)]
      for x in logits.astype(float)
    ]
  )
  np.testing.assert_allclose(
    asymmetric_distances(logits, codes), expected, rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize('bits', [1, 12, 64, 200])
@pytest.mark.parametrize('dtype', [np.float32, ml_dtypes.bfloat16, np.float16])
def test_codes_as_logits_give_hamming_distances(bits, dtype):
  query, database = random_codes(0, 9, bits), random_codes(1, 80, bits)
  hamming = (query[:, None] != database[None]).sum(-1)
  distances = asymmetric_distances(query.astype(dtype), database)
  np.testing.assert_array_equal(distances, hamming)
  np.testing.assert_array_equal(
    np.argsort(distances, axis=1, stable=True),
    np.argsort(hamming, axis=1, stable=True),
  )


def test_asymmetric_orders_by_magnitude_of_differing_signs():
  logits, codes = random_logits(0, 5, 16), random_codes(1, 60, 16)
  differ = np.sign(logits)[:, None] != codes[None]
  cost = (np.abs(logits)[:, None] * differ).sum(-1)
  np.testing.assert_array_equal(
    np.argsort(asymmetric_distances(logits, codes), axis=1),
    np.argsort(cost, axis=1),
  )


def test_bfloat16_logits_are_summed_in_float32():
  # In bfloat16, 256 + 1 is 256.
  logits = np.ones((1, 300), ml_dtypes.bfloat16)
  codes = np.ones((1, 300), np.int8)
  codes[0, :3] = -1
  for array in (logits, jnp.asarray(logits)):
    distances = asymmetric_distances(array, codes)
    assert distances.dtype == jnp.float32
    assert distances.tolist() == [[3.0]]
  logits = random_logits(0, 3, 64).astype(ml_dtypes.bfloat16)
  codes = random_codes(1, 8, 64)
  expected = (64 - logits.astype(float) @ codes.astype(float).T) / 2
  np.testing.assert_allclose(
    asymmetric_distances(logits, codes), expected, rtol=1e-6, atol=1e-5
  )


def test_asymmetric_gradient():
  logits, codes = random_logits(0, 4, 24), random_codes(1, 11, 24)
  weights = random_logits(2, 4, 11)
  gradient = jax.grad(
    lambda x: jnp.sum(weights * asymmetric_distances(x, codes))
  )(jnp.asarray(logits))
  expected = -weights.astype(float) @ codes.astype(float) / 2
  np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5)


def test_asymmetric_under_transformations():
  logits, codes = random_logits(0, 8, 24), random_codes(1, 12, 24)
  expected = asymmetric_distances(logits, codes)
  np.testing.assert_allclose(
    jax.jit(asymmetric_distances)(logits, codes), expected, rtol=1e-6
  )
  mapped = jax.vmap(asymmetric_distances, in_axes=(0, None))(
    logits.reshape(2, 4, 24), codes
  )
  np.testing.assert_allclose(mapped.reshape(8, 12), expected, rtol=1e-6)


# Product quantisers.


def test_quantiser_by_hand():
  assert quantize(VECTORS, CODEBOOKS).tolist() == IDS.tolist()
  assert quantize(VECTORS, CODEBOOKS).dtype == jnp.uint8
  reconstruction = reconstruct(CODEBOOKS, IDS)
  assert reconstruction.tolist() == [[0, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1]]
  np.testing.assert_allclose(
    np.square(VECTORS - reconstruction).sum(1), [0, 0, 0.07], atol=1e-6
  )
  tables = lookup_tables(QUERY, CODEBOOKS)
  assert tables.tolist() == [[[1, 0], [0, 1]]]
  assert table_distances(tables, IDS).tolist() == [[1, 1, 1]]
  assert adc_distances(QUERY, CODEBOOKS, IDS).tolist() == [[1, 1, 1]]
  assert sdc_distances(IDS, CODEBOOKS, IDS).tolist() == [
    [0, 2, 2],
    [2, 0, 0],
    [2, 0, 0],
  ]


def test_inner_product_by_hand():
  tables = lookup_tables(2 * QUERY, CODEBOOKS, metric='inner_product')
  assert tables.tolist() == [[[0, -2], [-4, -2]]]
  distances = adc_distances(2 * QUERY, CODEBOOKS, IDS, metric='inner_product')
  assert distances.tolist() == [[-4, -4, -4]]
  distances = sdc_distances(IDS, CODEBOOKS, IDS, metric='inner_product')
  assert distances.tolist() == [[-2, -1, -1], [-1, -2, -2], [-1, -2, -2]]


@pytest.mark.parametrize('metric', ['euclidean', 'inner_product'])
@pytest.mark.parametrize(
  ('subspaces', 'codewords', 'width'),
  [(1, 1, 1), (3, 16, 5), (8, 256, 4), (2, 300, 3)],
)
def test_distances_are_those_of_reconstructions(
  metric, subspaces, codewords, width
):
  query, codebooks, ids = random_quantiser(
    0, subspaces=subspaces, codewords=codewords, width=width
  )
  _, _, query_ids = random_quantiser(
    1, n=7, subspaces=subspaces, codewords=codewords, width=width
  )
  items = oracle_reconstruct(codebooks, ids)
  np.testing.assert_array_equal(reconstruct(codebooks, ids), items)
  adc = adc_distances(query, codebooks, ids, metric=metric)
  sdc = sdc_distances(query_ids, codebooks, ids, metric=metric)
  assert adc.dtype == sdc.dtype == jnp.float32
  expected = oracle_distances(query, items, metric)
  np.testing.assert_allclose(adc, expected, rtol=1e-5, atol=1e-5)
  expected = oracle_distances(
    oracle_reconstruct(codebooks, query_ids), items, metric
  )
  np.testing.assert_allclose(sdc, expected, rtol=1e-5, atol=1e-5)


def test_no_digits_cancel_far_from_the_origin():
  # |q|^2 is 3e8: its float32 spacing is 32, the distances are about 1.
  query, codebooks, ids = random_quantiser(0)
  query, codebooks = query * 0.25 + 4096, codebooks * 0.25 + 4096
  expected = oracle_distances(query, oracle_reconstruct(codebooks, ids))
  np.testing.assert_allclose(
    adc_distances(query, codebooks, ids), expected, rtol=1e-5
  )


def test_symmetric_distances_are_symmetric_and_zero_to_self():
  _, codebooks, ids = random_quantiser(0)
  distances = np.asarray(sdc_distances(ids, codebooks, ids))
  np.testing.assert_array_equal(distances, distances.T)
  assert not distances.diagonal().any()


def test_quantized_is_reconstructed_and_nearest():
  query, codebooks, ids = random_quantiser(0, num_query=50)
  np.testing.assert_array_equal(
    quantize(reconstruct(codebooks, ids), codebooks), ids
  )
  found = quantize(query, codebooks)
  np.testing.assert_array_equal(found, oracle_quantize(query, codebooks))


@pytest.mark.parametrize('codewords', [256, 257])
def test_ids_widen_beyond_a_byte(codewords):
  # Codeword 256 would be 0 in a byte.
  codebooks = np.arange(codewords, dtype=np.float32).reshape(1, codewords, 1)
  vectors = np.array([[0.2], [codewords - 1.2]], np.float32)
  ids = quantize(vectors, codebooks)
  assert ids.dtype == (jnp.uint8 if codewords == 256 else jnp.int32)
  assert ids.tolist() == [[0], [codewords - 1]]
  assert reconstruct(codebooks, ids).tolist() == [[0.0], [codewords - 1.0]]


def test_narrow_ids_may_be_int32():
  query, codebooks, ids = random_quantiser(0)
  np.testing.assert_array_equal(
    adc_distances(query, codebooks, ids.astype(np.int32)),
    adc_distances(query, codebooks, ids),
  )


def test_lowest_of_equally_near_codewords():
  rng = np.random.default_rng(0)
  half = rng.normal(size=(2, 20, 7)).astype(np.float32)
  codebooks = np.concatenate([half, half, half], axis=1)
  vectors = rng.normal(size=(100, 14)).astype(np.float32)
  assert quantize(vectors, codebooks).max() < 20
  middle = np.array([[0.0], [1.0], [0.0]], np.float32)[None]
  assert quantize(np.array([[0.5]], np.float32), middle).tolist() == [[0]]
  assert quantize(np.array([[0.5]], np.float32), middle[:, 1:]).tolist() == [
    [0]
  ]


@pytest.mark.parametrize('n', [1, 1023, 1024, 1025, 2500])
def test_quantize_in_blocks_of_rows(n):
  vectors, codebooks, _ = random_quantiser(0, num_query=n, codewords=4)
  parts = vectors.reshape(n, 3, 1, 5).astype(np.float64)
  expected = np.square(parts - codebooks[None]).sum(-1).argmin(-1)
  np.testing.assert_array_equal(quantize(vectors, codebooks), expected)


def test_bfloat16_quantiser():
  query, codebooks, ids = (
    x if x.dtype == np.uint8 else x.astype(ml_dtypes.bfloat16)
    for x in random_quantiser(0)
  )
  items = oracle_reconstruct(codebooks, ids)
  assert reconstruct(codebooks, ids).dtype == jnp.bfloat16
  np.testing.assert_array_equal(
    np.asarray(reconstruct(codebooks, ids), np.float64), items
  )
  for a in (query, query.astype(np.float32)):
    tables = lookup_tables(a, codebooks)
    assert tables.dtype == jnp.float32
    np.testing.assert_allclose(
      table_distances(tables, ids), oracle_distances(query, items), rtol=1e-5
    )
  np.testing.assert_array_equal(
    quantize(query, codebooks), oracle_quantize(query, codebooks)
  )
  tables = np.ones((1, 300, 2), ml_dtypes.bfloat16)
  distances = table_distances(tables, np.zeros((1, 300), np.uint8))
  assert distances.dtype == jnp.float32
  assert distances.tolist() == [[300.0]]


def test_float64_arrays_of_numpy():
  query, codebooks, ids = random_quantiser(0)
  np.testing.assert_array_equal(
    adc_distances(query.astype(float), codebooks.astype(float), ids),
    adc_distances(query, codebooks, ids),
  )


@pytest.mark.parametrize('metric', ['euclidean', 'inner_product'])
def test_gradients_of_distances(metric):
  query, codebooks, ids = random_quantiser(0)
  weights = random_logits(1, len(query), len(ids))

  def total(query, codebooks):
    distances = adc_distances(query, codebooks, ids, metric=metric)
    return jnp.sum(weights * distances)

  of_query, of_codebooks = jax.grad(total, (0, 1))(
    jnp.asarray(query), jnp.asarray(codebooks)
  )
  items = oracle_reconstruct(codebooks, ids)
  expected_query = np.zeros(query.shape)
  expected_codebooks = np.zeros(codebooks.shape)
  for i, x in enumerate(query.astype(float)):
    for j, y in enumerate(items):
      by_x, by_y = (
        (2 * (x - y), 2 * (y - x)) if metric == 'euclidean' else (-y, -x)
      )
      expected_query[i] += weights[i, j] * by_x
      for m, part in enumerate(by_y.reshape(3, 5)):
        expected_codebooks[m, ids[j, m]] += weights[i, j] * part
  np.testing.assert_allclose(of_query, expected_query, rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(
    of_codebooks, expected_codebooks, rtol=1e-4, atol=1e-4
  )


def test_gradients_of_tables_and_of_symmetric_distances():
  query, codebooks, ids = random_quantiser(0)
  weights = np.random.default_rng(1).normal(size=(6, 3, 16))
  gradient = jax.grad(
    lambda x: jnp.sum(
      jnp.asarray(weights, jnp.float32) * lookup_tables(x, codebooks)
    )
  )(jnp.asarray(query))
  difference = query.reshape(6, 3, 1, 5).astype(float) - codebooks[None]
  expected = (2 * weights[..., None] * difference).sum(2).reshape(6, 15)
  np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
  gradient = jax.grad(lambda c: sdc_distances(ids[:1], c, ids[1:2]).sum())(
    jnp.asarray(codebooks)
  )
  expected = np.zeros(codebooks.shape)
  for m in range(3):
    a, b = codebooks[m, ids[0, m]], codebooks[m, ids[1, m]]
    expected[m, ids[0, m]] += 2 * (a - b)
    expected[m, ids[1, m]] += 2 * (b - a)
  np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_gradient_at_a_codeword_is_zero():
  gradient = jax.grad(lambda x: adc_distances(x, CODEBOOKS, IDS[:1]).sum())(
    jnp.asarray(VECTORS[:1])
  )
  assert gradient.tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize('metric', ['euclidean', 'inner_product'])
def test_quantiser_under_jit(metric):
  query, codebooks, ids = random_quantiser(0)
  plain = {
    'adc': adc_distances(query, codebooks, ids, metric=metric),
    'sdc': sdc_distances(ids, codebooks, ids, metric=metric),
    'tables': lookup_tables(query, codebooks, metric=metric),
    'reconstruct': reconstruct(codebooks, ids),
    'quantize': quantize(query, codebooks),
  }

  @jax.jit
  def compiled(query, codebooks, ids):
    return {
      'adc': adc_distances(query, codebooks, ids, metric=metric),
      'sdc': sdc_distances(ids, codebooks, ids, metric=metric),
      'tables': lookup_tables(query, codebooks, metric=metric),
      'reconstruct': reconstruct(codebooks, ids),
      'quantize': quantize(query, codebooks),
    }

  result = compiled(query, codebooks, ids)
  for name, value in plain.items():
    np.testing.assert_allclose(
      result[name], value, rtol=1e-5, atol=1e-6, err_msg=name
    )


def test_constants_of_a_compiled_function_are_still_checked():
  query, codebooks, ids = random_quantiser(0)
  codes, logits = jnp.asarray(random_codes(0, 4, 8)), random_logits(0, 3, 8)
  constants = jnp.asarray(codebooks), jnp.asarray(ids)
  np.testing.assert_allclose(
    jax.jit(lambda x: adc_distances(x, *constants))(query),
    adc_distances(query, codebooks, ids),
    rtol=1e-5,
  )
  np.testing.assert_allclose(
    jax.jit(lambda x: asymmetric_distances(x, codes))(logits),
    asymmetric_distances(logits, codes),
    rtol=1e-6,
  )
  bad = jnp.full((2, 3), 16, jnp.int32)
  with pytest.raises(ValueError, match='row 0, subspace 0 is 16'):
    jax.jit(lambda x: adc_distances(x, codebooks, bad))(query)


def test_quantiser_under_vmap():
  query, codebooks, ids = random_quantiser(0)
  expected = adc_distances(query, codebooks, ids)
  mapped = jax.vmap(adc_distances, in_axes=(0, None, None))(
    query.reshape(2, 3, 15), codebooks, ids
  )
  np.testing.assert_allclose(mapped.reshape(6, 35), expected, rtol=1e-6)
  mapped = jax.vmap(adc_distances, in_axes=(None, None, 0))(
    query, codebooks, ids.reshape(5, 7, 3)
  )
  np.testing.assert_allclose(
    mapped.swapaxes(0, 1).reshape(6, 35), expected, rtol=1e-6
  )
  books = np.stack([codebooks, 2 * codebooks])
  for function, arguments in (
    (lambda b: sdc_distances(ids, b, ids), books),
    (lambda b: reconstruct(b, ids), books),
    (lambda b: quantize(query, b), books),
    (lambda b: lookup_tables(query, b), books),
  ):
    mapped = jax.vmap(function)(arguments)
    for i in range(2):
      np.testing.assert_allclose(mapped[i], function(books[i]), rtol=1e-6)


def test_ids_out_of_range_give_nan_where_they_cannot_be_checked():
  query, codebooks, ids = random_quantiser(0, n=4)
  bad = ids.astype(np.int32)
  bad[1, 2], bad[3, 0] = 16, -1
  adc = jax.jit(adc_distances)(query, codebooks, bad)
  assert jnp.isnan(adc).tolist() == [[False, True, False, True]] * len(query)
  np.testing.assert_allclose(
    adc[:, ::2], adc_distances(query, codebooks, ids)[:, ::2], rtol=1e-6
  )
  sdc = jax.jit(sdc_distances)(bad, codebooks, ids)
  assert jnp.isnan(sdc).all(1).tolist() == [False, True, False, True]
  assert not jnp.isnan(sdc[::2]).any()


def test_no_array_of_queries_items_and_subspaces():
  num_query, n, subspaces = 32, 4096, 16
  tables = jax.ShapeDtypeStruct((num_query, subspaces, 256), jnp.float32)
  ids = jax.ShapeDtypeStruct((n, subspaces), jnp.uint8)
  shapes = set()

  def visit(jaxpr):
    for equation in jaxpr.eqns:
      shapes.update(v.aval.shape for v in equation.outvars)
      for parameter in equation.params.values():
        if hasattr(parameter, 'jaxpr'):
          visit(parameter.jaxpr)

  visit(jax.make_jaxpr(table_distances)(tables, ids).jaxpr)
  assert (num_query, n) in shapes
  assert max(np.prod(shape, dtype=int) for shape in shapes) == num_query * n
  compiled = jax.jit(table_distances).lower(tables, ids).compile()
  memory = compiled.memory_analysis().temp_size_in_bytes
  assert memory <= 4 * num_query * n


# Four devices.


def test_sharded_codes():
  logits, codes = random_logits(0, 6, 32), random_codes(1, 64, 32)
  expected = asymmetric_distances(logits, codes)
  sharded = four_devices(codes)
  for function in (asymmetric_distances, jax.jit(asymmetric_distances)):
    distances = function(logits, sharded)
    assert len(distances.sharding.device_set) == 4
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    # Each device holds the distances to its own items.
    assert distances.sharding.shard_shape((6, 64)) == (6, 16)


@pytest.mark.parametrize('metric', ['euclidean', 'inner_product'])
def test_sharded_ids(metric):
  query, codebooks, ids = random_quantiser(0, n=64)
  sharded = four_devices(ids)

  def adc(ids):
    return adc_distances(query, codebooks, ids, metric=metric)

  def sdc(ids):
    return sdc_distances(ids[:8], codebooks, ids, metric=metric)

  for function in (adc, sdc, jax.jit(adc), jax.jit(sdc)):
    distances = function(sharded)
    assert len(distances.sharding.device_set) == 4
    np.testing.assert_allclose(distances, function(ids), rtol=1e-6)
  # Each device holds the distances of its own items.
  assert adc(sharded).sharding.shard_shape((6, 64)) == (6, 16)
  np.testing.assert_array_equal(
    reconstruct(codebooks, sharded), reconstruct(codebooks, ids)
  )


def test_sharded_vectors():
  vectors, codebooks, _ = random_quantiser(0, num_query=4400)
  np.testing.assert_array_equal(
    quantize(four_devices(vectors), codebooks), quantize(vectors, codebooks)
  )


def test_bad_values_on_four_devices():
  query, codebooks, ids = random_quantiser(0, n=64)
  ids[50, 1] = 16
  with pytest.raises(ValueError, match='row 50, subspace 1 is 16'):
    adc_distances(query, codebooks, four_devices(ids))


# Another implementation.


def faiss_index(faiss, codebooks):
  subspaces, codewords, width = codebooks.shape
  index = faiss.IndexPQ(subspaces * width, subspaces, int(np.log2(codewords)))
  faiss.copy_array_to_vector(codebooks.ravel(), index.pq.centroids)
  index.is_trained = True
  return index


def all_distances(index, query):
  distances, items = index.search(query, index.ntotal)
  result = np.empty_like(distances)
  np.put_along_axis(result, items, distances, axis=1)
  return result


def test_same_as_faiss():
  faiss = pytest.importorskip('faiss')
  query, codebooks, _ = random_quantiser(0, subspaces=4, codewords=256, width=6)
  vectors, _, _ = random_quantiser(1, num_query=90, subspaces=4, width=6)
  index = faiss_index(faiss, codebooks)
  ids = quantize(vectors, codebooks)
  np.testing.assert_array_equal(ids, index.pq.compute_codes(vectors))
  np.testing.assert_array_equal(
    reconstruct(codebooks, ids), index.pq.decode(np.asarray(ids))
  )
  index.add(vectors)
  np.testing.assert_allclose(
    adc_distances(query, codebooks, ids),
    all_distances(index, query),
    rtol=1e-4,
    atol=1e-4,
  )
  index.pq.compute_sdc_table()
  index.search_type = faiss.IndexPQ.ST_SDC
  np.testing.assert_allclose(
    sdc_distances(quantize(query, codebooks), codebooks, ids),
    all_distances(index, query),
    rtol=1e-4,
    atol=1e-4,
  )


def test_same_inner_products_as_faiss():
  faiss = pytest.importorskip('faiss')
  query, codebooks, ids = random_quantiser(
    0, subspaces=4, codewords=16, width=6
  )
  index = faiss_index(faiss, codebooks)
  index.metric_type = faiss.METRIC_INNER_PRODUCT
  items = np.asarray(reconstruct(codebooks, ids))
  index.add(items)
  np.testing.assert_allclose(
    -adc_distances(query, codebooks, ids, metric='inner_product'),
    all_distances(index, query),
    rtol=1e-4,
    atol=1e-4,
  )


# Errors.


def changed(array, place, value):
  array = array.copy()
  array[place] = value
  return array


LOGITS, CODES = random_logits(0, 3, 4), random_codes(1, 5, 4)
TABLES = np.ones((1, 2, 2), np.float32)
WIDE = np.zeros((1, 257, 1), np.float32)


@pytest.mark.parametrize(
  ('function', 'arguments', 'message'),
  [
    (
      asymmetric_distances,
      (LOGITS, CODES[:, :3]),
      'query logits have 4 bits, database codes 3',
    ),
    (
      asymmetric_distances,
      (CODES, CODES),
      r'query logits must be float \[rows, bits\].*; got int8 \[5, 4\]',
    ),
    (
      asymmetric_distances,
      (LOGITS[0], CODES),
      r'query logits must be float \[rows, bits\].*; got float32 \[4\]',
    ),
    (
      asymmetric_distances,
      (LOGITS, CODES.astype(np.float32)),
      r'database codes must be int8 .*; got float32 \[5, 4\]',
    ),
    (
      asymmetric_distances,
      (LOGITS[:0], CODES),
      r'query logits must be .* not empty; got float32 \[0, 4\]',
    ),
    (
      asymmetric_distances,
      (LOGITS, CODES[:0]),
      r'database codes must be .* not empty; got int8 \[0, 4\]',
    ),
    (
      asymmetric_distances,
      (changed(changed(LOGITS, (2, 0), np.inf), (1, 3), np.nan), CODES),
      'query logits must be finite, but row 1, bit 3 is nan',
    ),
    (
      asymmetric_distances,
      (changed(LOGITS, (2, 0), -np.inf), CODES),
      'query logits must be finite, but row 2, bit 0 is -inf',
    ),
    (
      asymmetric_distances,
      (LOGITS, changed(CODES, (4, 2), 0)),
      r'database codes must be -1 or \+1, but row 4, bit 2 is 0',
    ),
    (
      asymmetric_distances,
      (LOGITS, changed(CODES, (0, 1), -128)),
      'row 0, bit 1 is -128',
    ),
    (
      lookup_tables,
      (QUERY[:, :3], CODEBOOKS),
      'query must be 2 x 2 long, got 3',
    ),
    (
      lookup_tables,
      (QUERY.astype(np.int32), CODEBOOKS),
      r'query must be float \[rows, dimensions\].*; got int32 \[1, 4\]',
    ),
    (
      lookup_tables,
      (QUERY, CODEBOOKS[0]),
      r'codebooks must be float \[subspaces, codewords, dimensions\].*'
      r'; got float32 \[2, 2\]',
    ),
    (
      lookup_tables,
      (QUERY, CODEBOOKS[:, :0]),
      r'codebooks must be .* not empty; got float32 \[2, 0, 2\]',
    ),
    (
      lookup_tables,
      (changed(QUERY, (0, 2), np.nan), CODEBOOKS),
      'query must be finite, but row 0, dimension 2 is nan',
    ),
    (
      lookup_tables,
      (QUERY, changed(CODEBOOKS, (1, 0, 1), np.nan)),
      'codebooks must be finite, but subspace 1, codeword 0, dimension 1 is',
    ),
    (table_distances, (TABLES[0], IDS), r'tables must be float \[querys?'),
    (
      table_distances,
      (changed(TABLES, (0, 1, 1), np.nan), IDS),
      'tables must be finite, but query 0, subspace 1, codeword 1 is nan',
    ),
    (
      table_distances,
      (TABLES, IDS[:, :1]),
      'ids must have 2 subspaces, got 1',
    ),
    (
      table_distances,
      (TABLES, changed(IDS, (1, 0), 2)),
      'ids must be from 0 to 1, but row 1, subspace 0 is 2',
    ),
    (
      adc_distances,
      (QUERY, CODEBOOKS, IDS.astype(np.int64)),
      r'ids must be uint8 or int32 \[rows, subspaces\].*; got int64 \[3, 2\]',
    ),
    (
      adc_distances,
      (QUERY, CODEBOOKS, IDS.astype(np.int8)),
      'ids must be uint8 or int32 .*; got int8',
    ),
    (
      adc_distances,
      (QUERY, CODEBOOKS, IDS.astype(np.float32)),
      'ids must be uint8 or int32 .*; got float32',
    ),
    (adc_distances, (QUERY, CODEBOOKS, IDS[:0]), r'ids must .*not empty.*\[0'),
    (
      adc_distances,
      (QUERY, CODEBOOKS, IDS[0]),
      r'ids must .*; got uint8 \[2\]',
    ),
    (
      adc_distances,
      (QUERY, CODEBOOKS, changed(IDS.astype(np.int32), (2, 1), -1)),
      'ids must be from 0 to 1, but row 2, subspace 1 is -1',
    ),
    (
      adc_distances,
      (QUERY[:, :3], CODEBOOKS, IDS),
      'query must be 2 x 2 long, got 3',
    ),
    (
      adc_distances,
      (changed(QUERY, (0, 0), np.nan), CODEBOOKS, IDS),
      'query must be finite, but row 0, dimension 0 is nan',
    ),
    (
      sdc_distances,
      (changed(IDS, (0, 1), 9), CODEBOOKS, IDS),
      'query ids must be from 0 to 1, but row 0, subspace 1 is 9',
    ),
    (
      sdc_distances,
      (IDS, CODEBOOKS, changed(IDS, (0, 1), 9)),
      '^ids must be from 0 to 1, but row 0, subspace 1 is 9',
    ),
    (
      sdc_distances,
      (IDS, changed(CODEBOOKS, (0, 0, 0), np.nan), IDS),
      'codebooks must be finite',
    ),
    (
      reconstruct,
      (WIDE, np.zeros((1, 1), np.uint8)),
      r'ids must be int32 .*; got uint8 \[1, 1\]',
    ),
    (
      reconstruct,
      (CODEBOOKS, changed(IDS, (2, 0), 3)),
      'ids must be from 0 to 1, but row 2, subspace 0 is 3',
    ),
    (
      quantize,
      (changed(VECTORS, (1, 2), np.nan), CODEBOOKS),
      'vectors must be finite, but row 1, dimension 2 is nan',
    ),
    (quantize, (VECTORS[:0], CODEBOOKS), 'vectors must be .* not empty'),
    (
      quantize,
      (VECTORS[:, :2], CODEBOOKS),
      'vectors must be 2 x 2 long, got 2',
    ),
  ],
)
def test_bad_inputs(function, arguments, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    function(*arguments)


def test_bad_bfloat16_value():
  logits = changed(LOGITS, (1, 2), np.nan).astype(ml_dtypes.bfloat16)
  for array in (logits, jnp.asarray(logits)):
    with pytest.raises(ValueError, match='row 1, bit 2 is nan'):
      asymmetric_distances(array, CODES)


def test_shapes_are_checked_under_jit(monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match='query must be 2 x 2 long, got 3'):
    jax.jit(adc_distances)(QUERY[:, :3], CODEBOOKS, IDS)
  with pytest.raises(ValueError, match='got int8'):
    jax.jit(adc_distances)(QUERY, CODEBOOKS, IDS.astype(np.int8))


@pytest.mark.parametrize(
  ('function', 'arguments'),
  [
    (lookup_tables, (QUERY, CODEBOOKS)),
    (adc_distances, (QUERY, CODEBOOKS, IDS)),
    (sdc_distances, (IDS, CODEBOOKS, IDS)),
  ],
)
def test_unknown_metric(function, arguments):
  with pytest.raises(
    ValueError, match='metric must be euclidean or inner_product, got cosine'
  ):
    function(*arguments, metric='cosine')
