"""Losses that keep in the codes what is near and what is far in features."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from jaxhash.losses._pairs import gather_rows, pair_rows
from jaxhash.losses._rows import (
  check_rows,
  to_float32,
  unit_rows,
  zero_outside,
)
from jaxhash.losses.distances import inner_products
from jaxhash.losses.reduce import safe_reduce

__all__ = [
  'cosine_distances',
  'distance_structure',
  'paired_cosine_loss',
  'structure_loss',
]


def cosine_distances(
  features: Float[Array, 'batch dims'], others: Float[Array, 'others dims']
) -> Float[Array, 'batch others']:
  r"""One less the cosine of each row of one set and each of another.

  .. math:: d_{ij} = 1 - \cos(x_i, y_j)

  Args:
    features: x, `[batch, dims]`, any float dtype.
    others: y, `[others, dims]`, any float dtype.

  Returns:
    `[batch, others]` from 0 to 2, float32 (float64 where an argument is); 1
    from a row of zeros.

  Raises:
    ValueError: the numbers of dimensions differ.

  Example:
    >>> cosine_distances(jnp.array([[3.0, 0.0]]), jnp.eye(2)).tolist()
    [[0.0, 1.0]]
  """
  x, y = unit_rows(to_float32(features)), unit_rows(to_float32(others))
  return jnp.clip(1 - inner_products(x, y), 0.0, 2.0)


def distance_structure(
  distances: Float[Array, 'batch others'],
  lower: Float[Array, ''] | float,
  upper: Float[Array, ''] | float,
) -> Float[Array, 'batch others']:
  r"""Which pairs are near, which are far, and which are neither.

  .. math:: S_{ij} = \begin{cases} +1 & d_{ij} < l \\ -1 & d_{ij} > u \\ 0 &
    \text{otherwise} \end{cases}

  Args:
    distances: d, `[batch, others]`, such as `cosine_distances`.
    lower: l; SSDH's is that of `jaxhash.pair_statistics.half_gaussians`.
    upper: u, at least l.

  Returns:
    -1, 0 or +1, `[batch, others]`, float32 (float64 where the distances are).

  Example:
    >>> distances = jnp.array([[0.0, 0.2, 0.5, 0.6, 0.9]])
    >>> distance_structure(distances, 0.2, 0.6).tolist()
    [[1.0, 0.0, 0.0, 0.0, -1.0]]

  Source: Yang et al., "Semantic Structure-based Unsupervised Deep Hashing",
  IJCAI 2018 :cite:p:`yang2018ssdh`.
  """
  d = to_float32(distances)
  near, far = d < jnp.asarray(lower, d.dtype), d > jnp.asarray(upper, d.dtype)
  return near.astype(d.dtype) - far.astype(d.dtype)


def structure_loss(
  codes: Float[Array, 'batch bits'],
  structure: Float[Array, 'batch others'],
  others: Float[Array, 'others bits'] | None = None,
  *,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""SSDH: codes agree in all bits if their rows are near, in none if far.

  .. math:: \ell_{ij} = |S_{ij}| \left( \frac{1}{K} \langle h_i, v_j \rangle -
    S_{ij} \right)^2

  A pair with S = 0 adds nothing but counts in the mean, as in the authors'
  code: the fewer pairs are known, the smaller is the loss. To have the mean of
  those that are known, give `where=structure != 0`. A row is near to itself,
  and this pair draws its code to a corner of the cube.

  Args:
    codes: h, real-valued codes, `[batch, bits]`; SSDH has tanh.
    structure: S, -1, 0 or +1, `[batch, others]`, of `distance_structure`.
    others: v, `[others, bits]`; None: the codes of all devices.
    where: which pairs count, bool `[batch, others]`; None means all, those of
      a row with itself included.
    axis_name: of the devices that share the batch; see
      `jaxhash.losses.pairwise`.
    reduce_fn: as for `safe_reduce`; None gives `[batch, others]`.

  Returns:
    A scalar, or `[batch, others]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> codes = jnp.array([[1.0, 1.0], [1.0, -1.0]])
    >>> structure_loss(codes, jnp.array([[1.0, -1.0], [0.0, 1.0]])).item()
    0.25

  Source: Yang et al., "Semantic Structure-based Unsupervised Deep Hashing",
  IJCAI 2018 :cite:p:`yang2018ssdh`, and the authors' code.
  """
  h, v, pairs, (s,) = pair_rows(
    codes, others, where, axis_name, structure=structure
  )
  agreement = inner_products(h, v) / codes.shape[1]
  losses = jnp.abs(s) * jnp.square(agreement - s)
  return safe_reduce(losses, pairs, reduce_fn, axis_name=axis_name)


