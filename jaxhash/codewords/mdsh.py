"""Codewords with a least distance and a small mean inner product: MDSH."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int8

from jaxhash._checks import check_int
from jaxhash.codewords._distances import inner_product_sum
from jaxhash.codewords.base import Codewords, with_report
from jaxhash.codewords.separated import separated

__all__ = ['mdsh']

FIRST_RHO, RHO_GROWTH, LARGEST_RHO = 1e-5, 1.09, 1e7
DUAL_STEP = (1 + math.sqrt(5)) / 2
# A center that is so near to both of its binary copies has its signs.
TOLERANCE = 1e-3


def mdsh(
  key: jax.Array | None,
  num_classes: int,
  num_bits: int,
  *,
  distance: int | None = None,
  num_sweeps: int = 50,
  num_steps: int = 320,
) -> Codewords:
  """Codewords of a least distance with the least mean inner product.

  In turn, each codeword b is found anew while the others H stay, by Lp-box
  ADMM:

  .. math::
    \\min_b \\langle \\tfrac{1}{C-1} \\sum_j h_j, b \\rangle \\quad
    \\text{s.t.} \\quad H b \\le K - 2d, \\quad b \\in [-1, 1]^K, \\quad
    \\|b\\| = \\sqrt{K}

  Box and sphere meet in -1/+1. The signs of the result are taken if they keep
  all distances and the mean inner product does not grow, so codewords are
  never worse than those that the search begins with.

  Args:
    key: random key of `separated`, where the search begins; the search itself
      is not random. None for its codewords without randomness.
    num_classes: C, from 2 to `2**num_bits`. Time grows with C^2: on one core a
      sweep takes seconds for 200 and up to a minute for 1000, of 64 bits.
    num_bits: K, at least 1.
    distance: d, as for `separated`.
    num_sweeps: most times that all codewords are searched anew, at least 0. It
      ends earlier if nothing changes, or nothing can improve.
    num_steps: most steps of ADMM a codeword, at least 1. It ends earlier where
      it has converged. With 320 the penalty grows to its largest value.

  Returns:
    Codewords `[num_classes, num_bits]`. The report adds `asked_distance`,
    `source`, `sweeps`, and the mean inner product of two codewords: at the
    start, `first_inner_product`, and at the end, `mean_inner_product`. They
    are made on the host, outside of `jax.jit`.

  Raises:
    ValueError: as `separated`, or an argument is out of its range.

  Example:
    >>> report = mdsh(jax.random.key(0), 10, 16).report
    >>> report['least_distance'] >= report['asked_distance']
    True
    >>> report['mean_inner_product'] < report['first_inner_product']
    True

  Source: MDSH, Wang et al., "Deep Hashing with Minimal-Distance-Separated Hash
  Centers", CVPR 2023 :cite:p:`wang2023mdsh`; Lp-box ADMM, Wu and Ghanem, TPAMI
  2019 :cite:p:`wu2019lpbox`. The penalty is 1e-5 at first and 1e7 at most, the
  same for all constraints; the dual step is the golden ratio times the penalty.

  Departures: the penalty grows by 1.09 every step; in the released code, once
  in up to ten steps of the center. The released search ends as soon as all
  centers are d apart; this one starts there and goes on. Where it begins, when
  a solution replaces a codeword, that ADMM begins at 0, and both early ends are
  choices of this library.
  """
  check_int('num_sweeps', num_sweeps, 0)
  check_int('num_steps', num_steps, 1)
  with jax.ensure_compile_time_eval():  # a known key is known under jit too
    first = separated(key, num_classes, num_bits, distance=distance)
    least = first.report['asked_distance']
    codewords, sweeps = _search(first.codewords, least, num_sweeps, num_steps)
    begin = _mean_inner_product(first.codewords)
  made = with_report(
    codewords,
    asked_distance=least,
    source=f'MDSH from {first.report["source"]}',
    sweeps=sweeps,
    first_inner_product=begin,
    mean_inner_product=_mean_inner_product(codewords),
  )
  if made.report['least_distance'] < least:
    raise RuntimeError(
      f'codewords of MDSH should be {least} apart, but are '
      f'{made.report["least_distance"]}: please report this'
    )
  return made


def _search(
  codewords: Int8[Array, 'classes bits'],
  distance: int,
  num_sweeps: int,
  num_steps: int,
) -> tuple[Int8[np.ndarray, 'classes bits'], int]:
  """The codewords that the search ends with, and the number of sweeps."""
  centers = jnp.asarray(codewords, jnp.float32)
  sweeps = 0
  changed = True
  while (
    changed and sweeps < num_sweeps and not _is_optimal(centers.sum(axis=0))
  ):
    centers, changed = _sweep(
      centers, jnp.int32(distance), jnp.int32(num_steps)
    )
    sweeps += 1
  return np.asarray(centers).astype(np.int8), sweeps


def _mean_inner_product(codewords: Array | np.ndarray) -> float:
  count = len(codewords)
  return inner_product_sum(np.asarray(codewords)) / (count * (count - 1))


def _is_optimal(column_sums: Float[Array, 'bits']) -> Array:
  """Whether each bit is balanced: then no mean inner product is smaller.

  The sum of all inner products is that of the squared column sums, and a
  constant. Of an odd number of classes, a column sum is odd.
  """
  return jnp.abs(column_sums).max() <= 1


@jax.jit
@jax.default_matmul_precision('highest')
def _sweep(
  centers: Float[Array, 'classes bits'],
  distance: Int[Array, ''],
  num_steps: Int[Array, ''],
) -> tuple[Float[Array, 'classes bits'], Array]:
  """Searches each center anew; the centers, and whether one changed."""
  num_classes, num_bits = centers.shape
  limit = (num_bits - 2 * distance).astype(centers.dtype)

  def search(i, carry):
    centers, changed, column_sums = carry
    old = centers[i]
    # The own row as zeros keeps the shape; its constraint always holds.
    others = centers.at[i].set(0.0)
    cost = (column_sums - old) / (num_classes - 1)
    new = _lp_box_admm(others, cost, limit, num_steps)
    is_far = (
      jnp.max(
        others @ new, where=jnp.arange(num_classes) != i, initial=-jnp.inf
      )
      <= limit
    )
    # Whole numbers, so exact: with `cost` a tie could look like a gain.
    gain = (column_sums - old) @ (old - new)
    taken = is_far & (gain >= 0) & (new != old).any()
    new = jnp.where(taken, new, old)
    return centers.at[i].set(new), changed | taken, column_sums + new - old

  def step(i, carry):
    return jax.lax.cond(
      _is_optimal(carry[2]),
      lambda carry: carry,
      functools.partial(search, i),
      carry,
    )

  carry = (centers, jnp.array(False), centers.sum(axis=0))
  return jax.lax.fori_loop(0, num_classes, step, carry)[:2]


class _State(NamedTuple):
  """A center, its multipliers (box, sphere, distances), and the progress."""

  center: Array
  box: Array
  sphere: Array
  far: Array
  rho: Array
  steps: Array
  residual: Array


def _lp_box_admm(
  others: Float[Array, 'classes bits'],
  cost: Float[Array, 'bits'],
  limit: Float[Array, ''],
  num_steps: Int[Array, ''],
) -> Float[Array, 'bits']:
  """The signs of the solution for one center."""
  num_bits = len(cost)
  # With one penalty for all constraints the matrix is the same in all steps.
  system = 2 * jnp.eye(num_bits, dtype=others.dtype) + others.T @ others
  inverse = jnp.linalg.inv(system)

  def step(state: _State) -> _State:
    rho = state.rho
    in_box = jnp.clip(state.center + state.box / rho, -1, 1)
    direction = state.center + state.sphere / rho
    norm = jnp.maximum(jnp.linalg.norm(direction), 1e-12)
    on_sphere = math.sqrt(num_bits) * direction / norm
    slack = jax.nn.relu(limit - others @ state.center - state.far / rho)
    center = inverse @ (
      in_box
      + on_sphere
      - others.T @ (slack - limit + state.far / rho)
      - (cost + state.box + state.sphere) / rho
    )
    rate = DUAL_STEP * rho
    return _State(
      center,
      state.box + rate * (center - in_box),
      state.sphere + rate * (center - on_sphere),
      state.far + rate * (others @ center + slack - limit),
      jnp.minimum(RHO_GROWTH * rho, LARGEST_RHO),
      state.steps + 1,
      jnp.maximum(
        jnp.abs(center - in_box).max(), jnp.abs(center - on_sphere).max()
      ),
    )

  def goes_on(state: _State) -> Array:
    return (state.steps < num_steps) & (state.residual > TOLERANCE)

  zeros = jnp.zeros_like(cost)
  state = _State(
    center=zeros,
    box=zeros,
    sphere=zeros,
    far=jnp.zeros_like(others[:, 0]),
    rho=jnp.full_like(limit, FIRST_RHO),
    steps=jnp.zeros_like(num_steps),
    residual=jnp.full_like(limit, jnp.inf),
  )
  state = jax.lax.while_loop(goes_on, step, state)
  return jnp.where(state.center >= 0, 1, -1).astype(others.dtype)
