"""Tables of scores over seeds: means, intervals, tests, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

__all__ = [
  'Row',
  'check_scores',
  'interval',
  'markdown',
  'paired_p_values',
  'rows_of',
  'to_csv',
]

SIGNIFICANT = 0.05
# What a cell has only under some protocols, or of some methods.
OPTIONAL = (
  'query_database_without_train',
  'symmetric',
  'transductive',
  'val',
)
Cells = Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]


class Row(NamedTuple):
  """One score of one method at one number of bits.

  Attributes:
    score: what it is, such as `mAP@ALL`.
    method: name of the method.
    bits: bits of a code.
    values: of each seed.
    mean: of the seeds.
    interval: half the width of its 95% Student-t interval; NaN of one seed.
    best: whether no other method has a higher mean here.
    p_value: of the paired t-test against the best, by Holm's correction for
      the number of methods; NaN of the best, of a single seed, and where a
      value is NaN.
    reconstruction: what of the method is reconstructed; empty where nothing.
  """

  score: str
  method: str
  bits: int
  values: tuple[float, ...]
  mean: float
  interval: float
  best: bool
  p_value: float
  reconstruction: str


def interval(values: Sequence[float]) -> float:
  """Half the width of the 95% Student-t interval of a mean; NaN of one value.

  Example:
    >>> round(interval([1.0, 2.0, 3.0]), 3)
    2.484
  """
  if len(values) < 2:
    return float('nan')
  spread = np.std(values, ddof=1) / np.sqrt(len(values))
  return float(stats.t.ppf(0.975, len(values) - 1) * spread)


def paired_p_values(
  values: Mapping[str, Sequence[float]], best: str
) -> dict[str, float]:
  """How likely each method's mean is to be below the best's by chance.

  Args:
    values: of each method, one for each seed, in the same order.
    best: the method that the others are compared with.

  Returns:
    Two-sided p-values of the paired t-test over seeds, by Holm's correction
    for the number of comparisons; NaN for the best, and for a single seed.

  Example:
    >>> values = {'a': [0.9, 0.8, 0.7], 'b': [0.8, 0.71, 0.6]}
    >>> paired_p_values(values, 'a')['b'] < 0.05
    True
  """
  raw = {}
  for name, mine in values.items():
    difference = np.subtract(values[best], mine)
    if name == best or len(difference) < 2:
      continue
    if np.ptp(difference) == 0:  # the t statistic is infinite, or 0 / 0
      raw[name] = 1.0 if difference[0] == 0 else 0.0
    else:
      raw[name] = float(stats.ttest_1samp(difference, 0).pvalue)
  corrected, least = dict.fromkeys(values, float('nan')), 0.0
  for i, name in enumerate(sorted(raw, key=lambda name: raw[name])):
    least = max(least, min(1.0, raw[name] * (len(raw) - i)))
    corrected[name] = least
  return corrected


def rows_of(cells: Cells, scores: Mapping[str, str]) -> list[Row]:
  """The rows of a table.

  Args:
    cells: results of each seed, in the same order of seeds, by method and
      bits.
    scores: what a score is called, and its path in the results, as in
      `query_database.mAP`. A method that has no number there has no row.

  Returns:
    The rows, by score, bits and falling mean; last those with a NaN, which
    are not compared.

  Raises:
    ValueError: two methods have other numbers of seeds, or their seeds were
      not on the same rows.

  Example:
    >>> cells = {('a', 8): [{'mAP': 0.5}], ('b', 8): [{'mAP': 0.6}]}
    >>> [(r.method, r.best) for r in rows_of(cells, {'mAP': 'mAP'})]
    [('b', True), ('a', False)]
  """
  rows = []
  for score, path in scores.items():
    for bits in sorted({bits for _, bits in cells}):
      values, kinds = {}, {}
      for (method, of_bits), results in cells.items():
        numbers = [_number(r, path) for r in results]
        found = tuple(v for v in numbers if v is not None)
        if of_bits == bits and found and len(found) == len(numbers):
          values[method] = found
          kinds[method] = str(results[0].get('reconstruction') or '')
      _check_same_rows(cells, list(values), bits)
      if not values:
        continue
      means = {name: float(np.mean(v)) for name, v in values.items()}
      known = {
        name: v for name, v in values.items() if not np.isnan(means[name])
      }
      best = max(known, key=lambda name: means[name], default='')
      p_values = paired_p_values(known, best)
      rows += [
        Row(
          score,
          name,
          bits,
          values[name],
          means[name],
          interval(values[name]),
          name == best,
          p_values.get(name, float('nan')),
          kinds[name],
        )
        for name in sorted(means, key=lambda name: _falling(means[name]))
      ]
  return rows


def check_scores(results: Mapping[str, Any], scores: Mapping[str, str]) -> None:
  """Checks that a cell has the scores of a table.

  Args:
    results: of a cell.
    scores: as for `rows_of`.

  Raises:
    ValueError: a path leads to no number, though all that a cell may lack is
      there (val rows, say); the message names what there is.

  Example:
    >>> check_scores({'val': {'mAP': 0.5}}, {'of val': 'val.map'})
    Traceback (most recent call last):
      ...
    ValueError: the score 'of val' is val.map; val has mAP
  """
  for score, path in scores.items():
    found: Any = results
    parts = path.split('.')
    for i, name in enumerate(parts):
      inside = isinstance(found, Mapping)
      if inside and name not in found and name in OPTIONAL:
        break
      if not inside or name not in found:
        there = ', '.join(found) if inside else 'nothing inside'
        where = '.'.join(parts[:i]) or 'a cell'
        raise ValueError(f'the score {score!r} is {path}; {where} has {there}')
      found = found[name]
    else:
      if _number(results, path) is None:
        raise ValueError(f'the score {score!r}, {path}, is no number')


def markdown(rows: Sequence[Row]) -> str:
  """A Markdown table for each score: methods down, bits across.

  The best of a column is bold; so is what cannot be told from it.
  """
  parts, most = [], 0
  for score in dict.fromkeys(row.score for row in rows):
    here = [row for row in rows if row.score == score]
    columns = sorted({row.bits for row in here})
    cells = {(row.method, row.bits): row for row in here}
    seeds = max(len(row.values) for row in here)
    most = max(most, seeds)
    count = f'{seeds} seed{"s" if seeds > 1 else ""}'
    head = [f'{score}, {count}', *(f'{b} bits' for b in columns)]
    lines = [head, ['---'] * len(head)]
    for method in _by_last_column(here):
      shown = [cells.get((method, b)) for b in columns]
      known = any(row and row.reconstruction for row in shown)
      name = f'{method} (reconstruction)' if known else method
      lines.append([name, *(_cell(row) for row in shown)])
    parts.append('\n'.join(f'| {" | ".join(line)} |' for line in lines))
  parts.append(
    'Mean +- 95% Student-t interval over seeds; a seed draws the initial state '
    'and what the protocol draws of the split. Bold: the best, and what a '
    "paired t-test over seeds, Holm's correction, does not tell from it "
    f'(p >= {SIGNIFICANT}).'
    if most > 1
    else 'A seed draws the initial state and what the protocol draws of the '
    'split; of one there is no interval and no test. Bold: the best.'
  )
  return '\n\n'.join(parts)


def to_csv(rows: Sequence[Row]) -> str:
  """The rows as CSV, one a line."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow([*Row._fields[:3], 'seeds', *Row._fields[3:]])
  for row in rows:
    values = ' '.join(f'{v:.6f}' for v in row.values)
    writer.writerow(
      [*row[:3], len(row.values), values, *(_plain(v) for v in row[4:])]
    )
  return text.getvalue()