def paired_cosine_loss(
  codes: Float[Array, 'batch bits'],
  features: Float[Array, 'batch dims'],
  *,
  where: Bool[Array, 'batch'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""BiHalf, GreedyHash without labels: cosines of codes as of features.

  .. math:: \ell_i = \left[ \cos(h_i, h_{i + N/2}) - \cos(x_i, x_{i + N/2})
    \right]^2, \qquad i = 1 \dots N/2

  Row i of the first half of the batch is compared with row i of the second
  half alone, so that N rows are N / 2 pairs; in batches of a new random order
  each time they are others.

  Args:
    codes: h, real-valued or binary codes, `[batch, bits]`, such as those of
      `jaxhash.binarize.half_sign` or `straight_through`.
    features: x, of the same rows, `[batch, dims]`. They have a gradient, too:
      features that are to stay as they are need `jax.lax.stop_gradient`.
    where: which rows count, bool `[batch]`; a pair counts if both of its rows
      do. None means all.
    axis_name: of the devices that share the batch; see
      `jaxhash.losses.pairwise`. The halves are those of the whole batch.
    reduce_fn: as for `safe_reduce`; None gives `[batch / 2]`.

  Returns:
    A scalar, or `[batch / 2]`; float32 (float64 where the codes are). The
    cosine of a row of zeros is 0.

  Raises:
    ValueError: the number of rows (of a device) is odd, or the shapes do not
      agree.

  Example:
    >>> codes = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [1.0, 1.0]])
    >>> features = jnp.array([[1.0], [2.0], [3.0], [0.0]])
    >>> paired_cosine_loss(codes, features, reduce_fn=None).tolist()
    [4.0, 0.0]

  Source: Su et al., "Greedy Hash: Towards Fast Optimization for Accurate Hash
  Coding in CNN", NeurIPS 2018 :cite:p:`su2018greedyhash`; Li and van Gemert,
  "Deep Unsupervised Image Hashing by Maximizing Bit Entropy", AAAI 2021
  :cite:p:`li2021bihalf`; both with their code.
  """
  check_rows(codes, where)
  if len(features) != len(codes):
    raise ValueError(f'{len(codes)} codes, but {len(features)} features')
  if len(codes) % 2:
    raise ValueError(
      'rows of the first half of the batch are compared with those of the '
      f'second: their number must be even, got {len(codes)}'
    )
  rows = jnp.ones(len(codes), bool) if where is None else where
  first, second = _halves(rows, axis_name)
  pairs = first & second

  def cosines(values: Array) -> Array:
    a, b = _halves(to_float32(values), axis_name)
    a, b = (unit_rows(zero_outside(half, pairs)) for half in (a, b))
    return (a * b).sum(axis=-1)

  h = cosines(codes)
  losses = jnp.square(h - cosines(features).astype(h.dtype))
  return safe_reduce(losses, pairs, reduce_fn, axis_name=axis_name)


def _halves(
  rows: Shaped[Array, 'batch ...'], axis_name: str | None
) -> tuple[Shaped[Array, 'pairs ...'], Shaped[Array, 'pairs ...']]:
  """Both halves of the batch; of several devices, the share of this one."""
  share, every = len(rows) // 2, gather_rows(rows, axis_name)
  start = 0 if axis_name is None else share * jax.lax.axis_index(axis_name)
  return (
    jax.lax.dynamic_slice_in_dim(every, start, share),
    jax.lax.dynamic_slice_in_dim(every, start + len(every) // 2, share),
  )
