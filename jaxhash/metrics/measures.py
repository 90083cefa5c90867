"""What is measured beside mAP."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from jaxhash._checks import check_int
from jaxhash.metrics._checks import check_cut_offs
from jaxhash.metrics.protocol import check_choice

__all__ = ['Measures']


@dataclasses.dataclass(frozen=True)
class Measures:
  """What is measured beside mAP.

  Attributes:
    precision_at: numbers of items for precision and recall at k. Of all
      three, those beyond the database are left out.
    ndcg_at: numbers of items for NDCG at k.
    hierarchical_at: numbers of items for HP and mAHP at k.
    radius: Hamming radius for precision and recall within it; None for none.
    empty_balls: what the precision of a query counts with nothing within the
      radius, `zero` or `skip`.

  Raises:
    ValueError: a number is out of range, or an unknown rule.
  """

  precision_at: Sequence[int] = (1, 10, 100)
  ndcg_at: Sequence[int] = ()
  hierarchical_at: Sequence[int] = ()
  radius: int | None = 2
  empty_balls: str = 'zero'

  def __post_init__(self) -> None:
    for ks in (self.precision_at, self.ndcg_at, self.hierarchical_at):
      check_cut_offs(ks)
    if self.radius is not None:
      check_int('radius', self.radius, 0)
    check_choice('empty_balls', self.empty_balls)

  @property
  def farthest(self) -> int:
    """The last rank that a graded measure looks at."""
    return max((*self.ndcg_at, *self.hierarchical_at), default=1)

  @property
  def graded(self) -> bool:
    """Whether any of them needs to know what items are worth."""
    return bool(self.ndcg_at or self.hierarchical_at)

  def check_levels(self, similarity: object) -> None:
    """Hierarchical precision needs to know how similar classes are."""
    if self.hierarchical_at and similarity is None:
      raise ValueError('hierarchical_at needs a similarity of classes')

  def inside(self, num_database: int) -> Measures:
    """Those that a database of this size has enough items for."""

    def kept(ks: Sequence[int]) -> Sequence[int]:
      return tuple(k for k in ks if k <= num_database)

    return dataclasses.replace(
      self,
      precision_at=kept(self.precision_at),
      ndcg_at=kept(self.ndcg_at),
      hierarchical_at=kept(self.hierarchical_at),
    )
