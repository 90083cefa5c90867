import importlib
import inspect
from functools import partial

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from jax.test_util import check_grads

from jaxhash.codewords import _semantic_lagrangian as lagrangian
from jaxhash.codewords import _semantic_moves as moves
from jaxhash.codewords._semantic_lagrangian import Problem, Rates, State
from jaxhash.codewords._semantic_starts import feasible_starts
from jaxhash.codewords.bounds import gilbert_varshamov_distance
from jaxhash.codewords.hadamard import hadamard
from jaxhash.codewords.semantic import semantic, semantic_loss
from tests.oracles import semantic as oracle

# The function has the name of its module.
module = importlib.import_module('jaxhash.codewords.semantic')

PAPER = np.array(
  [[1, 0.566311, 0.159222], [0.566311, 1, 0.602240], [0.159222, 0.602240, 1]]
)
RATES = Rates(0.2, 1e-6, 0.5)
KNOWN = Problem(PAPER, 0.0, 0.625)  # d = 2 of 4 bits
fuzz = hypothesis.settings(max_examples=25, deadline=None, database=None)


def close(a, b, atol=1e-6):
  np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def random_similarity(seed, count):
  s = np.random.default_rng(seed).uniform(-1, 1, (count, count))
  s = (s + s.T) / 2
  np.fill_diagonal(s, 1)
  return s


def random_codewords(seed, count, bits, distance=0):
  rng = np.random.default_rng(seed)
  while True:
    h = rng.choice([-1.0, 1.0], (count, bits))
    if min(oracle.distances(h)) >= distance:
      return h


def random_state(seed, count=6, bits=8):
  rng = np.random.default_rng(seed)
  h = random_codewords(seed, count, bits)
  m, lam = rng.normal(size=(2, count, bits))
  slack, alpha = rng.uniform(0, 2, size=(2, count, count))
  slack, alpha = slack + slack.T, (alpha + alpha.T) / 10
  return State(h, m, slack, lam, alpha)


def random_problem(seed, count=6, bits=8, distance=2, mu=0.3):
  return Problem(random_similarity(seed, count), float(bits - 2 * distance), mu)


def as_jax(tree, dtype):
  return jax.tree.map(lambda x: jnp.asarray(x, dtype), tree)


@pytest.fixture
def x64():
  with jax.enable_x64():
    yield


# The loss.


@pytest.mark.parametrize('mu', [0.0, 6.25e-5, 0.625])
def test_loss_against_loops(mu):
  h, s = random_codewords(0, 6, 8), random_similarity(0, 6)
  s[0, 1] += 0.5  # not symmetric
  found = semantic_loss(jnp.array(h, jnp.int8), jnp.array(s), mu=mu)
  np.testing.assert_allclose(found, oracle.loss(h, s, mu), rtol=1e-5)


def test_loss_does_not_change_with_bits():
  h, s = (
    jnp.array(random_codewords(1, 6, 8)),
    jnp.array(random_similarity(1, 6)),
  )
  expected = semantic_loss(h, s, mu=0.3)
  bits = jnp.array([2, 0, 1, 7, 6, 5, 3, 4])
  flips = jnp.array([1.0, -1, 1, 1, -1, -1, 1, -1])
  found = semantic_loss(h[:, bits] * flips[None], s, mu=0.3)
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_loss_of_permuted_classes():
  h, s = (
    jnp.array(random_codewords(1, 6, 8)),
    jnp.array(random_similarity(1, 6)),
  )
  order = jnp.array([2, 0, 1, 5, 3, 4])
  found = semantic_loss(h[order], s[order][:, order], mu=0.3)
  np.testing.assert_allclose(found, semantic_loss(h, s, mu=0.3), rtol=1e-6)


