import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import quantizers, search
from jaxhash.quantizers import _assignment
from tests.oracles import shallow as oracle


@pytest.fixture(autouse=True)
def strict():
  with jax.numpy_dtype_promotion('strict'):
    yield


def _vectors(n=300, d=8, seed=0):
  centers = 3 * jax.random.normal(jax.random.key(seed), (20, d))
  noise = jax.random.normal(jax.random.key(seed + 1), (n, d))
  return centers[jnp.arange(n, dtype=jnp.int32) % 20] + noise


def _codebooks(vectors, num_subspaces=2, num_codewords=16):
  return quantizers.fit_codebooks(
    vectors, jax.random.key(5), num_subspaces, num_codewords, 0
  )[0]


def test_golden():
  vectors = jnp.array([[0, 0, 1, 1], [1, 0, 0, 1], [0.9, 0.2, 0.1, 0.9]])
  codebooks = jnp.array([[[0.0, 0], [1, 0]], [[1.0, 1], [0, 1]]])
  found = quantizers.assign(codebooks, vectors)
  np.testing.assert_array_equal(found.ids, [[0, 0], [1, 1], [1, 1]])
  np.testing.assert_allclose(found.errors.sum(1), [0, 0, 0.07], atol=1e-7)
  np.testing.assert_allclose(found.error, 0.07 / 3, rtol=1e-6)
  assert found.unused == 0


