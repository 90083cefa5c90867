"""The protocols of public evaluators, so that their numbers can be compared."""

from __future__ import annotations

from typing import NamedTuple

from jaxhash._checks import check_int
from jaxhash.lookup import check_known
from jaxhash.metrics.protocol import EvaluationProtocol

__all__ = ['EVALUATORS', 'published_protocol']


class Evaluator(NamedTuple):
  """What is particular about a public evaluator.

  Attributes:
    source: repository and function.
    empty: what it does with a query that retrieves nothing relevant.
    last_is_lost: whether -1 stands for all items and drops the farthest.
    denominator: what it divides by.
    area: what it sums up.
  """

  source: str
  empty: str
  last_is_lost: bool = False
  denominator: str = 'retrieved'
  area: str = 'steps'


#: The public evaluators by name, and what each of them does.
EVALUATORS = {
  'deephash_pytorch': Evaluator(
    'swuxyj/DeepHash-pytorch, CalcTopMap', 'zero', last_is_lost=True
  ),
  'orthohash': Evaluator(
    'kamwoh/orthohash and CISiPLab/cisip-FIRe, calculate_mAP', 'zero'
  ),
  'hashnet': Evaluator('thuml/HashNet, mean_average_precision', 'skip'),
  'thulab': Evaluator('thulab/DeepHash, get_mAPs', 'skip'),
  'revisitop': Evaluator(
    'filipradenovic/revisitop, compute_map',
    'skip',
    denominator='relevant',
    area='trapezoids',
  ),
}


def published_protocol(
  evaluator: str, at: int | None = None, *, num_database: int | None = None
) -> EvaluationProtocol:
  """The protocol by which a public evaluator computes mAP.

  Those of hashing divide by the relevant items among the first R. None sorts
  stably (`numpy.argsort`, `numpy.argpartition` and `torch.topk` leave the order
  of equal distances to chance), so that they give the number of this protocol
  only with a stable sort, or without ties; `evaluate` reports as
  `tie_difference` what the order of the database makes of it. HashNet and
  thulab rank by the inner product of whatever they are given: that is the
  order of Hamming distance for codes, not for real-valued outputs.

  Args:
    evaluator: `deephash_pytorch`, `orthohash` (and FIRe), `hashnet`, `thulab`,
      or `revisitop` (ROxford and RParis, with `revisited_ground_truth`).
    at: the R that it is called with; None for all items. For
      `deephash_pytorch` also -1, which its configs call "all" and by which
      the slice of its ranking drops the farthest item.
    num_database: number of items; wanted for -1.

  Returns:
    The protocol, of `ties='database_order'`.

  Raises:
    ValueError: an unknown evaluator, or an R that it does not take.

  Example:
    >>> str(published_protocol('hashnet', 5000))
    'mAP@5000 ties=database_order denominator=retrieved empty=skip'
    >>> published_protocol('deephash_pytorch', -1, num_database=54000).at
    53999
  """
  check_known('evaluator', evaluator, EVALUATORS)
  known = EVALUATORS[evaluator]
  if at == -1 and known.last_is_lost:
    if num_database is None:
      raise ValueError(f'at=-1 of {evaluator} needs num_database')
    check_int('num_database', num_database, 2)
    at = num_database - 1
  return EvaluationProtocol(
    at=at,
    ties='database_order',
    denominator=known.denominator,
    empty=known.empty,
    area=known.area,
  )