def test_second_term_is_the_balance():
  h, s = jnp.array(random_codewords(2, 6, 8)), jnp.zeros((6, 6))
  found = semantic_loss(h, s, mu=1.0) - semantic_loss(h, s)
  close(found, (h.sum(axis=0) ** 2).sum() - 8 * 6, 1e-4)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_loss_of_real_codewords(dtype):
  h, s = random_state(0).copy, random_similarity(0, 6)
  h, s = jnp.array(h, dtype), jnp.array(s, dtype)
  value, gradient = jax.value_and_grad(semantic_loss)(h, s, mu=0.1)
  assert value.dtype == jnp.float32
  assert gradient.dtype == dtype
  assert jnp.isfinite(gradient).all()
  expected = oracle.loss(np.asarray(h, np.float64), np.asarray(s, float), 0.1)
  np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_loss_of_other_shapes():
  with pytest.raises(ValueError, match=r'must be \[6, 6\], got \[5, 5\]'):
    inspect.unwrap(semantic_loss)(jnp.ones((6, 8)), jnp.ones((5, 5)))


@pytest.mark.parametrize('mu', [0.0, 0.625])
def test_gradient_of_the_loss(x64, mu):
  h, s = jnp.array(random_state(1).copy), jnp.array(random_similarity(1, 6))
  check_grads(lambda h: semantic_loss(jnp.asarray(h), s, mu=mu), (h,), order=1)


# The steps of the augmented Lagrangian.


def arguments(state, problem, rates=RATES):
  return {
    'h': state.codewords,
    'm': state.copy,
    'slack': state.slack,
    'lam': state.copy_multipliers,
    'alpha': state.pair_multipliers,
    's': problem.similarity,
    'bound': problem.bound,
    'mu': problem.mu,
    'rho': rates.rho,
    'beta': rates.beta,
  }


def test_lagrangian_against_loops(x64):
  state, problem = random_state(3), random_problem(3)
  found = lagrangian.augmented_lagrangian(
    as_jax(state, jnp.float64), as_jax(problem, jnp.float64), RATES
  )
  close(found, oracle.lagrangian(**arguments(state, problem)), 1e-8)


@pytest.mark.parametrize('beta', [1e-6, 0.3])
def test_gradient_of_codewords(x64, beta):
  rates = Rates(0.2, beta, 0.5)
  state, problem = random_state(4), random_problem(4)
  args = arguments(state, problem, rates)
  state, problem = as_jax((state, problem), jnp.float64)

  def f(h):
    state_ = state._replace(codewords=h)
    return lagrangian.augmented_lagrangian(state_, problem, rates)

  slopes = jax.grad(f)(state.codewords)
  pull = lagrangian.pull_of(state, problem)
  for i in range(6):
    found = lagrangian.codeword_gradient(i, state, pull, problem, rates)
    close(found, slopes[i], 1e-8)
    close(found, oracle.gradient(i, **args), 1e-8)


def test_copy_is_where_its_gradient_is_zero(x64):
  state, problem = as_jax((random_state(5), random_problem(5)), jnp.float64)
  state = lagrangian.update_copy(state, problem, RATES)

  def f(m):
    state_ = state._replace(copy=m)
    return lagrangian.augmented_lagrangian(state_, problem, RATES)

  close(jax.grad(f)(state.copy), 0, 1e-8)
  h, lam = map(np.asarray, (state.codewords, state.copy_multipliers))
  expected = oracle.update_copy(h, lam, np.asarray(problem.similarity), 0.2)
  close(state.copy, expected, 1e-8)


def test_slack_is_complementary(x64):
  rates = Rates(0.2, 0.05, 0.5)
  state, problem = as_jax((random_state(6), random_problem(6)), jnp.float64)
  state = lagrangian.update_slack(state, problem, rates)
  expected = oracle.update_slack(
    *map(np.asarray, (state.codewords, state.pair_multipliers)),
    float(problem.bound),
    0.05,
  )
  close(state.slack, expected, 1e-8)
  assert (state.slack == 0).any()
  assert (state.slack > 0).any()

  def f(k):
    state_ = state._replace(slack=k)
    return lagrangian.augmented_lagrangian(state_, problem, rates)

  slopes = np.asarray(jax.grad(f)(state.slack))
  others = ~np.eye(6, dtype=bool)
  close(slopes[(state.slack > 0) & others], 0, 1e-8)
  assert (slopes[(state.slack == 0) & others] >= -1e-8).all()


