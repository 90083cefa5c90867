"""Losses: pure functions on arrays."""

from jaxhash.losses.labels import multi_hot
from jaxhash.losses.pointwise import (
  codeword_scores,
  hardest_negative_hinge_loss,
)
from jaxhash.losses.reduce import safe_reduce

__all__ = [
  'codeword_scores',
  'hardest_negative_hinge_loss',
  'multi_hot',
  'safe_reduce',
]
