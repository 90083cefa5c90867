import functools

import hypothesis
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxhash.losses import codeword_scores, hardest_negative_hinge_loss
from tests.oracles import adalabelhash as oracle

CODES = jnp.tanh(jnp.array([[0.3, -0.2, 0.9], [-0.5, 0.1, 0.2]]))
CODEWORDS = jnp.tanh(
  jnp.array([[0.5, -0.5, 0.5], [-0.4, 0.3, -0.1], [0.2, 0.2, -0.6]])
)
LABELS = jnp.array([0, 1])
both = pytest.mark.parametrize('floor', [True, False])
clean_loss = functools.partial(
  hardest_negative_hinge_loss, floor_negatives=False
)
fuzz = hypothesis.settings(max_examples=15, deadline=None, database=None)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def unannotated(monkeypatch):
  """No checks of the annotations, as in a user's program."""
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)


def random_problem(seed, rows=5, classes=4, bits=6):
  rng = np.random.default_rng(seed)
  return (
    rng.uniform(-1, 1, (rows, bits)).astype(np.float32),
    rng.uniform(-1, 1, (classes, bits)).astype(np.float32),
    rng.random((rows, classes)) < 0.4,
  )


def loss_of(codes, codewords, labels, *, floor=True, **kwargs):
  return hardest_negative_hinge_loss(
    jnp.asarray(codes),
    jnp.asarray(codewords),
    jnp.asarray(labels),
    floor_negatives=floor,
    **kwargs,
  )


def test_golden_scores():
  expected = [[0.556845, -0.239574, -0.366147], [-0.1684, 0.184943, -0.177539]]
  np.testing.assert_allclose(
    codeword_scores(CODES, CODEWORDS), expected, atol=1e-5
  )


@pytest.mark.parametrize(
  ('floor', 'golden'), [(False, 0.425119), (True, 0.629106)]
)
def test_golden_loss(floor, golden):
  value = loss_of(CODES, CODEWORDS, LABELS, floor=floor)
  np.testing.assert_allclose(value, golden, atol=1e-5)
  np.testing.assert_allclose(
    oracle.hinge(*map(np.asarray, (CODES, CODEWORDS, LABELS)), floor=floor),
    golden,
    atol=1e-5,
  )


@both
@pytest.mark.parametrize('margin', [0.5, 1.0, 2.0])
def test_zero_codewords_give_the_margin(floor, margin):
  def loss(codes, codewords):
    return loss_of(codes, codewords, LABELS, floor=floor, margin=margin)

  value, (to_codes, to_codewords) = jax.value_and_grad(loss, (0, 1))(
    CODES, jnp.zeros_like(CODEWORDS)
  )
  assert value == margin
  assert not to_codes.any()
  assert to_codewords.any()


@pytest.mark.parametrize('margin', [1.0, 2.0])
def test_saturated_codes_have_no_clean_loss(margin):
  codewords = jnp.array([[1.0, 1, 1, 1], [1, 1, 1, -1], [-1, 1, 1, -1]])
  labels = jnp.array([2, 0, 1, 1])
  assert clean_loss(codewords[labels], codewords, labels, margin=margin) == 0
  # The nearest codewords differ in one bit: s_neg = s_pos - 2.
  assert clean_loss(codewords[labels], codewords, labels, margin=2.5) == 0.5


@both
@fuzz
@hypothesis.given(seed=seeds, margin=st.sampled_from([0.3, 1.0, 4.0]))
def test_loops_agree(floor, seed, margin):
  codes, codewords, many = random_problem(seed)
  one = np.random.default_rng(seed).integers(-1, 4, 5)
  for labels in (many, one):
    expected = oracle.hinge(
      codes, codewords, labels, margin=margin, floor=floor
    )
    value = loss_of(codes, codewords, labels, floor=floor, margin=margin)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    values = np.zeros((5, 4))
    pairs = oracle.hinge_pairs(
      codes, codewords, labels, margin=margin, floor=floor
    )
    for pair, value in pairs.items():
      values[pair] = value
    np.testing.assert_allclose(
      loss_of(
        codes, codewords, labels, floor=floor, margin=margin, reduce_fn=None
      ),
      values,
      rtol=1e-5,
      atol=1e-6,
    )