def test_multipliers_climb(x64):
  state, problem = as_jax((random_state(7), random_problem(7)), jnp.float64)
  found = lagrangian.update_multipliers(state, problem, RATES)

  def f(lam, alpha):
    state_ = state._replace(copy_multipliers=lam, pair_multipliers=alpha)
    return lagrangian.augmented_lagrangian(state_, problem, RATES)

  lam, alpha = state.copy_multipliers, state.pair_multipliers
  slopes = jax.grad(f, argnums=(0, 1))(lam, alpha)
  close(found.copy_multipliers, lam + 0.2 * slopes[0], 1e-8)
  close(found.pair_multipliers, alpha + 1e-6 * slopes[1], 1e-12)
  # They are real: a step of 1e-6 is not lost.
  assert (found.pair_multipliers != alpha).any()


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.float64])
def test_known_step(x64, dtype):
  h = [[1, 1, -1], [1, -1, -1], [1, 1, 1], [1, -1, 1]]
  state = lagrangian.first_state(jnp.array(h, dtype).T)
  problem = as_jax(KNOWN, dtype)
  state = lagrangian.update_copy(state, problem, RATES)
  expected = [
    [1.433635, 1.117194, -0.313242],
    [0.624619, -0.882806, -1.173584],
    [1.661095, 1.977536, 1.686758],
    [0.852079, -0.022464, 0.826416],
  ]
  close(state.copy.T, expected, 2e-6)
  state = lagrangian.update_slack(state, problem, RATES)
  pull = lagrangian.pull_of(state, problem)
  gradient = lagrangian.codeword_gradient(0, state, pull, problem, RATES)
  close(gradient, [0.089843, -2.329079, 2.649813, 0.230892], 2e-6)
  # Without a least distance, so that the first codeword may take its step.
  new = lagrangian.update_codewords(state, problem._replace(bound=4.0), RATES)
  np.testing.assert_array_equal(new.codewords[0], [1, 1, -1, 1])


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('beta', [1e-6, 0.1])
def test_search_against_loops(x64, seed, beta):
  s = random_similarity(seed, 6)
  h = random_codewords(seed, 6, 8, 2)
  best, trace = oracle.search(h, s, 2, 0.01, 0.2, beta, 0.5, 4, 3)
  problem = as_jax(Problem(s, 4.0, 0.01), jnp.float64)
  found = jax.jit(lagrangian.search)(
    jnp.array(h), problem, as_jax(Rates(0.2, beta, 0.5), jnp.float64), 4, 3
  )
  assert len(set(trace)) > 2
  np.testing.assert_array_equal(found, best)


# The moves of the local search.

flip_sweep = jax.jit(moves.flip_sweep, static_argnames='block')
swap = jax.jit(moves.swap)


@pytest.mark.parametrize('mu', [0.0, 0.1])
@pytest.mark.parametrize('distance', [0, 1, 2])
def test_changes_by_flips(x64, mu, distance):
  h = random_codewords(8, 6, 8, distance)
  problem = random_problem(8, distance=distance, mu=mu)
  before = oracle.loss(h, problem.similarity, mu)
  closed = 0
  for i in range(6):
    found = moves.flip_changes(i, jnp.array(h), as_jax(problem, jnp.float64))
    found = found[0]
    for k in range(8):
      new = h.copy()
      new[i, k] *= -1
      if min(oracle.distances(new)) < distance:
        assert found[k] == np.inf
        closed += 1
      else:
        change = oracle.loss(new, problem.similarity, mu) - before
        close(found[k], change, 1e-8)
  assert (closed > 0) == (distance > 0)


def test_changes_by_swaps(x64):
  h, problem = random_codewords(9, 6, 8), random_problem(9)
  np.fill_diagonal(problem.similarity, np.arange(6) / 3)
  found = moves.swap_changes(jnp.array(h), as_jax(problem, jnp.float64))
  before = oracle.loss(h, problem.similarity)
  for a in range(6):
    for b in range(6):
      order = np.arange(6)
      order[[a, b]] = b, a
      change = oracle.loss(h[order], problem.similarity) - before
      close(found[a, b], change, 1e-8)


