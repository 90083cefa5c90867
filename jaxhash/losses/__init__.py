"""Losses: pure functions on arrays."""

from jaxhash.losses.classification import classification_loss
from jaxhash.losses.labels import multi_hot
from jaxhash.losses.pointwise import (
  codeword_cosines,
  codeword_scores,
  cosine_margin_loss,
  cosine_one_vs_rest_loss,
  hardest_negative_hinge_loss,
)
from jaxhash.losses.reduce import safe_reduce
from jaxhash.losses.regularizers import (
  cosine_quantization_loss,
  power_quantization_loss,
)
from jaxhash.losses.targets import central_similarity_loss, polarization_loss

__all__ = [
  'central_similarity_loss',
  'classification_loss',
  'codeword_cosines',
  'codeword_scores',
  'cosine_margin_loss',
  'cosine_one_vs_rest_loss',
  'cosine_quantization_loss',
  'hardest_negative_hinge_loss',
  'multi_hot',
  'polarization_loss',
  'power_quantization_loss',
  'safe_reduce',
]