@both
@fuzz
@hypothesis.given(seed=seeds)
def test_symmetries(floor, seed):
  codes, codewords, labels = random_problem(seed)
  value = loss_of(codes, codewords, labels, floor=floor)
  rng = np.random.default_rng(seed)
  classes, bits = rng.permutation(4), rng.permutation(6)
  flip = rng.choice([-1, 1], 6).astype(np.float32)
  for same in (
    (codes, codewords[classes], labels[:, classes]),
    (codes[:, bits], codewords[:, bits], labels),
    (codes * flip, codewords * flip, labels),
  ):
    np.testing.assert_allclose(
      loss_of(*same, floor=floor), value, rtol=1e-5, atol=1e-6
    )


@both
@fuzz
@hypothesis.given(seed=seeds)
def test_gradient_reaches_active_and_hardest_codewords_alone(floor, seed):
  codes, codewords, _ = random_problem(seed, classes=7)
  labels = np.random.default_rng(seed).integers(0, 3, 5)
  pairs = oracle.hinge_pairs(codes, codewords, labels, floor=floor)
  scores = oracle.score_table(codes, codewords)
  expected = set()
  for (n, j), value in pairs.items():
    if value > 0:
      others = np.where(np.arange(7) == j, -np.inf, scores[n])
      expected.add(j)
      if not floor or others.max() > 0:
        expected.add(int(others.argmax()))
  gradient = jax.grad(lambda c: loss_of(codes, c, labels, floor=floor))(
    jnp.asarray(codewords)
  )
  assert set(np.flatnonzero(np.abs(gradient).sum(1))) == expected


@both
def test_one_hot_labels_are_int_labels(floor):
  one_hot = jnp.eye(3, dtype=jnp.uint8)[LABELS]
  np.testing.assert_array_equal(
    loss_of(CODES, CODEWORDS, one_hot, floor=floor),
    loss_of(CODES, CODEWORDS, LABELS, floor=floor),
  )


def test_mean_divides_by_the_number_of_positives():
  labels = jnp.array([[True, True, False], [False, True, False]])
  total = loss_of(CODES, CODEWORDS, labels, reduce_fn=jnp.sum)
  mean = loss_of(CODES, CODEWORDS, labels)
  np.testing.assert_allclose(mean, total / 3, rtol=1e-6)


@both
@pytest.mark.parametrize(
  'hidden', [jnp.array([0, -1]), jnp.array([[1, 0, 0], [0, 0, 0]])]
)
def test_rows_without_a_label_contribute_nothing(floor, hidden):
  codes = CODES.at[1].set(jnp.nan)
  value, gradient = jax.value_and_grad(loss_of)(
    codes, CODEWORDS, hidden, floor=floor
  )
  np.testing.assert_allclose(
    value, loss_of(CODES[:1], CODEWORDS, LABELS[:1], floor=floor), rtol=1e-6
  )
  assert gradient[0].any()
  assert not gradient[1].any()


def test_a_row_of_all_classes_has_no_negative():
  labels = jnp.ones((1, 3), bool)
  scores = codeword_scores(CODES[:1], CODEWORDS)
  value, gradient = jax.value_and_grad(loss_of)(CODES[:1], CODEWORDS, labels)
  np.testing.assert_allclose(value, jnp.mean(1 - scores), rtol=1e-6)
  np.testing.assert_allclose(gradient[0], -CODEWORDS.mean(0), rtol=1e-6)
  value, gradient = jax.value_and_grad(clean_loss)(CODES[:1], CODEWORDS, labels)
  assert value == 0
  assert not gradient.any()


def test_dtypes_may_be_mixed():
  value = loss_of(CODES.astype(jnp.bfloat16), CODEWORDS, LABELS)
  assert value.dtype == jnp.float32
  np.testing.assert_allclose(value, 0.629106, atol=5e-3)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((CODES, CODEWORDS[:, :2], LABELS), 'codes have 3 bits, codewords 2'),
    ((CODES, CODEWORDS, LABELS[:1]), '2 codes, but 1 labels'),
    ((CODES, CODEWORDS, jnp.eye(2)), r'multi-hot \[batch, 3\]'),
  ],
)
def test_shapes_that_disagree(arguments, message, unannotated):
  with pytest.raises(ValueError, match=message):
    hardest_negative_hinge_loss(*arguments)


def test_where_of_another_length(unannotated):
  with pytest.raises(ValueError, match=r'where must be \[2\], got \[1\]'):
    loss_of(CODES, CODEWORDS, LABELS, where=jnp.ones(1, bool))