@fuzz
@hypothesis.given(seed=st.integers(0, 2**31))
def test_moves_lower_the_loss(seed):
  h, problem = random_codewords(seed, 6, 8, 2), random_problem(seed)
  arrays = as_jax((h, problem), jnp.float32)
  before = oracle.loss(h, problem.similarity, problem.mu)
  quiet = jnp.zeros((6, 9))
  for move in (swap, partial(flip_sweep, noise=quiet, block=1)):
    new, moved = move(*arrays)
    new = np.asarray(new, np.float64)
    assert moved == (new != h).any()
    after = oracle.loss(new, problem.similarity, problem.mu)
    assert (after < before) if moved else (after == before)
    assert min(oracle.distances(new)) >= 2


@fuzz
@hypothesis.given(seed=st.integers(0, 2**31), block=st.sampled_from([1, 4, 6]))
def test_flips_at_random_keep_the_distance(seed, block):
  h, problem = random_codewords(seed, 6, 8, 2), random_problem(seed)
  arrays = as_jax((h, problem), jnp.float32)
  noise = np.random.default_rng(seed).gumbel(size=(6, 9)) * 30
  new, moved = flip_sweep(*arrays, jnp.array(noise, jnp.float32), block=block)
  new = np.asarray(new, np.float64)
  assert moved == (new != h).any()
  # A block that does not divide the rows visits some of them twice.
  assert (new != h).sum(axis=1).max() <= (2 if block == 4 else 1)
  assert min(oracle.distances(new)) >= 2


def test_flips_of_a_block_that_meet():
  """Two codewords each may step where only one of them fits."""
  h = jnp.array([[1.0, 1, 1, 1], [-1, -1, 1, 1]])
  s = jnp.array([[1.0, 1], [1, 1]])
  problem = Problem(s, 2.0, 0.0)  # at least 1 apart, and alike
  wanted = jnp.zeros((2, 5)).at[0, 0].set(9.0).at[1, 1].set(9.0)
  new, moved = flip_sweep(h, problem, wanted, block=2)
  assert moved
  np.testing.assert_array_equal(new, [[-1, 1, 1, 1], [-1, -1, 1, 1]])
  new, _ = flip_sweep(h, problem._replace(bound=4.0), wanted, block=2)
  np.testing.assert_array_equal(new, [[-1, 1, 1, 1], [-1, 1, 1, 1]])


def test_polish_ends_where_nothing_helps():
  h = random_codewords(10, 6, 8, 2)
  problem = random_problem(10)
  arrays = as_jax((h, problem), jnp.float32)
  found = jax.jit(moves.polish)(*arrays, 50)
  for i in range(6):
    assert moves.flip_changes(i, found, arrays[1]).min() >= -1e-3
  assert moves.swap_changes(found, arrays[1]).min() >= -1e-3


@pytest.mark.parametrize(('first', 'last'), [(1e4, 1e-4), (1e-4, 1e4)])
def test_temperatures_fall_from_the_first_to_the_last(first, last):
  h, problem = random_codewords(11, 6, 8), random_problem(11, distance=0)
  h, problem = as_jax((h, problem), jnp.float32)
  anneal = jax.jit(moves.anneal)
  found = anneal(jax.random.key(0), h, problem, (first, last), 201)
  open_ = [moves.flip_changes(i, found, problem).min() for i in range(6)]
  # Cold in the end, no flip helps; hot in the end, one does.
  assert (min(open_) >= -1e-3) == (last < first)
  constant = anneal(jax.random.key(0), h, problem, (last, last), 201)
  assert (found != constant).any()


