r"""Moves of semantic hash centers that change the loss by a known amount.

For codewords h with inner products :math:`p_{ij} = h_i \cdot h_j`, residual
:math:`r_{ij} = s_{ij} - p_{ij} / q` and the loss of `semantic_loss`:

- bit k of codeword i flips:
  :math:`\Delta = \tfrac8q h_{ik} \sum_{j \ne i} (r_{ij} - \tfrac{\mu q}{2})
  h_{jk} + \tfrac{8 (C - 1)}{q^2}`;
- classes a and b swap their codewords: only :math:`\langle S, P \rangle`
  changes, and :math:`\Delta = - \tfrac4q \sum_{k \ne a, b}
  (s_{ak} - s_{bk}) (p_{bk} - p_{ak})`, where by :math:`W = S P` the sum over
  all k is :math:`W_{ab} + W_{ba} - W_{aa} - W_{bb}`.

A flip may break the least distance, and is open only to codewords that stay
far enough apart; a swap never does.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jaxhash.codewords._semantic_lagrangian import Problem, _matmul

# Least gain of a move, in units of `flip_cost`, above the noise of float32.
LEAST_GAIN = 1e-4

# Of the annealing: swaps take as long as a sweep of flips and gain less.
SWEEPS_A_SWAP = 4

# Of the annealing: codewords that flip at once, for the speed of a product of
# matrices, but few enough that they hardly matter to each other.
MOST_AT_ONCE, LEAST_BLOCKS = 8, 25


def flip_cost(num_classes: int, num_bits: int) -> float:
  """What a flip costs by its curvature: the unit of temperature."""
  return 8 * (num_classes - 1) / num_bits**2


def flip_changes(
  first: int | Array,
  codewords: Float[Array, 'classes bits'],
  problem: Problem,
  block: int = 1,
) -> Float[Array, 'block bits']:
  """Change of the loss by a flip of each bit of some codewords.

  Args:
    first: index of the first of them.
    codewords: all, -1/+1.
    problem: what is minimised.
    block: how many.

  Returns:
    The changes, infinite where a flip would break the least distance.
  """
  count, num_bits = codewords.shape
  h = jax.lax.dynamic_slice_in_dim(codewords, first, block)
  s = jax.lax.dynamic_slice_in_dim(problem.similarity, first, block)
  products = _matmul(h, codewords.T)
  other = jnp.arange(count)[None, :] != (first + jnp.arange(block))[:, None]
  pull = s - products / num_bits - problem.mu * num_bits / 2
  pull = jnp.where(other, pull, 0)
  # A flip brings two codewords nearer where they differ in its bit.
  tight = (other & (products >= problem.bound)).astype(codewords.dtype)
  sums = _matmul(jnp.concatenate([pull, tight]), codewords)
  change = 8 / num_bits * h * sums[:block] + flip_cost(count, num_bits)
  nearer = tight.sum(axis=1, keepdims=True) - h * sums[block:]
  return jnp.where(nearer > 0.5, jnp.inf, change)


def flip_sweep(
  codewords: Float[Array, 'classes bits'],
  problem: Problem,
  noise: Float[Array, 'classes bits+1'],
  block: int = 1,
) -> tuple[Float[Array, 'classes bits'], Bool[Array, '']]:
  """Flips at most one bit of each codeword, one block after the other.

  Args:
    codewords: -1/+1, far enough apart.
    problem: what is minimised.
    noise: subtracted from the changes of the loss by the bits, and by no flip
      (last column), before the least is taken. Zeros: the best flip, if it
      lowers the loss.
    block: codewords that choose at once, each as if the others stayed, from 1
      to their number. One at a time, all changes are exact. What two
      of a block do to each other is one of their pairs of classes - 1.

  Returns:
    The codewords, as far apart, and whether there was any flip.
  """
  count, num_bits = codewords.shape
  least = LEAST_GAIN * flip_cost(count, num_bits)
  bits, rows = jnp.arange(num_bits), jnp.arange(block)

  def update(n: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
    codewords, moved = carry
    first = jnp.minimum(n * block, count - block)
    h = jax.lax.dynamic_slice_in_dim(codewords, first, block)
    y = jax.lax.dynamic_slice_in_dim(noise, first, block)
    score = flip_changes(first, codewords, problem, block) - y[:, :-1]
    flips = score.min(axis=1) < -y[:, -1] - least
    chosen = bits[None, :] == jnp.argmin(score, axis=1)[:, None]
    new = jnp.where(flips[:, None] & chosen, -h, h)
    # Each is far enough from the others as they were; of two that are not as
    # they became, the later one stays.
    near = _matmul(new, new.T) > problem.bound
    flips &= ~(near & (rows[None, :] < rows[:, None])).any(axis=1)
    new = jnp.where(flips[:, None], new, h)
    codewords = jax.lax.dynamic_update_slice_in_dim(codewords, new, first, 0)
    return codewords, moved | flips.any()

  carry = (codewords, jnp.bool_(False))
  return jax.lax.fori_loop(0, -(-count // block), update, carry)


def swap_changes(
  codewords: Float[Array, 'classes bits'], problem: Problem
) -> Float[Array, 'classes classes']:
  """Change of the loss if two classes swap their codewords, for all pairs."""
  num_bits = codewords.shape[1]
  s = problem.similarity
  p = _matmul(codewords, codewords.T)
  w = _matmul(_matmul(s, codewords), codewords.T)
  own_w, own_s = jnp.diagonal(w), jnp.diagonal(s)
  total = w + w.T - own_w[:, None] - own_w[None, :]
  # The terms k = a and k = b of the sum over all k.
  ends = (own_s[:, None] + own_s[None, :] - 2 * s) * (p - num_bits)
  return -4 / num_bits * (total - ends)


def swap(
  codewords: Float[Array, 'classes bits'], problem: Problem
) -> tuple[Float[Array, 'classes bits'], Bool[Array, '']]:
  """Swaps the codewords of classes that gain by it, many pairs at once.

  Each pair of classes that are each other's best partner swaps. Such pairs
  hardly matter to each other; where they do so much that the best of them
  alone would gain more, it swaps alone.

  Args:
    codewords: -1/+1.
    problem: what is minimised.

  Returns:
    The codewords, and whether there was any swap; if so, the loss is less.
  """
  count, num_bits = codewords.shape
  rows = jnp.arange(count)
  change = swap_changes(codewords, problem)
  change = jnp.fill_diagonal(change, 0, inplace=False)
  best = change.min(axis=1)
  # The first least entry: XLA's argmin takes several times as long on a CPU.
  partner = jnp.where(change == best[:, None], rows[None, :], count - 1)
  partner = partner.min(axis=1)
  enough = best < -LEAST_GAIN * flip_cost(count, num_bits)
  mutual = enough & (partner[partner] == rows)
  many = codewords[jnp.where(mutual, partner, rows)]
  gain = _agreement(many, problem) - _agreement(codewords, problem)
  many_change = -2 / num_bits * gain
  a = jnp.argmin(best)
  b = partner[a]
  one = codewords.at[a].set(codewords[b]).at[b].set(codewords[a])
  found = jnp.where(best[a] <= many_change, one, many)
  return jnp.where(enough[a], found, codewords), enough[a]


def _agreement(codewords: Array, problem: Problem) -> Array:
  """<S, P>, the only part of the loss that swaps change."""
  return (_matmul(problem.similarity, codewords) * codewords).sum()


def anneal(
  key: Key[Array, ''],
  codewords: Float[Array, 'classes bits'],
  problem: Problem,
  temperatures: tuple[float | Array, float | Array],
  num_sweeps: int | Array,
) -> Float[Array, 'classes bits']:
  """Simulated annealing by the flips that the distance allows, and swaps.

  Each sweep draws, for one codeword after the other, one of its flips or none
  with a probability of exp(-change / temperature), by the Gumbel trick. Now
  and then the swaps that lower the loss are made: where codewords are packed
  so densely that few flips are open, they do most of the work.

  Args:
    key: of the draws.
    codewords: -1/+1, far enough apart.
    problem: what is minimised.
    temperatures: of the first and the last sweep, in units of `flip_cost`;
      between them they fall by a constant factor.
    num_sweeps: at least 0.

  Returns:
    The codewords after the last sweep, as far apart as they were.
  """
  count, num_bits = codewords.shape
  block = min(max(count // LEAST_BLOCKS, 1), MOST_AT_ONCE)
  first, last = temperatures
  factor = (last / first) ** (1 / jnp.maximum(num_sweeps - 1, 1))

  def sweep(t: Array, h: Array) -> Array:
    noise = jax.random.gumbel(
      jax.random.fold_in(key, t), (count, num_bits + 1), h.dtype
    )
    unit = flip_cost(count, num_bits)
    temperature = (unit * first * factor**t).astype(h.dtype)
    h, _ = flip_sweep(h, problem, temperature * noise, block)
    return jax.lax.cond(
      t % SWEEPS_A_SWAP == 0, lambda x: swap(x, problem)[0], lambda x: x, h
    )

  return jax.lax.fori_loop(0, num_sweeps, sweep, codewords)


def polish(
  codewords: Float[Array, 'classes bits'],
  problem: Problem,
  num_sweeps: int | Array,
) -> Float[Array, 'classes bits']:
  """The best flips and swaps until neither helps.

  Args:
    codewords: -1/+1, far enough apart.
    problem: what is minimised.
    num_sweeps: at most so many.

  Returns:
    The codewords, with a loss that is at most what it was.
  """
  count, num_bits = codewords.shape
  quiet = jnp.zeros((count, num_bits + 1), codewords.dtype)

  def sweep(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    h, t, _ = carry
    h, flipped = flip_sweep(h, problem, quiet)
    h, swapped = swap(h, problem)
    return h, t + 1, flipped | swapped

  def goes_on(carry: tuple[Array, Array, Array]) -> Array:
    return carry[2] & (carry[1] < num_sweeps)

  carry = (codewords, jnp.int32(0), jnp.bool_(True))
  return jax.lax.while_loop(goes_on, sweep, carry)[0]
