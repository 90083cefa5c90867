"""How far apart the rows of a data set are: statistics of all of its pairs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxhash._checks import check_int, check_not_negative
from jaxhash.losses.structure import cosine_distances

__all__ = ['MOST_ROWS', 'HalfGaussians', 'half_gaussians']

LARGEST = 2.0  # of cosine distances
#: Rows whose pairs an int32 counts.
MOST_ROWS = 2**16

Carry = TypeVar('Carry')
# Distances of two blocks of rows, and which of the pairs count.
Add = Callable[[Carry, Float[Array, 'n n'], Bool[Array, 'n n']], Carry]


class HalfGaussians(NamedTuple):
  """The pairs below and above the most frequent distance, half a Gaussian each.

  Both Gaussians have the mode as their mean, by construction.

  Attributes:
    mode: m, the most frequent distance, float32.
    near_std: standard deviation s1 of the half up to the mode, float32.
    far_std: standard deviation s2 of the half above the mode, float32.
    lower: m less `factor` times s1: nearer pairs are obviously near. Below 0,
      there are none.
    upper: m and `factor` times s2: farther pairs are obviously far.
    histogram: pairs by distance, int32 `[num_bins]`, bins of equal width from
      0 to 2.
  """

  mode: Float[Array, '']
  near_std: Float[Array, '']
  far_std: Float[Array, '']
  lower: Float[Array, '']
  upper: Float[Array, '']
  histogram: Int[Array, 'num_bins']


def half_gaussians(
  features: Float[Array, 'rows dims'],
  *,
  factor: float = 2.0,
  num_bins: int = 200,
  mode_in_bin: float = 0.5,
  block_size: int = 1024,
) -> HalfGaussians:
  r"""SSDH: which cosine distances are obviously small, and which large.

  .. math:: s_1^2 = \mathrm{mean}_{d_{ij} \le m} (d_{ij} - m)^2, \qquad
    s_2^2 = \mathrm{mean}_{d_{ij} > m} (d_{ij} - m)^2, \qquad
    l = m - \alpha s_1, \qquad u = m + \alpha s_2

  over all pairs i < j of rows. The distances up to the mode m and their mirror
  images about it have the mean m and the standard deviation s1; those above it
  and theirs have the same mean and s2. The mode is the centre of the fullest
  bin of a histogram from 0 to 2, of the first one if there are several.

  The distances are computed twice, block by block, and never held together.

  Args:
    features: x, finite, any float dtype, `[rows, dims]`, 2 to 65,536 rows; a
      row of zeros is at distance 1 from all others.
    factor: alpha, at least 0.
    num_bins: of the histogram, at least 1.
    mode_in_bin: where in the fullest bin the mode is, from 0 for its lower end
      to 1 for its upper end.
    block_size: rows that are compared with as many others at once.

  Returns:
    The statistics, on the device. `jaxhash.losses.distance_structure` takes
    `lower` and `upper`.

  Raises:
    ValueError: there are fewer than two or too many rows, or a number is out
      of its range.

  Example:
    >>> x = jnp.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    >>> statistics = half_gaussians(x, num_bins=4, factor=1.0)
    >>> [round(s.item(), 3) for s in statistics[:5]]
    [0.25, 0.128, 0.45, 0.122, 0.7]

  Source: Yang et al., "Semantic Structure-based Unsupervised Deep Hashing",
  IJCAI 2018 :cite:p:`yang2018ssdh`, and the authors' code.

  Departures from that code: its 100 bins, as wide as these, end at 1, so that
  no greater distance can be the mode; its mode is the lower end of the fullest
  bin, here `mode_in_bin=0`; it counts each pair twice, and the distance 0 of
  each row to itself, which makes s1 a little larger.
  """
  check_not_negative(factor=factor, mode_in_bin=mode_in_bin)
  check_int('num_bins', num_bins, 1)
  check_int('block_size', block_size, 1)
  if mode_in_bin > 1:
    raise ValueError(f'mode_in_bin must be at most 1, got {mode_in_bin!r}')
  if not 2 <= len(features) <= MOST_ROWS:
    raise ValueError(
      f'features must have 2 to {MOST_ROWS} rows, got {len(features)}'
    )
  block_size = min(block_size, len(features))
  return _half_gaussians(features, factor, num_bins, mode_in_bin, block_size)


@functools.partial(jax.jit, static_argnames=('num_bins', 'block_size'))
def _half_gaussians(
  features: Array,
  factor: Float[Array, ''] | float,
  num_bins: int,
  mode_in_bin: Float[Array, ''] | float,
  block_size: int,
) -> HalfGaussians:
  width = LARGEST / num_bins

  def add_to_bins(bins: Array, d: Array, counts: Array) -> Array:
    bin_of = jnp.minimum((d / width).astype(jnp.int32), num_bins - 1)
    return bins.at[bin_of].add(counts.astype(jnp.int32))

  empty = jnp.zeros(num_bins, jnp.int32)
  histogram = _over_pairs(add_to_bins, empty, features, block_size)
  mode = width * (histogram.argmax().astype(jnp.float32) + mode_in_bin)

  def add_to_halves(
    carry: tuple[Array, Array], d: Array, counts: Array
  ) -> tuple[Array, Array]:
    near = d <= mode
    halves = counts[None] & jnp.stack([near, ~near])
    squares = jnp.where(halves, jnp.square(d - mode)[None], 0.0)
    return (
      carry[0] + squares.sum(axis=(1, 2)),
      carry[1] + halves.sum(axis=(1, 2), dtype=jnp.int32),
    )

  start = jnp.zeros(2, jnp.float32), jnp.zeros(2, jnp.int32)
  squares, numbers = _over_pairs(add_to_halves, start, features, block_size)
  stds = jnp.sqrt(squares / jnp.maximum(numbers, 1).astype(jnp.float32))
  lower, upper = mode - factor * stds[0], mode + factor * stds[1]
  return HalfGaussians(mode, stds[0], stds[1], lower, upper, histogram)


def _over_pairs(
  add: Add[Carry], start: Carry, features: Array, block_size: int
) -> Carry:
  """Adds up all pairs of rows i < j, two blocks of rows at a time."""
  rows = len(features)
  blocks = -(-rows // block_size)
  padding = blocks * block_size - rows
  x = jnp.pad(features, ((0, padding), (0, 0)))
  own = jnp.arange(block_size, dtype=jnp.int32)

  def step(carry: Carry, pair: Array) -> tuple[Carry, None]:
    i, j = (block_size * pair[k] + own for k in (0, 1))
    counts = (i[:, None] < j[None]) & (j[None] < rows)
    d = cosine_distances(x[i], x[j]).astype(jnp.float32)
    return add(carry, d, counts), None

  pairs = jnp.asarray(np.stack(np.triu_indices(blocks), axis=1), jnp.int32)
  return jax.lax.scan(step, start, pairs)[0]
