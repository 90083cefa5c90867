"""Losses of pairs of rows: near if they are similar, far if not.

All of them compare `codes` `[batch, bits]` with `others` `[others, bits]`, by
default the codes themselves, and take a `similarity` of each pair, say that of
`label_pairs`, whose `where` leaves out unlabelled rows and a row with itself.
Under `jax.shard_map` or `jax.pmap`, with an `axis_name`, the others are the
codes of all devices, the value is that of the whole batch, the same on every
device, and `jax.lax.pmean` of the gradients is its gradient, as ever under
`jax.pmap`; where `jax.shard_map` checks what varies it sums them by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_positive
from jaxhash.losses._pairs import pair_rows
from jaxhash.losses._rows import unit_rows
from jaxhash.losses.distances import inner_products, soft_hamming_distances
from jaxhash.losses.reduce import safe_reduce

__all__ = [
  'cauchy_cross_entropy_loss',
  'pairwise_hinge_loss',
  'pairwise_likelihood_loss',
  'quantified_similarity_loss',
]

LARGEST_COSINE = 0.99  # of DCH's distance: its logarithm is finite


def pairwise_likelihood_loss(
  codes: Float[Array, 'batch bits'],
  similarity: Float[Array, 'batch others'],
  others: Float[Array, 'others bits'] | None = None,
  *,
  scale: float = 0.5,
  weights: Float[Array, 'batch others'] | None = None,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""DPSH, DHN, HashNet: the inner product is the logit of being similar.

  .. math:: \ell_{ij} = w_{ij} \left[ \log(1 + e^{\theta_{ij}}) - s_{ij}
    \theta_{ij} \right], \qquad \theta_{ij} = \alpha \langle u_i, v_j \rangle

  Args:
    codes: u, real-valued codes, `[batch, bits]`.
    similarity: s, from 0 to 1, `[batch, others]`.
    others: v, `[others, bits]`; None: the codes of all devices.
    scale: alpha: .5 in DPSH and DHN, 10 / bits of tanh in HashNet.
    weights: w, such as `balance_weights`; None: 1.
    where: which pairs count, bool `[batch, others]`; None means all.
    axis_name: of the devices that share the batch; see above.
    reduce_fn: as for `safe_reduce`; None gives `[batch, others]`.

  Returns:
    A scalar, or `[batch, others]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> codes = jnp.array([[1.0, 1.0], [1.0, -1.0]])
    >>> loss = pairwise_likelihood_loss(codes, jnp.eye(2))
    >>> round(loss.item(), 4)
    0.5032

  Source: Li, Wang and Kang, "Feature Learning based Deep Supervised Hashing
  with Pairwise Labels", IJCAI 2016 :cite:p:`li2016dpsh`; Zhu et al., "Deep
  Hashing Network for Efficient Similarity Retrieval", AAAI 2016
  :cite:p:`zhu2016dhn`; Cao et al., "HashNet: Deep Learning to Hash by
  Continuation", ICCV 2017 :cite:p:`cao2017hashnet`, with scale and weights.
  """
  u, v, pairs, (s, w) = pair_rows(
    codes, others, where, axis_name, similarity=similarity, weights=weights
  )
  theta = scale * inner_products(u, v)
  losses = w * (jax.nn.softplus(theta) - s * theta)
  return safe_reduce(losses, pairs, reduce_fn, axis_name=axis_name)


