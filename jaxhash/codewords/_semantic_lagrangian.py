r"""The augmented Lagrangian of semantic hash centers, and its steps.

With the codewords as rows, H and its copy M `[classes, bits]`,

.. math::
  F = \| S - \tfrac1q H M^T \|_F^2 + \mu \sum_{i \ne j} h_i \cdot h_j
    + \langle \Lambda, H - M \rangle + \tfrac{\rho}{2} \| H - M \|_F^2
    + \sum_{i \ne j} \left( \alpha_{ij} c_{ij}
    + \tfrac{\beta}{2} c_{ij}^2 \right), \qquad
  c_{ij} = b - h_i \cdot h_j - k_{ij}

where b = q - 2 d for a least distance d, and K >= 0 is the slack. Every step
works on one set of codewords, of any float dtype; `jax.vmap` makes restarts.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from jaxhash import binarize

_matmul = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)

FIRST_COPY_MULTIPLIER = 0.1


class Problem(NamedTuple):
  """What is minimised.

  Attributes:
    similarity: S, symmetric, `[classes, classes]`.
    bound: b = q - 2 d, the greatest inner product of two codewords.
    mu: weight of the balance.
  """

  similarity: Float[Array, 'classes classes']
  bound: float | Float[Array, '']
  mu: float | Float[Array, '']


class Rates(NamedTuple):
  """The constants of the search; see `semantic.semantic`."""

  rho: float | Float[Array, '']
  beta: float | Float[Array, '']
  eta: float | Float[Array, '']


class State(NamedTuple):
  """The variables of the augmented Lagrangian.

  Attributes:
    codewords: H, `[classes, bits]`.
    copy: M, `[classes, bits]`.
    slack: K, symmetric, `[classes, classes]`; its diagonal counts for nothing.
    copy_multipliers: Lambda, `[classes, bits]`.
    pair_multipliers: alpha, symmetric, `[classes, classes]`; as K.
  """

  codewords: Float[Array, 'classes bits']
  copy: Float[Array, 'classes bits']
  slack: Float[Array, 'classes classes']
  copy_multipliers: Float[Array, 'classes bits']
  pair_multipliers: Float[Array, 'classes classes']


def semantic_loss(
  codewords: Num[Array, 'classes bits'],
  similarity: Float[Array, 'classes classes'],
  *,
  mu: float | Float[Array, ''] = 0.0,
) -> Float[Array, '']:
  r"""How far the inner products of codewords are from a similarity.

  .. math:: f(H) = \| S - \tfrac1q H H^T \|_F^2 + \mu \sum_{i \ne j} h_i \cdot
    h_j, \qquad \sum_{i \ne j} h_i \cdot h_j = \| H^T 1 \|^2 - q C

  for C codewords of q bits as the rows of H: the second term is least where
  each bit is +1 for half of the classes.

  Args:
    codewords: H, `[classes, bits]`, -1/+1 or real-valued.
    similarity: S, float `[classes, classes]`, symmetric or not.
    mu: weight of the second term.

  Returns:
    A float32 scalar (float64 where an argument is), differentiable. The paper
    reports it for mu = 0, divided by the square of the number of classes.

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> semantic_loss(jnp.ones((2, 4)), jnp.eye(2), mu=0.5).item()
    6.0

  Source: Chen et al., arXiv 2507.08404, equation 15.
  """
  count, num_bits = codewords.shape
  if similarity.shape != (count, count):
    raise ValueError(
      f'the similarity of {count} codewords must be {[count, count]}, got '
      f'{list(similarity.shape)}'
    )
  dtype = np.result_type(codewords.dtype, similarity.dtype, np.float32)
  codewords = codewords.astype(dtype)
  products = _matmul(codewords, codewords.T)
  error = similarity.astype(dtype) - products / num_bits
  return (error**2).sum() + mu * (products.sum() - jnp.trace(products))


def augmented_lagrangian(
  state: State, problem: Problem, rates: Rates
) -> Float[Array, '']:
  """F; the steps below lower it or climb it in the multipliers.

  Args:
    state: the variables.
    problem: what is minimised.
    rates: rho and beta count.

  Returns:
    A scalar in the dtype of the arrays, differentiable.

  Source: equation 21, of which the factors are those that give the paper's
  steps; its equations 29, 35 and 41 have misprints.
  """
  h, m = state.codewords, state.copy
  num_bits = h.shape[1]
  products = _matmul(h, h.T)
  gap = problem.bound - products - state.slack
  pairs = (
    problem.mu * products
    + state.pair_multipliers * gap
    + rates.beta / 2 * gap**2
  )
  return (
    ((problem.similarity - _matmul(h, m.T) / num_bits) ** 2).sum()
    + (state.copy_multipliers * (h - m)).sum()
    + rates.rho / 2 * ((h - m) ** 2).sum()
    + pairs.sum()
    - jnp.trace(pairs)
  )


def first_state(codewords: Float[Array, 'classes bits']) -> State:
  """The state before the first step: alpha = 0, Lambda = .1."""
  pairs = jnp.zeros((len(codewords), len(codewords)), codewords.dtype)
  multipliers = jnp.full_like(codewords, FIRST_COPY_MULTIPLIER)
  return State(codewords, codewords, pairs, multipliers, pairs)


def update_copy(state: State, problem: Problem, rates: Rates) -> State:
  r"""The M for which F is least.

  .. math:: M = (\tfrac2q S H + \Lambda + \rho H)
    (\tfrac{2}{q^2} H^T H + \rho I)^{-1}
  """
  h = state.codewords
  num_bits = h.shape[1]
  identity = jnp.eye(num_bits, dtype=h.dtype)
  left = 2 / num_bits**2 * _matmul(h.T, h) + rates.rho * identity
  right = 2 / num_bits * _matmul(problem.similarity, h)
  right = right + state.copy_multipliers + rates.rho * h
  copy = jax.scipy.linalg.solve(left, right.T, assume_a='pos').T
  return state._replace(copy=copy)


def update_slack(state: State, problem: Problem, rates: Rates) -> State:
  r"""The K for which F is least, :math:`[b - H H^T + \alpha / \beta]_+`."""
  products = _matmul(state.codewords, state.codewords.T)
  free = problem.bound - products + state.pair_multipliers / rates.beta
  return state._replace(slack=jnp.maximum(free, 0))


class Pull(NamedTuple):
  """What the gradient of every codeword needs and no codeword changes."""

  gram: Float[Array, 'bits bits']
  target: Float[Array, 'classes bits']


def pull_of(state: State, problem: Problem) -> Pull:
  r"""The gradient of the first term of F is :math:`A h_i - t_i`: A and t."""
  m = state.copy
  num_bits = m.shape[1]
  return Pull(
    2 / num_bits**2 * _matmul(m.T, m),
    2 / num_bits * _matmul(problem.similarity, m),
  )


def codeword_gradient(
  i: int | Array, state: State, pull: Pull, problem: Problem, rates: Rates
) -> Float[Array, 'bits']:
  r"""Gradient of F in one codeword, the others and the rest held.

  .. math::
    g_i = \tfrac{2}{q^2} M^T M h_i - \tfrac2q M^T s_i + \lambda_i
      + \rho (h_i - m_i) + \sum_{j \ne i} \left( 2 \mu - 2 \alpha_{ij}
      + 2 \beta (h_i \cdot h_j - b + k_{ij}) \right) h_j

  The released code has the scalar q in place of the outer product
  :math:`h_j h_j^T` of the last term.
  """
  h = state.codewords
  products = _matmul(h, h[i])
  excess = products - problem.bound + state.slack[i]
  weights = 2 * (problem.mu - state.pair_multipliers[i] + rates.beta * excess)
  return (
    _matmul(pull.gram, h[i])
    - pull.target[i]
    + state.copy_multipliers[i]
    + rates.rho * (h[i] - state.copy[i])
    + _matmul(weights.at[i].set(0)[None, :], h)[0]
  )


def update_codewords(state: State, problem: Problem, rates: Rates) -> State:
  r"""One sweep of :math:`h_i \gets \mathrm{sign}(h_i - g_i / \eta)`.

  Codeword by codeword; one is taken only if its inner product with every other
  is b or less, as in the released code, so that no distance falls below d.
  """
  pull = pull_of(state, problem)
  num_bits = state.codewords.shape[1]

  def update(i: Array, h: Array) -> Array:
    gradient = codeword_gradient(
      i, state._replace(codewords=h), pull, problem, rates
    )
    new = binarize.codes_from_logits(h[i] - gradient / rates.eta)
    new = new.astype(h.dtype)
    products = _matmul(h, new).at[i].set(-num_bits)
    return h.at[i].set(jnp.where((products <= problem.bound).all(), new, h[i]))

  codewords = jax.lax.fori_loop(0, len(state.copy), update, state.codewords)
  return state._replace(codewords=codewords)


def update_multipliers(state: State, problem: Problem, rates: Rates) -> State:
  """One step of gradient ascent, of length rho and beta."""
  h = state.codewords
  gap = problem.bound - _matmul(h, h.T) - state.slack
  gap = jnp.fill_diagonal(gap, 0, inplace=False)
  return state._replace(
    copy_multipliers=state.copy_multipliers + rates.rho * (h - state.copy),
    pair_multipliers=state.pair_multipliers + rates.beta * gap,
  )


def search(
  codewords: Float[Array, 'classes bits'],
  problem: Problem,
  rates: Rates,
  num_iterations: int | Array,
  num_sweeps: int | Array,
) -> Float[Array, 'classes bits']:
  """The whole search; the best codewords after any sweep, or those given.

  Args:
    codewords: -1/+1 with every inner product of two b or less.
    problem: what is minimised.
    rates: constants of the steps.
    num_iterations: of all steps.
    num_sweeps: over the codewords in each iteration.

  Returns:
    Codewords with a loss that is at most what it was.
  """

  def loss(h: Array) -> Array:
    return semantic_loss(h, problem.similarity, mu=problem.mu)

  Carry = tuple[State, Array, Array]

  def sweep(_: Array, carry: Carry) -> Carry:
    state, best, least = carry
    state = update_codewords(state, problem, rates)
    found = loss(state.codewords)
    best = jnp.where(found < least, state.codewords, best)
    return state, best, jnp.minimum(found, least)

  def iterate(_: Array, carry: Carry) -> Carry:
    state, *kept = carry
    state = update_copy(state, problem, rates)
    state = update_slack(state, problem, rates)
    carry = jax.lax.fori_loop(0, num_sweeps, sweep, (state, *kept))
    return update_multipliers(carry[0], problem, rates), *carry[1:]

  carry = (first_state(codewords), codewords, loss(codewords))
  return jax.lax.fori_loop(0, num_iterations, iterate, carry)[1]