def _plain(value: Any) -> Any:
  if isinstance(value, float):
    return '' if np.isnan(value) else f'{value:.6g}'
  return value


def _cell(row: Row | None) -> str:
  if row is None:
    return ''
  text = f'{row.mean:.4f}'
  if len(row.values) > 1:
    text += f' +- {row.interval:.4f}'
  return f'**{text}**' if row.best or row.p_value >= SIGNIFICANT else text


def _by_last_column(rows: Sequence[Row]) -> list[str]:
  """Methods by falling mean, where they have most bits."""
  last = {}
  for row in sorted(rows, key=lambda row: row.bits):
    last[row.method] = row.mean
  return sorted(last, key=lambda name: _falling(last[name]))


def _falling(mean: float) -> float:
  """Sorts by falling mean, NaN last."""
  return float('inf') if np.isnan(mean) else -mean


def _lookup(results: Any, path: str) -> Any:
  """What is at a path in nested results; None if there is nothing."""
  for name in path.split('.'):
    if not isinstance(results, Mapping) or name not in results:
      return None
    results = results[name]
  return results


def _number(results: Any, path: str) -> float | None:
  """The number at a path in nested results; None if there is none."""
  found = _lookup(results, path)
  if isinstance(found, bool) or not isinstance(found, int | float):
    return None
  return float(found)


def _check_same_rows(cells: Cells, methods: Sequence[str], bits: int) -> None:
  counts = {method: len(cells[method, bits]) for method in methods}
  if len(set(counts.values())) > 1:
    raise ValueError(f'the methods at {bits} bits have not all seeds: {counts}')
  digests = {
    method: [r.get('split_digest') for r in cells[method, bits]]
    for method in methods
  }
  if len({tuple(d) for d in digests.values()}) > 1:
    raise ValueError(
      f'the methods at {bits} bits were not scored on the same rows: {digests}'
    )