def pairwise_hinge_loss(
  codes: Float[Array, 'batch bits'],
  similarity: Float[Array, 'batch others'],
  others: Float[Array, 'others bits'] | None = None,
  *,
  margin: float,
  distance: Callable[[Array, Array], Array] = soft_hamming_distances,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""DSH, DHE: similar pairs at no distance, the others beyond a margin.

  .. math:: \ell_{ij} = s_{ij} d(u_i, v_j) + (1 - s_{ij}) \max(0, m - d(u_i,
    v_j))

  Args:
    codes: u, real-valued codes, `[batch, bits]`, as the distance wants them.
    similarity: s, from 0 to 1, `[batch, others]`.
    others: v, `[others, bits]`; None: the codes of all devices.
    margin: m, above 0, in the unit of the distance.
    distance: `(codes, others) -> [batch, others]`, one of
      `jaxhash.losses.distances` or your own.
    where: which pairs count, bool `[batch, others]`; None means all.
    axis_name: of the devices that share the batch; see above.
    reduce_fn: as for `safe_reduce`; None gives `[batch, others]`.

  Returns:
    A scalar, or `[batch, others]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> codes = jnp.array([[1.0, 1.0], [1.0, 0.0]])
    >>> pairwise_hinge_loss(codes, jnp.eye(2), margin=2.0).item()
    0.5

  Source: Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an
  Invariant Mapping", CVPR 2006 :cite:p:`hadsell2006contrastive`, without the
  squares; of codes, Liu et al., "Deep Supervised Hashing for Fast Image
  Retrieval", CVPR 2016 :cite:p:`liu2016dsh`. With the soft Hamming distance it
  is a RECONSTRUCTION of DHE's Hamming embedding loss.
  """
  u, v, pairs, (s,) = pair_rows(
    codes, others, where, axis_name, similarity=similarity
  )
  d = distance(u, v)
  losses = s * d + (1 - s) * jax.nn.relu(margin - d)
  return safe_reduce(losses, pairs, reduce_fn, axis_name=axis_name)


def cauchy_cross_entropy_loss(
  codes: Float[Array, 'batch bits'],
  similarity: Float[Array, 'batch others'],
  others: Float[Array, 'others bits'] | None = None,
  *,
  gamma: float = 20.0,
  weights: Float[Array, 'batch others'] | None = None,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""DCH: the probability of being similar falls as Cauchy's distribution.

  .. math:: \ell_{ij} = w_{ij} \left[ s_{ij} \log \frac{d_{ij}}{\gamma} +
    \log\left(1 + \frac{\gamma}{d_{ij}}\right) \right], \qquad d_{ij} =
    \frac{K}{2} (1 - \min(\cos(u_i, v_j), .99))

  Args:
    codes: u, real-valued codes, `[batch, bits]`.
    similarity: s, from 0 to 1, `[batch, others]`.
    others: v, `[others, bits]`; None: the codes of all devices.
    gamma: the distance, in bits, at which similar and dissimilar are as
      likely; above 0.
    weights: w, such as `balance_weights`; None: 1.
    where: which pairs count, bool `[batch, others]`; None means all.
    axis_name: of the devices that share the batch; see above.
    reduce_fn: as for `safe_reduce`; None gives `[batch, others]`.

  Returns:
    A scalar, or `[batch, others]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree, or gamma is not above 0.

  Example:
    >>> codes = jnp.array([[1.0, 1.0], [1.0, -1.0]])
    >>> similarity = jnp.ones((2, 2))
    >>> loss = cauchy_cross_entropy_loss(codes, similarity, gamma=1.0)
    >>> round(loss.item(), 3)
    0.352

  Source: Cao et al., "Deep Cauchy Hashing for Hamming Space Retrieval", CVPR
  2018 :cite:p:`cao2018dch`, equation 6; the bound on the cosine is that of the
  released code. A pair beyond the bound has no gradient.
  """
  check_positive(gamma=gamma)
  u, v, pairs, (s, w) = pair_rows(
    codes, others, where, axis_name, similarity=similarity, weights=weights
  )
  cosines = inner_products(unit_rows(u), unit_rows(v))
  d = codes.shape[1] / 2 * (1 - jnp.minimum(cosines, LARGEST_COSINE))
  losses = w * (s * jnp.log(d / gamma) + jnp.log1p(gamma / d))
  return safe_reduce(losses, pairs, reduce_fn, axis_name=axis_name)


def quantified_similarity_loss(
  codes: Float[Array, 'batch bits'],
  similarity: Float[Array, 'batch others'],
  others: Float[Array, 'others bits'] | None = None,
  *,
  scale: float = 0.5,
  soft_weight: float = 0.1,
  where: Bool[Array, 'batch others'] | None = None,
  axis_name: str | None = None,
  reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, '...']:
  r"""IDHN: a likelihood for pairs all or not alike, squares for the rest.

  .. math:: \ell_{ij} = \begin{cases} \log(1 + e^{t_{ij}}) - s_{ij} t_{ij} &
    s_{ij} < .01 \text{ or } s_{ij} > .99 \\ \gamma (t_{ij} + K - 2 s_{ij} K)^2
    & \text{otherwise} \end{cases} \qquad t_{ij} = \alpha \langle u_i, v_j
    \rangle

  Args:
    codes: u, real-valued codes, `[batch, bits]`; IDHN has
      `x / (1 + |x|)`.
    similarity: s, from 0 to 1, `[batch, others]`, the cosine of the label
      vectors: `label_pairs(labels, soft=True)`.
    others: v, `[others, bits]`; None: the codes of all devices.
    scale: alpha.
    soft_weight: gamma, of the pairs in between.
    where: which pairs count, bool `[batch, others]`; None means all.
    axis_name: of the devices that share the batch; see above.
    reduce_fn: as for `safe_reduce`; None gives `[batch, others]`.

  Returns:
    A scalar, or `[batch, others]`; float32 (float64 where the codes are).

  Raises:
    ValueError: the shapes do not agree.

  Example:
    >>> codes = jnp.array([[1.0, 1.0]])
    >>> loss = quantified_similarity_loss(codes, jnp.array([[0.5]]))
    >>> round(loss.item(), 4)
    0.1

  Source: Zhang et al., "Improved Deep Hashing with Soft Pairwise Similarity for
  Multi-label Image Retrieval", IEEE TMM 2020 :cite:p:`zhang2020idhn`, as
  DeepHash-pytorch has it.
  """
  u, v, pairs, (s,) = pair_rows(
    codes, others, where, axis_name, similarity=similarity
  )
  t = scale * inner_products(u, v)
  num_bits = codes.shape[1]
  hard = (s < 0.01) | (s > 0.99)
  likelihood = jax.nn.softplus(t) - s * t
  squares = jnp.square(t + num_bits - 2 * s * num_bits)
  losses = jnp.where(hard, likelihood, soft_weight * squares)
  return safe_reduce(losses, pairs, reduce_fn, axis_name=axis_name)
