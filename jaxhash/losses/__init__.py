"""Losses: pure functions on arrays."""

from jaxhash.losses.classification import classification_loss
from jaxhash.losses.contrastive import bernoulli_kl_loss, nt_xent_loss
from jaxhash.losses.distances import (
  inner_products,
  l1_distances,
  soft_hamming_distances,
  squared_distances,
)
from jaxhash.losses.labels import has_label, multi_hot
from jaxhash.losses.pairs import Pairs, balance_weights, label_pairs, row_pairs
from jaxhash.losses.pairwise import (
  cauchy_cross_entropy_loss,
  pairwise_hinge_loss,
  pairwise_likelihood_loss,
  quantified_similarity_loss,
)
from jaxhash.losses.pointwise import (
  codeword_cosines,
  codeword_scores,
  cosine_margin_loss,
  cosine_one_vs_rest_loss,
  hardest_negative_hinge_loss,
)
from jaxhash.losses.reduce import safe_reduce
from jaxhash.losses.regularizers import (
  bit_variance_loss,
  cauchy_quantization_loss,
  cosine_quantization_loss,
  log_cosh_quantization_loss,
  power_quantization_loss,
)
from jaxhash.losses.relational import (
  nearest_neighbor_kl_loss,
  relative_distance_loss,
)
from jaxhash.losses.structure import (
  cosine_distances,
  distance_structure,
  paired_cosine_loss,
  structure_loss,
)
from jaxhash.losses.targets import central_similarity_loss, polarization_loss
from jaxhash.losses.triplet import (
  triplet_likelihood_loss,
  weighted_triplet_hinge_loss,
)

__all__ = [
  'Pairs',
  'balance_weights',
  'bernoulli_kl_loss',
  'bit_variance_loss',
  'cauchy_cross_entropy_loss',
  'cauchy_quantization_loss',
  'central_similarity_loss',
  'classification_loss',
  'codeword_cosines',
  'codeword_scores',
  'cosine_distances',
  'cosine_margin_loss',
  'cosine_one_vs_rest_loss',
  'cosine_quantization_loss',
  'distance_structure',
  'hardest_negative_hinge_loss',
  'has_label',
  'inner_products',
  'l1_distances',
  'label_pairs',
  'log_cosh_quantization_loss',
  'multi_hot',
  'nearest_neighbor_kl_loss',
  'nt_xent_loss',
  'paired_cosine_loss',
  'pairwise_hinge_loss',
  'pairwise_likelihood_loss',
  'polarization_loss',
  'power_quantization_loss',
  'quantified_similarity_loss',
  'relative_distance_loss',
  'row_pairs',
  'safe_reduce',
  'soft_hamming_distances',
  'squared_distances',
  'structure_loss',
  'triplet_likelihood_loss',
  'weighted_triplet_hinge_loss',
]