@pytest.mark.parametrize('table', [2**22, 32 * 7])
def test_a_step_matches_loops_in_one_block_and_in_many(table, monkeypatch):
  vectors, jit = _vectors(), jax.jit(quantizers.assign.__wrapped__)
  codebooks = _codebooks(vectors)
  monkeypatch.setattr(_assignment, 'TABLE', table)
  found = jit(codebooks, vectors)
  exact = np.asarray(vectors, float), np.asarray(codebooks, float)
  ids, errors = oracle.nearest(*exact)
  np.testing.assert_array_equal(found.ids, ids)
  np.testing.assert_array_equal(found.ids, search.quantize(vectors, codebooks))
  np.testing.assert_allclose(found.errors, errors, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(found.error, errors.sum(1).mean(), rtol=1e-5)
  new = quantizers.update(codebooks, found, vectors, jax.random.key(0))
  expected = oracle.means(exact[0], ids, exact[1])
  assert np.isfinite(expected).all()
  np.testing.assert_allclose(new, expected, rtol=1e-4, atol=1e-5)


def test_errors_never_grow_and_the_last_is_that_of_the_codebooks():
  vectors = _vectors()
  codebooks, errors, unused = quantizers.fit_codebooks(
    vectors, jax.random.key(2), 4, 8, 12
  )
  errors = np.asarray(errors)
  assert errors.shape == (13,)
  assert np.all(np.diff(errors) <= 1e-6 * errors[0])
  assert errors[-1] < 0.8 * errors[0]
  ids, exact = oracle.nearest(np.asarray(vectors), np.asarray(codebooks))
  assert errors[-1] == pytest.approx(exact.sum(1).mean(), rel=1e-5)
  used = sum(len(set(column)) for column in ids.T)
  assert float(unused) == pytest.approx(1 - used / 32)


def test_empty_codewords_move_to_rows_and_the_error_does_not_grow():
  vectors = _vectors()
  # All codewords but two are far from every row.
  codebooks = _codebooks(vectors).at[:, 2:].set(1e3)
  before = quantizers.assign(codebooks, vectors)
  assert before.unused == 14 / 16
  new = quantizers.step(codebooks, vectors, jax.random.key(3))
  after = quantizers.assign(new, vectors)
  assert after.unused == 0
  assert after.error < 0.6 * before.error
  parts = np.asarray(vectors).reshape(-1, 2, 4)
  for m in range(2):
    moved = np.asarray(new[m, 2:])
    assert len(np.unique(moved, axis=0)) == 14
    assert all((parts[:, m] == place).all(1).any() for place in moved)
  again, other = (
    quantizers.step(codebooks, vectors, jax.random.key(k)) for k in (3, 4)
  )
  np.testing.assert_array_equal(new, again)
  assert (new != other).any()


def test_new_places_are_drawn_by_error():
  # A row with all the error is drawn before thousands without any.
  vectors = jnp.zeros((3000, 1)).at[1234].set(5.0)
  codebooks = jnp.array([[[0.0], [-9.0], [-9.0], [-9.0]]])
  found = quantizers.assign(codebooks, vectors)
  new = quantizers.update(codebooks, found, vectors, jax.random.key(0))
  np.testing.assert_allclose(new[0, :, 0], [5 / 3000, 5, -9, -9], rtol=1e-5)


def test_as_many_codewords_as_distinct_rows_leave_no_error():
  few = jax.random.normal(jax.random.key(0), (11, 6))
  _, errors, unused = quantizers.fit_codebooks(few, jax.random.key(1), 2, 16, 3)
  assert errors[0] < 1e-10
  assert unused == 5 / 16
  # With copies the first codewords miss some, and the empty ones find them.
  copies = jnp.repeat(few, 30, axis=0)
  _, errors, _ = quantizers.fit_codebooks(copies, jax.random.key(1), 2, 16, 20)
  assert errors[0] > 0.1
  assert errors[-1] < 1e-10


def test_only_rows_that_count_count():
  vectors = _vectors()
  where = jnp.arange(300, dtype=jnp.int32) % 3 > 0
  hidden = jnp.where(where[:, None], vectors, jnp.nan)
  codebooks, errors, unused = quantizers.fit_codebooks(
    hidden, jax.random.key(0), 2, 16, 5, where
  )
  assert np.isfinite(codebooks).all()
  assert np.isfinite(errors).all()
  seen = quantizers.assign(codebooks, vectors[where])
  assert errors[-1] == pytest.approx(float(seen.error), rel=1e-5)
  assert unused == seen.unused
  none = quantizers.step(
    codebooks, hidden, jax.random.key(1), jnp.zeros(300, bool)
  )
  np.testing.assert_array_equal(none, codebooks)
  empty = quantizers.assign(codebooks, hidden, jnp.zeros(300, bool))
  assert empty.error == 0
  assert empty.unused == 1


def test_fewer_rows_that_count_than_codewords():
  vectors = _vectors(n=40)
  where = jnp.arange(40, dtype=jnp.int32) < 5
  codebooks, errors, _ = quantizers.fit_codebooks(
    vectors, jax.random.key(0), 1, 16, 2, where
  )
  assert errors[-1] < 1e-9
  rows = np.asarray(vectors[:5])
  for codeword in np.asarray(codebooks[0]):
    assert np.abs(rows - codeword).max(1).min() < 1e-5


@pytest.mark.parametrize('offset', [1e4, -3e4])
def test_far_from_zero(offset):
  vectors = jnp.round(64 * _vectors()) / 64
  near, far = (
    quantizers.fit_codebooks(x, jax.random.key(0), 2, 16, 8)
    for x in (vectors, vectors + offset)
  )
  np.testing.assert_allclose(far[1], near[1], rtol=2e-3)
  np.testing.assert_allclose(far[0] - offset, near[0], atol=0.1)


def test_half_precision_vectors():
  vectors = _vectors()
  _, expected, _ = quantizers.fit_codebooks(
    vectors, jax.random.key(0), 2, 16, 4
  )
  for dtype in (jnp.float16, jnp.bfloat16):
    found = quantizers.fit_codebooks(
      vectors.astype(dtype), jax.random.key(0), 2, 16, 4
    )
    assert found[0].dtype == jnp.float32
    np.testing.assert_allclose(found[1], expected, rtol=0.03)


def test_under_jit_vmap_and_cond():
  vectors = _vectors()
  # With empty codewords, so that both branches of the step are there.
  full = _codebooks(vectors)
  both = jnp.stack([full, full.at[:, 2:].set(1e3)])
  keys = jax.random.split(jax.random.key(0), 2)
  plain = [quantizers.step(c, vectors, k) for c, k in zip(both, keys)]
  batched = jax.vmap(quantizers.step, (0, None, 0))(both, vectors, keys)
  np.testing.assert_allclose(batched, jnp.stack(plain), atol=1e-5)

  @jax.jit
  def train(now, codebooks):
    step = functools.partial(quantizers.step, codebooks, vectors, keys[0])
    return jax.lax.cond(now, step, lambda: codebooks)

  np.testing.assert_allclose(train(True, both[0]), plain[0], atol=1e-5)
  np.testing.assert_array_equal(train(False, both[0]), both[0])


def test_sums_by_product_and_by_scatter_agree():
  rows = jax.random.normal(jax.random.key(0), (50, 3))
  ids = jnp.arange(50, dtype=jnp.int32) % 4
  np.testing.assert_allclose(
    _assignment._sum_by_id(rows, ids, num_ids=5),
    jax.ops.segment_sum(rows, ids, 5),
    atol=1e-5,
  )


@pytest.mark.parametrize(
  ('sizes', 'message'),
  [
    ((3, 16, 2), 'length 8 cannot be cut into 3'),
    ((0, 16, 2), 'num_subspaces.*0'),
    ((2, 12, 2), 'power of two.*12'),
    ((2, 512, 2), 'power of two.*512'),
    ((2, 1, 2), 'power of two.*1'),
    ((2, 16, -1), 'num_iterations.*-1'),
  ],
)
def test_refuses(sizes, message):
  with pytest.raises(ValueError, match=message):
    quantizers.fit_codebooks(_vectors(), jax.random.key(0), *sizes)


def test_refuses_vectors_of_another_length():
  codebooks = jnp.zeros((2, 16, 3))
  with pytest.raises(ValueError, match=r'\[2, 16, 3\].*length 8'):
    quantizers.assign(codebooks, _vectors())
