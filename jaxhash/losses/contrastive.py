"""Losses of two views of each row: they agree, and other rows do not."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_positive
from jaxhash.losses._pairs import gather_rows, own_pairs
from jaxhash.losses._rows import (
  check_bits,
  check_rows,
  to_float32,
  unit_rows,
  zero_outside,
)
from jaxhash.losses.distances import inner_products
from jaxhash.losses.reduce import safe_reduce

__all__ = ['bernoulli_kl_loss', 'nt_xent_loss']


def nt_xent_loss(
  outputs: Float[Array, 'rows bits'],
  *,
  temperature: float = 0.3,
  where: Bool[Array, 'batch'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""NT-Xent: each view must find the other one among all other outputs.

  .. math:: \ell_i = -\frac{1}{2} \sum_{v \in \{1, 2\}} \log
    \frac{e^{\cos(z_i^v, z_i^{3-v}) / \tau}}{\sum_{(j, w) \ne (i, v)}
    e^{\cos(z_i^v, z_j^w) / \tau}}

  the normalized temperature-scaled cross-entropy; the mean is over rows, and
  so over all outputs.

  Args:
    outputs: z, real-valued or binary codes of exactly two views of each row,
      all first views and then all second ones, `[2 * batch, bits]`.
    temperature: tau, above 0; .3 in CIBHash.
    where: which rows count, both views of them, bool `[batch]`; None means
      all. The others are not among the negatives either.
    axis_name: of the devices that share the batch; see
      `jaxhash.losses.pairwise`.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the outputs are). 0 where
    a row is alone. The cosine of an output of zeros is 0.

  Raises:
    ValueError: the number of outputs is odd, the shapes do not agree, or the
      temperature is not above 0.

  Example:
    >>> outputs = jnp.array([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    >>> round(nt_xent_loss(outputs, temperature=0.5).item(), 4)
    0.2395

  Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual
  Representations", ICML 2020 :cite:p:`chen2020simclr`, equation 1; of codes,
  Qiu et al., "Unsupervised Hashing with Contrastive Information Bottleneck",
  IJCAI 2021 :cite:p:`qiu2021cibhash`.
  """
  check_positive(temperature=temperature)
  z1, z2, rows = _unit_views(outputs, where)
  every1, every2 = gather_rows(z1, axis_name), gather_rows(z2, axis_name)
  own = own_pairs(len(z1), len(every1), axis_name)
  counts = gather_rows(rows, axis_name)[None]
  # Each output has at least its other view, even where it does not count.
  among = jnp.concatenate([counts & ~own, counts | own], axis=1)

  def log_sums(z: Array, same: Array, other: Array) -> Array:
    cosines = inner_products(z, jnp.concatenate([same, other]))
    return jax.nn.logsumexp(cosines / temperature, axis=1, where=among)

  sums = log_sums(z1, every1, every2) + log_sums(z2, every2, every1)
  losses = sums / 2 - (z1 * z2).sum(axis=-1) / temperature
  return safe_reduce(losses, rows, reduce_fn, axis_name=axis_name)


def bernoulli_kl_loss(
  logits: Float[Array, 'batch bits'],
  others: Float[Array, 'batch bits'],
  *,
  stop_reference: bool = False,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""CIBHash: the divergence of the bits of two views, each way and halved.

  .. math:: \ell_n = \frac{1}{2} \sum_k \left[ D(p_{nk} \| q_{nk}) + D(q_{nk}
    \| p_{nk}) \right] = \frac{1}{2} \sum_k (p_{nk} - q_{nk}) (a_{nk} - b_{nk})

  in nats, with p = sigmoid(a) and q = sigmoid(b) the probabilities that a bit
  is 1, and D the Kullback-Leibler divergence of Bernoulli variables. Of logits
  it is exact however near the probabilities are to 0 and 1, and grows without
  bound, as the logits do, where one is 0 and the other 1.

  Args:
    logits: a, of the first view, finite, `[batch, bits]`.
    others: b, of the second view of the same rows, `[batch, bits]`.
    stop_reference: whether the second argument of each D has no gradient, as
      in the authors' code; the value is the same.
    where: which rows count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the logits are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> p, q = jnp.array([[0.9, 0.2]]), jnp.array([[0.8, 0.3]])
    >>> logit = jax.scipy.special.logit
    >>> round(bernoulli_kl_loss(logit(p), logit(q)).item(), 4)
    0.0675

  Source: Qiu et al., "Unsupervised Hashing with Contrastive Information
  Bottleneck", IJCAI 2021 :cite:p:`qiu2021cibhash`.

  Departures: the authors' code is one of probabilities, and adds 1e-8 to each
  of them, which bounds the logarithms at -18.4; here they have no bound.
  """
  check_bits(logits, others, 'others')
  check_rows(logits, where)
  if len(others) != len(logits):
    raise ValueError(f'{len(logits)} logits, but {len(others)} others')
  a, b = (zero_outside(to_float32(x), where) for x in (logits, others))
  gaps = jax.lax.stop_gradient(a - b) if stop_reference else a - b
  # p - q, which would lose its digits where both are near to 1.
  p, not_p = jax.nn.sigmoid(a), jax.nn.sigmoid(-a)
  q, not_q = jax.nn.sigmoid(b), jax.nn.sigmoid(-b)
  losses = ((p * not_q - not_p * q) * gaps).sum(axis=-1) / 2
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)


def _unit_views(
  outputs: Float[Array, 'rows bits'], where: Bool[Array, 'batch'] | None
) -> tuple[
  Float[Array, 'batch bits'], Float[Array, 'batch bits'], Bool[Array, 'batch']
]:
  """Both views as rows of length 1, zeros where a row does not count."""
  if len(outputs) % 2:
    raise ValueError(
      'two views of each row are an even number of outputs, first views first; '
      f'got {len(outputs)}'
    )
  first, second = jnp.split(to_float32(outputs), 2)
  check_rows(first, where)
  rows = jnp.ones(len(first), bool) if where is None else where
  first, second = (unit_rows(zero_outside(z, rows)) for z in (first, second))
  return first, second, rows