def test_annealing_swaps_where_no_flip_is_open(x64):
  # All are 4 or 8 apart, and every bit differs in some pair that is 4 apart.
  h = np.asarray(hadamard(None, 16, 8).codewords, float)
  problem = Problem(random_similarity(12, 16), 0.0, 0.0)
  arrays = as_jax((h, problem), jnp.float64)
  assert all(jnp.isinf(moves.flip_changes(i, *arrays)).all() for i in range(16))
  key = jax.random.key(0)
  found = np.asarray(moves.anneal(key, *arrays, (0.1, 0.01), 20))
  assert sorted(map(tuple, found)) == sorted(map(tuple, h))
  before, after = (oracle.loss(x, problem.similarity) for x in (h, found))
  assert after < before - 0.1


# The whole.


def test_known_optima(monkeypatch):
  """All cases by one compilation: no number is part of the program."""
  chex.clear_trace_counter()
  traced = chex.assert_max_traces(module._search.__wrapped__, n=1)
  monkeypatch.setattr(module, '_search', jax.jit(traced))
  known = {(0, 0.0): 0.080403, (1, 0.0): 0.080403, (2, 0.0): 1.417504}
  known |= {(1, 0.625): -1.131430, (2, 0.625): -1.131430}
  products = {0.080403: [2, 0, 2], 1.417504: [0, 0, 0], -1.131430: [-2, -2, 0]}
  for (distance, mu), least in known.items():
    optimum, best = oracle.optimum(PAPER, 4, distance, mu)
    close(optimum, least, 2e-6)
    for h in best:
      assert (h @ h.T)[np.triu_indices(3, 1)].tolist() == products[least]
    for seed in range(5):
      starts = [random_codewords(9 * seed + i, 3, 4, distance) for i in (0, 1)]
      found = semantic(
        jax.random.key(seed),
        jnp.array(PAPER, jnp.float32),
        4,
        distance=distance,
        start=np.stack(starts),
        mu=mu,
        num_annealing_sweeps=50 + seed,
      )
      h = np.asarray(found.codewords, np.float64)
      close(oracle.loss(h, PAPER, mu), optimum, 1e-5)
      close(min(found.report['restart_objectives']), optimum, 1e-5)
      assert (h @ h.T)[np.triu_indices(3, 1)].tolist() == products[least]


# 4 starts of 6 classes and 8 bits: one shape, one compilation.
def small(seed, distance=2, **options):
  starts = [random_codewords(seed + i, 6, 8, distance) for i in range(4)]
  starts = np.stack(starts).astype(np.int8)
  return starts, partial(
    semantic,
    jax.random.key(seed),
    similarity=jnp.array(random_similarity(seed, 6), jnp.float32),
    num_bits=8,
    distance=distance,
    start=starts,
    **options,
  )


@pytest.mark.parametrize('seed', range(5))
def test_planted_optimum_is_found(seed):
  hidden = random_codewords(seed + 100, 6, 8, 2)
  _, search = small(seed, mu=0.0)
  found = search(similarity=jnp.array(hidden @ hidden.T / 8, jnp.float32))
  close(found.report['semantic_loss'], 0, 1e-6)
  h = np.asarray(found.codewords, np.float64)
  np.testing.assert_array_equal(h @ h.T, hidden @ hidden.T)


@fuzz
@hypothesis.given(
  seed=st.integers(0, 2**30),
  distance=st.integers(0, 3),
  mu=st.sampled_from([0.0, 6.25e-5, 0.625]),
  counts=st.tuples(*[st.integers(0, 3)] * 3),
  temperature=st.sampled_from([0.1, 30.0]),
)
def test_result_is_feasible_and_no_worse(
  seed, distance, mu, counts, temperature
):
  starts, search = small(
    seed,
    distance,
    mu=mu,
    num_iterations=counts[0],
    num_annealing_sweeps=counts[1],
    num_polishing_sweeps=counts[2],
    temperatures=(temperature, temperature),
    beta=0.1,
  )
  found = search()
  assert found.codewords.dtype == jnp.int8
  assert np.isin(found.codewords, (-1, 1)).all()
  assert found.report['least_distance'] >= distance
  assert found.report['asked_distance'] == distance
  s = np.asarray(random_similarity(seed, 6), np.float32).astype(np.float64)
  firsts = [oracle.loss(h.astype(float), s, mu) for h in starts]
  h = np.asarray(found.codewords, np.float64)
  objectives = found.report['restart_objectives']
  close(oracle.loss(h, s, mu), min(objectives))
  assert (np.array(objectives) <= np.array(firsts) + 1e-9).all()
  close(found.report['semantic_loss'], oracle.loss(h, s))
  close(found.report['semantic_loss_per_pair'], oracle.loss(h, s) / 36)
  start = starts[int(np.argmin(objectives))].astype(float)
  close(found.report['start_semantic_loss'], oracle.loss(start, s))


