"""All that moves the number called mAP, in one place."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np

from jaxhash.lookup import check_known

__all__ = ['EvaluationProtocol', 'check_at', 'check_choice']

KNOWN = {
  'denominator': ('retrieved', 'relevant', 'min'),
  'empty': ('zero', 'skip'),
  'area': ('steps', 'trapezoids'),
  'order': ('expected', 'best', 'worst'),
  'empty_balls': ('zero', 'skip'),
  'ties': ('expected', 'database_order', 'best', 'worst'),
}


@dataclasses.dataclass(frozen=True)
class EvaluationProtocol:
  """How a ranking is scored.

  Attributes:
    at: R of mAP@R, the number of items that a query retrieves, at least 1;
      None retrieves the whole database.
    denominator: what the sum of precisions is divided by. `retrieved`: the
      relevant items among the first R, as nearly all hashing papers do, by
      which [+, -, -] scores more than [+, -, +]. `relevant`: all relevant
      items of the database. `min`: the smaller of these and R.
    empty: what a query counts whose denominator is 0. `zero`: an AP of 0.
      `skip`: nothing, the mean is over the other queries.
    ties: order of equally distant items. `expected`: the mean over all
      orders. `database_order`: as they come in the database, which is what a
      stable sort gives. `best`: relevant items first. `worst`: last.
    area: what of the precision-recall curve is summed up. `steps`: the
      precision at each relevant item, which is average precision. `trapezoids`:
      the mean of that and the precision just before it (1 before the first
      item), as the evaluators of Oxford, Paris, ROxford and RParis do.
    transductive: whether codes of the database were learnt from its labels,
      and not computed from its items alone, as those of queries are. It
      changes no number: it keeps apart those that do not compare.

  Raises:
    ValueError: a value is unknown or out of range.

  Example:
    >>> str(EvaluationProtocol(at=5000))
    'mAP@5000 ties=expected denominator=retrieved empty=zero'
  """

  at: int | None = None
  denominator: str = 'retrieved'
  empty: str = 'zero'
  ties: str = 'expected'
  area: str = 'steps'
  transductive: bool = False

  def __post_init__(self) -> None:
    check_at(self.at)
    if self.at is not None:  # NumPy's ints are no JSON
      object.__setattr__(self, 'at', int(self.at))
    for field in ('denominator', 'empty', 'ties', 'area'):
      check_choice(field, getattr(self, field))
    if not isinstance(self.transductive, bool):
      raise ValueError(
        f'transductive must be True or False, got {self.transductive!r}'
      )

  def __str__(self) -> str:
    at = 'ALL' if self.at is None else self.at
    return (
      f'mAP@{at} ties={self.ties} denominator={self.denominator} '
      f'empty={self.empty}'
      + (f' area={self.area}' if self.area != 'steps' else '')
      + (' transductive' if self.transductive else '')
    )

  def to_dict(self) -> dict[str, Any]:
    """The fields as plain values for JSON; gives the protocol back by `**`."""
    return dataclasses.asdict(self)

  def digest(self) -> str:
    """Twelve hex digits: equal for equal protocols, in any process."""
    fields = self.to_dict()
    if not self.transductive:  # as before there was such a field
      del fields['transductive']
    text = json.dumps(fields, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_at(at: Any) -> None:
  """A cut-off is None or an int of at least 1."""
  if at is None:
    return
  if isinstance(at, bool) or not isinstance(at, int | np.integer) or at < 1:
    raise ValueError(f'at must be None (all) or an int >= 1, got {at!r}')


def check_choice(field: str, value: Any) -> None:
  """A rule must be one of the known ones."""
  check_known(field, value, KNOWN[field])
