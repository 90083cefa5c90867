"""The results of scored codes as text."""

from __future__ import annotations

from typing import Any


def results_table(results: dict[str, Any]) -> str:
  """One score a line, with its interval; then the classes, and what is said."""
  intervals = results.get('intervals', {})
  rows = []
  for name, value in results.items():
    if isinstance(value, float):
      ends = intervals.get(name)
      span = '' if ends is None else f'{ends[0]:.4f} to {ends[1]:.4f}'
      digits = 6 if name == 'tie_difference' else 4
      rows.append((name, f'{value:.{digits}f}', span))
  width = max(len(name) for name, _, _ in rows)
  lines = [
    results['protocol'],
    f'{results["num_query"]} queries, {results["num_database"]} items, '
    f'{results["num_bits"]} bits',
    '',
  ]
  if intervals:
    lines.append(f'{"":{width}}    mean  95% over queries')
  lines += [f'{a:{width}}  {b}  {c}'.rstrip() for a, b, c in rows]
  if 'classes' in results:
    lines += ['', 'class  queries     mAP']
    lines += [
      f'{row["class"]:>5}  {row["num_query"]:>7}  {row["mAP"]:.4f}'
      for row in results['classes']
    ]
  health = results['code_health']
  lines += [
    '',
    f'database codes: {health["distinct_codes"]} distinct, imbalance of bits '
    f'{health["mean_bit_imbalance"]:.3f}, correlation of bits '
    f'{health["mean_bit_correlation"]:.3f}, {health["constant_bits"]} constant',
  ]
  if 'comparison' in results:
    found = results['comparison']
    lines += [
      '',
      f'mAP minus that of {found["with"]}: {found["difference"]:+.4f} '
      f'({found["low"]:+.4f} to {found["high"]:+.4f}); better for '
      f'{found["wins"]}, worse for {found["losses"]}, the same for '
      f'{found["ties"]} queries; sign test p = {found["sign_test"]:.2g}',
    ]
  return '\n'.join(lines)