def test_restarts_are_as_if_alone():
  _, search = small(0, num_annealing_sweeps=30)
  calls = []
  inner = module._search

  def spy(*args):
    calls.append(args)
    return inner(*args)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(module, '_search', spy)
    search()
  keys, words, *rest = calls[0]
  together = inner(keys, words, *rest)
  for i in range(4):
    alone = inner(keys[i : i + 1], words[i : i + 1], *rest)
    np.testing.assert_array_equal(alone[0], together[i])


def test_stages():
  """Each one lowers the loss further, and none is the start."""
  off = {'num_annealing_sweeps': 0, 'num_polishing_sweeps': 0}
  losses = []
  for options in (
    off | {'num_iterations': 0},
    off,
    {'num_annealing_sweeps': 0},
    {},
  ):
    found = small(5, 1, **options)[1]()
    losses.append(min(found.report['restart_objectives']))
  starts, _ = small(5, 1)
  s = random_similarity(5, 6)
  first = min(oracle.loss(h.astype(float), s, 6.25e-5) for h in starts)
  close(losses[0], first, 1e-5)
  assert losses[0] > losses[1] > losses[2] >= losses[3]


def test_follows_the_key():
  _, search = small(3)
  np.testing.assert_array_equal(search().codewords, search().codewords)


def test_restarts_draw_each_its_own():
  starts, search = small(5, num_iterations=0, num_polishing_sweeps=0)
  search = partial(search, start=np.stack([starts[0]] * 4))
  before, after = (
    search(num_annealing_sweeps=n).report['restart_objectives'] for n in (0, 3)
  )
  assert len(set(before)) == 1
  assert len(set(after)) > 1


def test_never_worse_than_the_start():
  starts, _ = small(8)
  s = random_similarity(8, 6)
  order = np.argsort([oracle.loss(h.astype(float), s) for h in starts])
  good, bad = starts[order[:1]], starts[order[-1:]]
  found = module._best(s, good, bad, 0.0, 2)
  np.testing.assert_array_equal(found.codewords, good[0])
  assert found.report['semantic_loss'] == found.report['start_semantic_loss']


def test_a_single_start_is_permuted():
  starts, search = small(4, num_iterations=0, num_annealing_sweeps=0)
  found = search(start=starts[0], num_restarts=4, num_polishing_sweeps=0)
  objectives = found.report['restart_objectives']
  s = random_similarity(4, 6)
  close(objectives[0], oracle.loss(starts[0].astype(float), s, 6.25e-5), 1e-5)
  assert len(set(objectives)) > 1
  as_set = {tuple(row) for row in np.asarray(found.codewords)}
  assert as_set == {tuple(row) for row in starts[0]}


def test_starts_by_itself():
  s = jnp.array(random_similarity(0, 6), jnp.float32)
  found = semantic(jax.random.key(0), s, 8, num_restarts=4)
  distance = gilbert_varshamov_distance(6, 8)
  assert found.report['asked_distance'] == distance
  assert found.report['least_distance'] >= distance
  assert found.report['semantic_loss'] < found.report['start_semantic_loss']


