"""Codewords: binary targets of the classes, and what they are worth."""

from jaxhash.codewords.adaptive import adaptive_codewords, init_adaptive
from jaxhash.codewords.base import Codewords
from jaxhash.codewords.bounds import (
  gilbert_varshamov_distance,
  largest_distance,
)
from jaxhash.codewords.class_similarity import (
  class_similarity,
  masked_softmax,
  rank_correlation,
  similarity_from_logits,
)
from jaxhash.codewords.hadamard import hadamard, hadamard_matrix
from jaxhash.codewords.majority import majority_codewords
from jaxhash.codewords.mdsh import mdsh
from jaxhash.codewords.random import balanced, bernoulli, central, maxhd
from jaxhash.codewords.semantic import semantic, semantic_loss
from jaxhash.codewords.separated import separated

__all__ = [
  'Codewords',
  'adaptive_codewords',
  'balanced',
  'bernoulli',
  'central',
  'class_similarity',
  'gilbert_varshamov_distance',
  'hadamard',
  'hadamard_matrix',
  'init_adaptive',
  'largest_distance',
  'majority_codewords',
  'masked_softmax',
  'maxhd',
  'mdsh',
  'rank_correlation',
  'semantic',
  'semantic_loss',
  'separated',
  'similarity_from_logits',
]
