"""Codebooks of product quantisers, by Lloyd's alternation.

Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search",
PAMI 2011 :cite:p:`jegou2011pq`. `jaxhash.search` has the distances to what is
quantised.

A quantiser cuts vectors `[n, dimensions]` into M parts, each with as many
codewords: float32 codebooks `[subspaces, codewords, dimensions / subspaces]`.
All functions are pure and may be called in a train step: under `jax.jit`,
`jax.vmap` and `jax.lax.cond`.
"""

from jaxhash.quantizers._assignment import Assignment, assign, num_subspaces
from jaxhash.quantizers._lloyd import fit_codebooks, step, update

__all__ = [
  'Assignment',
  'assign',
  'fit_codebooks',
  'num_subspaces',
  'step',
  'update',
]