def test_distance_that_is_impossible():
  assert gilbert_varshamov_distance(5, 5) == 3
  options = {'start': None, 'shape': (5, 5), 'num_restarts': 2}
  key = jax.random.key(0)
  starts, distance = feasible_starts(key, distance=None, **options)
  assert distance == 2
  assert min(oracle.distances(starts[1])) >= 2
  assert (starts[0] != starts[1]).any()
  with pytest.raises(ValueError, match='3'):
    feasible_starts(key, distance=3, **options)
  starts, distance = feasible_starts(key, distance=0, **options)
  assert distance == 0


def test_symmetric_part_is_what_counts():
  starts, _ = small(6)
  s = np.round(random_similarity(6, 6) * 64) / 64  # exact in float32
  skew = np.triu(np.full((6, 6), 0.25), 1)
  found, other = (
    semantic(jax.random.key(6), jnp.array(x), 8, distance=2, start=starts)
    for x in (s, s + skew - skew.T)
  )
  np.testing.assert_array_equal(other.codewords, found.codewords)
  more = 2 * (skew**2).sum()
  close(
    other.report['semantic_loss'], found.report['semantic_loss'] + more, 1e-5
  )


def test_bfloat16_similarity():
  starts, _ = small(7)
  s = jnp.array(random_similarity(7, 6), jnp.bfloat16)
  found = semantic(jax.random.key(7), s, 8, distance=2, start=starts)
  exact = oracle.loss(
    np.asarray(found.codewords, float), np.asarray(s, np.float64)
  )
  close(found.report['semantic_loss'], exact, 1e-5)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'distance': 4}, 'start 0 has codewords at a distance of 2, wanted at'),
    ({'distance': 9}, 'distance must be at most num_bits=8, got 9'),
    ({'distance': -1}, 'distance must be an int of at least 0, got -1'),
    ({'start': np.ones((5, 8))}, r'\[classes, bits\] = \[6, 8\].*got \[5, 8\]'),
    ({'start': np.zeros((6, 8))}, r'the start must be -1/\+1'),
    ({'start': np.zeros((0, 6, 8))}, 'at least one restart'),
    ({'mu': -1.0}, 'mu must be at least 0 and finite, got -1'),
    ({'rho': 0.0}, 'rho must be above 0 and finite, got 0'),
    ({'beta': float('nan')}, 'beta must be above 0 and finite, got nan'),
    ({'eta': -0.5}, 'eta must be above 0 and finite, got -0.5'),
    ({'temperatures': (0.3,)}, r'the first and the last, got \(0.3,\)'),
    ({'temperatures': (0.3, 0.0)}, 'last_temperature must be above 0'),
    ({'num_restarts': 0}, 'num_restarts must be an int of at least 1'),
    ({'num_sweeps': 0}, 'num_sweeps must be an int of at least 1'),
    ({'num_iterations': -1}, 'num_iterations must be an int of at least 0'),
    ({'num_annealing_sweeps': -1}, 'num_annealing_sweeps must be an int'),
    ({'num_polishing_sweeps': -1}, 'num_polishing_sweeps must be an int'),
  ],
)
def test_bad_options(options, message):
  starts = np.stack([random_codewords(0, 6, 8, 2)])
  starts[0, 1] = starts[0, 0] * np.array([-1, -1, 1, 1, 1, 1, 1, 1])
  options = {'distance': 0, 'start': starts, **options}
  s = jnp.array(random_similarity(0, 6), jnp.float32)
  with pytest.raises(ValueError, match=message):
    inspect.unwrap(semantic)(jax.random.key(0), s, 8, **options)


def test_bad_similarity():
  key = jax.random.key(0)
  s = jnp.array(random_similarity(0, 6), jnp.float32)
  with pytest.raises(ValueError, match='the similarity must be finite'):
    semantic(key, s.at[0, 1].set(jnp.nan), 8)
  with pytest.raises(ValueError, match=r'\[classes, classes\], got \[5, 6\]'):
    inspect.unwrap(semantic)(key, s[:5], 8)
  with pytest.raises(ValueError, match='2 bits have 4 codewords'):
    semantic(key, s, 2)
  with pytest.raises(ValueError, match='outside of'):
    jax.jit(lambda s: semantic(key, s, 8).codewords)(s)
