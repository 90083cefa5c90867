"""Losses of an anchor, a row that is similar to it, and one that is not."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_positive
from jaxhash.losses._pairs import pair_rows
from jaxhash.losses._rows import check_rows, to_float32, zero_outside
from jaxhash.losses.distances import inner_products
from jaxhash.losses.reduce import safe_reduce

__all__ = ['triplet_likelihood_loss', 'weighted_triplet_hinge_loss']


def triplet_likelihood_loss(
  codes: Float[Array, 'batch bits'],
  similarity: Float[Array, 'batch others'],
  others: Float[Array, 'others bits'] | None = None,
  *,
  margin: float = 5.0,
  scale: float = 1.0,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""DTSH: a similar row must score above every dissimilar one, by a margin.

  .. math:: \ell_i = \frac{1}{|P_i| |N_i|} \sum_{p \in P_i} \sum_{n \in N_i}
    \log\left(1 + e^{-T_{ipn}}\right), \qquad T_{ipn} = \alpha \langle u_i, v_p
    \rangle - \alpha \langle u_i, v_n \rangle - m

  reduced over the anchors i that have both similar rows P and dissimilar ones
  N. All triplets are formed: memory and time grow as batch x others^2.

  Args:
    codes: u, real-valued codes of the anchors, `[batch, bits]`.
    similarity: `[batch, others]`, above 0 for similar rows.
    others: v, `[others, bits]`; None: the codes of all devices.
    margin: m.
    scale: alpha; the paper has .5, the code in DeepHash-pytorch 1.
    where: which pairs count, bool `[batch, others]`; None means all.
    axis_name: of the devices that share the batch; see
      `jaxhash.losses.pairwise`.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`, 0 for anchors without a triplet; float32 (float64
    where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> codes = jnp.array([[1.0, 1.0], [1.0, 0.0], [0.0, -1.0]])
    >>> similar = jnp.array([[1.0, 1.0, 0.0]])
    >>> loss = triplet_likelihood_loss(codes[:1], similar, codes, margin=1.0)
    >>> round(loss.item(), 4)
    0.2201

  Source: Wang, Shi and Kitani, "Deep Supervised Hashing with Triplet Labels",
  ACCV 2016 :cite:p:`wang2016dtsh`.

  Departures: T is not clipped to [-100, 50], beyond which the code in
  DeepHash-pytorch has no gradient; nothing overflows here.
  """
  u, v, pairs, (s,) = pair_rows(
    codes, others, where, axis_name, similarity=similarity
  )
  scores = scale * inner_products(u, v)
  positive, negative = pairs & (s > 0), pairs & ~(s > 0)
  triplets = positive[:, :, None] & negative[:, None]
  t = scores[:, :, None] - scores[:, None] - margin
  losses = jnp.where(triplets, jax.nn.softplus(-t), 0.0).sum(axis=(1, 2))
  number = triplets.sum(axis=(1, 2))
  losses = losses / jnp.maximum(number, 1).astype(losses.dtype)
  return safe_reduce(losses, number > 0, reduce_fn, axis_name=axis_name)


def weighted_triplet_hinge_loss(
  anchors: Float[Array, 'batch dims'],
  positives: Float[Array, 'batch dims'],
  negatives: Float[Array, 'batch dims'],
  weights: Float[Array, 'batch'] | None = None,
  *,
  margin: float,
  where: Bool[Array, 'batch'] | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""DeepQuan (RECONSTRUCTION): the positive is nearer, by a margin.

  .. math:: \ell_i = w_i \left[ m + \|a_i - p_i\|^2 - \|a_i - n_i\|^2
    \right]_+

  Row i of the three arrays is one triplet. Neither a rotation nor an offset of
  all of them changes the value; a scale does, so that a margin means nothing
  without the scale of the rows. The mean is over triplets, whatever they weigh.

  Args:
    anchors: a, real-valued codes or features, `[batch, dims]`.
    positives: p, similar to the anchors, `[batch, dims]`.
    negatives: n, not similar to them, `[batch, dims]`.
    weights: w, at least 0, `[batch]`; None: 1.
    margin: m, above 0, in the unit of a squared distance.
    where: which triplets count, bool `[batch]`; None means all.
    reduce_fn: as for `safe_reduce`; None gives `[batch]`.

  Returns:
    A scalar, or `[batch]`; float32 (float64 where the anchors are).

  Raises:
    ValueError: the shapes do not agree, or the margin is not above 0.

  Example:
    >>> anchors, positives = jnp.array([[0.0, 0.0]]), jnp.array([[1.0, 0.0]])
    >>> negatives = jnp.array([[0.0, 0.5]])
    >>> weighted_triplet_hinge_loss(
    ...   anchors, positives, negatives, jnp.array([2.0]), margin=1.0
    ... ).item()
    3.5

  Source: Chen, Cheung and Wang, "Learning Deep Unsupervised Binary Codes for
  Image Retrieval", IJCAI 2018 :cite:p:`chen2018deepquan`, of which only the
  abstract could be read: it names a weighted triplet loss, and this form of it
  is a reconstruction.
  """
  check_positive(margin=margin)
  check_rows(anchors, where)
  shapes = [list(x.shape) for x in (anchors, positives, negatives)]
  if shapes[1:] != shapes[:1] * 2:
    raise ValueError(
      f'anchors are {shapes[0]}, and so must be positives and negatives: got '
      f'{shapes[1]} and {shapes[2]}'
    )
  if weights is not None and weights.shape != anchors.shape[:1]:
    raise ValueError(
      f'{len(anchors)} triplets need as many weights, got {list(weights.shape)}'
    )
  a, p, n = (
    zero_outside(to_float32(x), where) for x in (anchors, positives, negatives)
  )
  w = jnp.ones(len(a), a.dtype) if weights is None else weights.astype(a.dtype)
  near = jnp.square(a - p).sum(axis=-1)
  far = jnp.square(a - n).sum(axis=-1)
  losses = w * jax.nn.relu(margin + near - far)
  return safe_reduce(losses, where=where, reduce_fn=reduce_fn)
