r"""SHREWD: a RECONSTRUCTION of semantic hierarchy based relational embeddings.

Heikki Arponen and Tom E. Bishop, "SHREWD: Semantic Hierarchy based Relational
Embeddings for Weakly-supervised Deep Hashing", LLD workshop at ICLR 2019
:cite:p:`arponen2019shrewd` (arXiv 1908.05602). Only the abstracts of this paper
and of its extension (arXiv 2005.04917) could be read. They say that distances
of labels come from a semantic hierarchy, that relative distances of codes are
made to match them, that an empirical Kullback-Leibler divergence draws the
codes to a binary target distribution, and that similarities alone will do,
without class labels. The formulas are the best-supported reading of that. Name
it a reconstruction wherever its numbers appear.

With z = sigmoid(logits) and distances d of the rows,

.. math::

  L_\text{sim} &= \operatorname{mean}_{ij} w_{ij}
    \left| \frac{|z_i - z_j|_1}{\tau_z} - \frac{d_{ij}}{\tau_y} \right|, \\
  w_{ij} &= \left( \frac{\gamma}{\gamma + d_{ij}} \right)^\rho,
    \quad \tau \text{ the means of both over the batch,} \\
  L_\text{KL} &= \operatorname{mean}_i
    \left[ \log \nu_i - \log \rho_i \right] + \text{const},

nu_i and rho_i being the Euclidean distances of z_i to the nearest row of a
sample of Beta(.1, .1)^K, drawn anew at each step, and to the nearest other row:
the 1-nearest-neighbour estimate of the divergence in nats, divided by K. Then

.. math::

  L = \lambda_0 L_\text{cls} + \lambda_1 L_\text{sim} + \lambda_2 L_\text{KL},

L_cls the cross-entropy of a linear classifier on z. Without it
(`classification_weight=0`) the method is weakly supervised: labels are only
looked up in the table of class distances, or, with similarities of rows, not
used at all.

gamma = .1, rho = 2 and Beta(.1, .1) come from memory of the paper, and could
not be verified. gamma is of distances whose greatest is about 1.
The weights are chosen here, on val: w makes L_sim some .01 in size, and the
others have to be as small, lambda_0 = .01, lambda_2 = .001. With lambda_2 ten
times as large the bits are more even still, and mAHP lower than without.

Published numbers: none could be read.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.core import Aux, Batch, HashMethod, Info, Outputs, Variables
from jaxhash.losses import (
  classification_loss,
  nearest_neighbor_kl_loss,
  relative_distance_loss,
  row_pairs,
  safe_reduce,
)
from jaxhash.methods import _common
from jaxhash.methods._similarity import Source, distance_source

__all__ = ['shrewd']

NEAR = 0.1  # of 0 or 1: a value that is as good as binary


def shrewd(
  num_bits: int,
  *,
  similarity: Source = 'taxonomy',
  similarity_of: str = 'classes',
  classification_weight: float = 0.01,
  similarity_weight: float = 1.0,
  kl_weight: float = 0.001,
  weight_scale: float = 0.1,
  weight_power: float = 2.0,
  reference_concentration: float = 0.1,
) -> HashMethod:
  """SHREWD (RECONSTRUCTION), with labels or with similarities alone.

  Rows without a label contribute nothing, unless the similarity is of rows.
  Metrics: `loss`, `similarity_loss` and `kl_loss` (before their weights; the
  latter in nats a bit), `near_binary` (share of the values of z within .1 of 0
  or 1), `bit_imbalance` (mean over bits of the absolute mean of the codes of
  the batch), and of a classifier `classification_loss` and `accuracy`.

  Args:
    num_bits: bits of a code, at least 1.
    similarity: where distances come from: `taxonomy`, that of the run;
      `labels`, 0 for a label in common and 1 for none; a .npy file; or an
      array.
    similarity_of: what the array is of: `classes`, float
      `[classes, classes]`, or `rows`, `[num_rows, num_rows]`, similarities in
      [0, 1], 1 of each with itself; `class_vectors`, `[classes, dims]`, such
      as text embeddings of the names, or `row_vectors`, `[num_rows, dims]`,
      compared by cosine c: d = (1 - c)/2. Rows are all rows of the data set,
      in its order.
    classification_weight: lambda_0, at least 0; 0 is the weakly supervised
      mode, which has no classifier.
    similarity_weight: lambda_1, at least 0.
    kl_weight: lambda_2, at least 0; with 0 nothing is drawn.
    weight_scale: gamma, above 0, in the unit of the distances: for distances
      far below it all pairs weigh alike.
    weight_power: rho, at least 0.
    reference_concentration: both parameters of the Beta distribution, above 0
      and at most 1, which is uniform.

  Returns:
    The method; its `params` have the classifier, its `state` the distances.

  Raises:
    ValueError: a hyper-parameter is out of its range or the similarity is not
      as above; at `init`, there is no taxonomy, or the similarity is not of
      these data.

  Example:
    >>> alike = jnp.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    >>> method = shrewd(16, similarity=alike, classification_weight=0.0)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 3, jnp.zeros(4, int))
    >>> variables = method.init(jax.random.key(0), info)
    >>> variables.state['distances'][0].tolist()
    [0.0, 0.5, 1.0]
  """
  check_int('num_bits', num_bits, 1)
  check_not_negative(
    classification_weight=classification_weight,
    similarity_weight=similarity_weight,
    kl_weight=kl_weight,
    weight_power=weight_power,
  )
  check_positive(
    weight_scale=weight_scale, reference_concentration=reference_concentration
  )
  if reference_concentration > 1:
    raise ValueError(
      'reference_concentration must be at most 1, where the reference is '
      f'uniform, got {reference_concentration}: above it is not near-binary'
    )
  source = distance_source(similarity, similarity_of)

  def init(key: jax.Array, info: Info) -> Variables:
    _common.check_views(info, 1)
    state = source.init(info)
    if not classification_weight:
      return Variables(state=state)
    classifier = _common.init_classifier(key, num_bits, info.num_classes)
    return Variables({'classifier': classifier}, state)

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del step
    distances, rows = source.distances(variables.state, batch)
    logits = jnp.where(rows[:, None], outputs.logits, 0.0)
    codes = jax.nn.sigmoid(logits.astype(jnp.float32))
    relative = relative_distance_loss(
      codes,
      distances,
      weight_scale=weight_scale,
      weight_power=weight_power,
      where=row_pairs(rows),
    )
    value = similarity_weight * relative
    metrics = {'similarity_loss': relative, **_binarity(codes, rows)}
    if kl_weight:
      reference = _symmetric_beta(
        jax.random.key(0) if key is None else key,
        reference_concentration,
        codes.shape,
      )
      kl = nearest_neighbor_kl_loss(codes, reference, where=rows) / num_bits
      value = value + kl_weight * kl
      metrics['kl_loss'] = kl
    if classification_weight:
      scores = _common.classify(variables.params['classifier'], codes)
      classification = classification_loss(scores, batch['labels'])
      value = value + classification_weight * classification
      metrics['classification_loss'] = classification
      metrics['accuracy'] = _common.accuracy(scores, batch['labels'])
    return value, Aux({'loss': value, **metrics})

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    reconstruction='the losses and their weights, from the abstract alone',
  )


def _symmetric_beta(
  key: jax.Array, concentration: float, shape: tuple[int, ...]
) -> Float[Array, '...']:
  """A sample of Beta(a, a), from two uniforms a value, without rejection.

  With the odds r = (U^(-1/a) - 1) cos^2 of a uniform angle, (1 +- sqrt(r / (1 +
  r))) / 2 is symmetric beta: Devroye, "Random variate generation in one line of
  code", WSC 1996. Here by logarithms, and by the lesser of x and 1 - x. A loop
  of rejections, such as that of `jax.random.beta`, is slow on a CPU, and on
  several devices its end is a collective.
  """
  of_power, of_angle = jax.random.split(key)
  power = jax.random.exponential(of_power, shape) / concentration
  cosine = jnp.cos(jax.random.uniform(of_angle, shape, maxval=2 * jnp.pi))
  odds = power + jnp.log(-jnp.expm1(-power)) + 2 * jnp.log(jnp.abs(cosine))
  rest = jax.nn.sigmoid(-odds)  # 1 / (1 + r)
  lesser = rest / (2 * (1 + jnp.sqrt(1 - rest)))
  return jnp.where(cosine > 0, 1 - lesser, lesser)


def _binarity(
  codes: Float[Array, 'batch bits'], rows: Bool[Array, 'batch']
) -> dict[str, jax.Array]:
  """How near to 0 and 1 the values are, and how evenly the bits are used."""
  near = (jnp.abs(codes - 0.5) >= 0.5 - NEAR).astype(jnp.float32)
  signs = jnp.where(rows[:, None], jnp.where(codes >= 0.5, 1.0, -1.0), 0.0)
  count = jnp.maximum(rows.sum(), 1).astype(jnp.float32)
  return {
    'near_binary': safe_reduce(near.mean(axis=1), rows),
    'bit_imbalance': jnp.abs(signs.sum(axis=0) / count).mean(),
  }
