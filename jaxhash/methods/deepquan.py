r"""DeepQuan: an autoencoder whose representation is product-quantised.

Junjie Chen, William K. Cheung and Anran Wang, "Learning Deep Unsupervised
Binary Codes for Image Retrieval", IJCAI 2018 :cite:p:`chen2018deepquan`.
RECONSTRUCTION: of the paper only the abstract was read. It says that an
autoencoder keeps the manifold of the data, that codes come from minimising the
error of a product quantiser and not from constraints on bits, and that a
weighted triplet loss avoids trivial solutions. The equations, weights and
networks below are choices made here.

With the encoder's h = E(x) in R^D, cut into M parts, a decoder, M codebooks of
Kc codewords and q(h), the nearest codeword of each part,

.. math::

  L &= \operatorname{mean} |x - \operatorname{decode}(h)|^2
    + \alpha \operatorname{mean} |h - q(h)|^2 \\
    &+ \beta \operatorname{mean}_{ijk} w_{ijk} \left[ \delta
    + |h_i - h_j|^2 / D - |h_i - h_k|^2 / D \right]_+

(means over rows and dimensions). j, up to four for each i, is among the nearest
neighbours of i by the cosine of features, or i among those of j; k is a random
row that is neither; and w_ijk = [cos(x_i, x_j) - cos(x_i, x_k)]_+. A stage
before training finds the neighbours of all train rows, exactly
(`search.nearest_vectors`): n^2 d multiplications, .6 s for 5,000 rows and 23 s
for 50,000 of length 256 on two cores. Neighbours are of the inputs as they are;
where these are augmented, the cosines and what is decoded are of the augmented
ones.

Alternation: a step of the network has the codebooks fixed and the codewords of
the batch at their nearest; at the end of a round (by default an epoch) a few
steps of Lloyd fit the codebooks to the last h of all train rows, empty
codewords placed anew (`jaxhash.quantizers`). The first round has no codebooks
yet and trains without that part.

Codes are M codeword ids of log2 Kc bits, `num_bits` in all. They are searched
by ADC, the query's own h against codewords, and by SDC, the query quantised too
(`symmetric` in results). Hamming distances of ids mean nothing and are not
used.

Published numbers: none were found.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from jaxhash import quantizers, search
from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.core import (
  Aux,
  Batch,
  HashMethod,
  Info,
  Outputs,
  PyTree,
  Variables,
)
from jaxhash.losses import cosine_distances, weighted_triplet_hinge_loss
from jaxhash.methods._decoders import Decoder
from jaxhash.methods._features import feature_source
from jaxhash.methods._neighbors import (
  are_neighbors,
  neighbors_stage,
  random_triplets,
)
from jaxhash.search.codes import AnyArray

__all__ = ['deepquan']

POSITIVES = 4
RECONSTRUCTION = (
  'the equations, their weights, the networks and the alternation, of which '
  'the abstract has the names'
)


def deepquan(
  num_bits: int,
  *,
  bits_per_codebook: int = 8,
  width: int = 64,
  quantization_weight: float = 0.1,
  triplet_weight: float = 1.0,
  margin: float = 1.0,
  num_neighbors: int = 50,
  num_sweeps: int = 5,
  hidden: int = 512,
  features: str = 'inputs',
) -> HashMethod:
  """DeepQuan, a reconstruction, without labels.

  Metrics: `loss`, `reconstruction_loss`, `quantization_loss`, `triplet_loss`
  (before their weights), `triplets` (their number in the batch),
  `unused_codewords` (their share when the codebooks were last fitted).

  Args:
    num_bits: of a code, a multiple of `bits_per_codebook`.
    bits_per_codebook: log2 Kc, 1 to 8.
    width: D, a multiple of the number of codebooks.
    quantization_weight: alpha, at least 0.
    triplet_weight: beta, at least 0.
    margin: delta, above 0.
    num_neighbors: of each train row that count as near, fewer than there are.
    num_sweeps: steps of Lloyd at the end of a round, at least 1.
    hidden: size of the decoder's hidden layer.
    features: as for `bihalf`; whose neighbours are looked for.

  Returns:
    The method; one stage, `neighbors`, comes before. Its `params` are those of
    the `decoder`, its `state` has codebooks, neighbours and the last h of all
    train rows.

  Raises:
    ValueError: a hyper-parameter is out of its range, or the file is wrong.

  Example:
    >>> method = deepquan(16)
    >>> method.width, [stage.name for stage in method.stages]
    (64, ['neighbors'])
  """
  for name, number in {
    'num_bits': num_bits,
    'width': width,
    'num_neighbors': num_neighbors,
    'num_sweeps': num_sweeps,
    'hidden': hidden,
  }.items():
    check_int(name, number, 1)
  num_codebooks = quantizers.num_subspaces(width, num_bits, bits_per_codebook)
  shape = num_codebooks, 2**bits_per_codebook, width // num_codebooks
  check_not_negative(
    quantization_weight=quantization_weight, triplet_weight=triplet_weight
  )
  check_positive(margin=margin)
  source = feature_source(features)

  def init(key: jax.Array, info: Info) -> Variables:
    first, second = jax.random.split(key)
    rows = len(info.labels)
    network = Decoder(info.inputs.shape[1:], hidden).init(
      first, jnp.zeros((2, width))
    )
    state = {
      'source': source.init(info),
      'neighbors': jnp.asarray(info.arrays['neighbors']),
      'codebooks': jax.random.normal(second, shape),
      'fitted': jnp.zeros(()),
      'unused': jnp.ones(()),
      'bank': jnp.zeros((rows, width)),
      'seen': jnp.zeros(rows, bool),
    }
    return Variables({'decoder': network['params']}, state)

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del step
    state, inputs, index = variables.state, batch['inputs'], batch['index']
    h = outputs.logits.astype(jnp.float32)
    decoded = Decoder(inputs.shape[1:], hidden).apply(
      {'params': variables.params['decoder']}, h
    )
    reconstruction = jnp.square(inputs.astype(jnp.float32) - decoded).mean()
    quantised = _quantised(state['codebooks'], h)
    error = state['fitted'] * jnp.square(h - quantised).mean()
    near = are_neighbors(state['neighbors'][index], index)
    seen = source.of_batch(state['source'], batch)
    cosines = 1 - cosine_distances(seen, seen)
    anchors, positives, negatives, where = random_triplets(
      near, jax.random.key(0) if key is None else key, POSITIVES
    )
    gap = cosines[anchors, positives] - cosines[anchors, negatives]
    scaled = h / jnp.sqrt(float(width))
    triplet = weighted_triplet_hinge_loss(
      scaled[anchors],
      scaled[positives],
      scaled[negatives],
      jnp.maximum(gap, 0.0),
      margin=margin,
      where=where,
    )
    value = (
      reconstruction + quantization_weight * error + triplet_weight * triplet
    )
    metrics = {
      'loss': value,
      'reconstruction_loss': reconstruction,
      'quantization_loss': error,
      'triplet_loss': triplet,
      'triplets': where.sum(),
      'unused_codewords': state['unused'],
    }
    return value, Aux(metrics, h)

  def update(
    variables: Variables,
    outputs: Outputs,
    aux: Aux,
    batch: Batch,
    *,
    key: jax.Array,
    step: jax.Array,
  ) -> PyTree:
    del outputs, key, step
    state, index = variables.state, batch['index']
    return {
      **state,
      'bank': state['bank'].at[index].set(jax.lax.stop_gradient(aux.arrays)),
      'seen': state['seen'].at[index].set(True),
    }

  def solve(variables: Variables, *, key: jax.Array, step: jax.Array) -> PyTree:
    del step
    return {**variables.state, **_fit(variables.state, key, num_sweeps)}

  return HashMethod(
    width=width,
    init=init,
    loss=loss,
    update=update,
    solve=solve,
    encode=_encode,
    distance=_distance,
    symmetric_distance=_symmetric_distance,
    reconstruction=RECONSTRUCTION,
    stages=(neighbors_stage(source, num_neighbors),),
  )


def _quantised(
  codebooks: Float[Array, 'subspaces codewords width'],
  h: Float[Array, 'batch dims'],
) -> Float[Array, 'batch dims']:
  """The nearest codewords, without a gradient."""
  h = jax.lax.stop_gradient(h)
  return search.reconstruct(codebooks, search.quantize(h, codebooks))


def _fit(state: PyTree, key: jax.Array, num_sweeps: int) -> PyTree:
  """Codebooks after some steps of Lloyd; the first from random rows."""
  first, rest = jax.random.split(key)
  bank, seen = state['bank'], state['seen']
  num_codebooks, num_codewords, _ = state['codebooks'].shape
  start, _, _ = quantizers.fit_codebooks(
    bank, first, num_codebooks, num_codewords, 0, seen
  )
  codebooks, _ = jax.lax.scan(
    lambda books, k: (quantizers.step(books, bank, k, seen), None),
    jnp.where(state['fitted'] > 0, state['codebooks'], start),
    jax.random.split(rest, num_sweeps),
  )
  unused = quantizers.assign(codebooks, bank, seen).unused
  return {'codebooks': codebooks, 'fitted': jnp.ones(()), 'unused': unused}


def _encode(
  variables: Variables, outputs: Outputs
) -> UInt8[Array, 'batch subspaces']:
  """Ids of the nearest codewords."""
  h = outputs.logits.astype(jnp.float32)
  return jnp.asarray(search.quantize(h, variables.state['codebooks']))


def _distance(
  variables: Variables, query_outputs: Outputs, codes: AnyArray
) -> Float[Array, 'queries items']:
  """ADC."""
  h = jnp.asarray(query_outputs.logits, jnp.float32)
  return search.adc_distances(h, variables.state['codebooks'], codes)


def _symmetric_distance(
  variables: Variables, query_codes: AnyArray, codes: AnyArray
) -> Float[Array, 'queries items']:
  """SDC."""
  codebooks = variables.state['codebooks']
  return search.sdc_distances(query_codes, codebooks, codes)
