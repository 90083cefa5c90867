"""Scores saved codes: python -m jaxhash.metrics --query_codes=q.npy ...

  python -m jaxhash.metrics --query_codes=query.npy --query_labels=yq.npy \\
      --database_codes=database.npy --database_labels=yd.npy --at=5000

Codes are .npy files of -1/+1, 0/1 or bool, or packed uint8 with --num_bits;
labels are int, or multi-hot. It prints a table and, with --json, writes all of
it. --save keeps the scores of each query, and --compare reads such a file of
another run on the same queries and says whether the difference is chance.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any, NoReturn

import numpy as np
from absl import app, flags, logging

from jaxhash import metrics, taxonomy
from jaxhash.metrics.protocol import KNOWN
from jaxhash.metrics.published import EVALUATORS

QUERY_CODES = flags.DEFINE_string('query_codes', None, 'File, [query, bits].')
DATABASE_CODES = flags.DEFINE_string(
  'database_codes', None, 'File, [database, bits].'
)
QUERY_LABELS = flags.DEFINE_string(
  'query_labels', None, 'File, int [query] or multi-hot [query, labels].'
)
DATABASE_LABELS = flags.DEFINE_string(
  'database_labels', None, 'File of the same kind.'
)
QUERY_IDS = flags.DEFINE_string(
  'query_ids',
  None,
  'File of names of the queries: none retrieves a row of its own name.',
)
DATABASE_IDS = flags.DEFINE_string(
  'database_ids', None, 'File of names of the database rows.'
)
NUM_BITS = flags.DEFINE_integer('num_bits', None, 'Bits of packed codes.')
AT = flags.DEFINE_integer(
  'at', None, 'R of mAP@R; default: the whole database.'
)
TIES = flags.DEFINE_enum(
  'ties', 'expected', KNOWN['ties'], 'Order of equally distant items.'
)
DENOMINATOR = flags.DEFINE_enum(
  'denominator',
  'retrieved',
  KNOWN['denominator'],
  'What the sum of precisions is divided by.',
)
EMPTY = flags.DEFINE_enum(
  'empty', 'zero', KNOWN['empty'], 'What a query counts that finds nothing.'
)
LIKE = flags.DEFINE_enum(
  'like',
  None,
  list(EVALUATORS),
  'Compute mAP@R as a public evaluator does, in place of the three above.',
)
PRECISION_AT = flags.DEFINE_list(
  'precision_at', ['1', '10', '100'], 'Precision and recall at these ranks.'
)
NDCG_AT = flags.DEFINE_list('ndcg_at', [], 'NDCG at these ranks.')
HIERARCHICAL_AT = flags.DEFINE_list(
  'hierarchical_at', [], 'HP and mAHP at these ranks; needs --taxonomy.'
)
RADIUS = flags.DEFINE_integer('radius', 2, 'Hamming radius; -1 for none.')
TAXONOMY = flags.DEFINE_string(
  'taxonomy',
  None,
  'File of a class hierarchy, or cifar100: what items are worth.',
)
CLASS_NAMES = flags.DEFINE_string(
  'class_names',
  None,
  'Text file, a class a line in the order of the labels; needed for a taxonomy '
  'of parent-child lines or nested names, which do not say the order.',
)
SIMILARITY = flags.DEFINE_enum(
  'similarity', 'height', ['height', 'wu_palmer'], 'In the taxonomy.'
)
BOOTSTRAP = flags.DEFINE_integer(
  'bootstrap',
  1000,
  'Resamples for the 95% intervals; 0 for none.',
  lower_bound=0,
)
BY_CLASS = flags.DEFINE_bool('by_class', False, 'Also a table of the classes.')
JSON = flags.DEFINE_string('json', None, 'File for all results.')
SAVE = flags.DEFINE_string('save', None, 'File (.npz) for each query.')
COMPARE = flags.DEFINE_string(
  'compare', None, 'A file that --save wrote for another run.'
)
PROGRESS = flags.DEFINE_bool('progress', True, 'Show a progress bar.')

NEEDED = (QUERY_CODES, DATABASE_CODES, QUERY_LABELS, DATABASE_LABELS)


def main(argv: list[str]) -> None:
  """Reads, scores, prints and writes."""
  if len(argv) > 1:
    _fail(f'there are only flags, no arguments; got {argv[1:]}')
  missing = [f'--{flag.name}' for flag in NEEDED if not flag.value]
  if missing:
    _fail(f'needed: {" ".join(missing)}; see --help')
  logging.set_verbosity(logging.ERROR)  # JAX tells which platforms are absent
  try:
    _run()
  except (ImportError, OSError, ValueError) as e:
    _fail(str(e))


def _run() -> None:
  other = None if not COMPARE.value else metrics.load_scores(COMPARE.value)
  for file in (JSON.value, SAVE.value):
    if file and not pathlib.Path(file).absolute().parent.is_dir():
      raise ValueError(f'there is no folder for {file}')
    if file and pathlib.Path(file).is_dir():
      raise ValueError(f'{file} is a folder, not a file')
  files = [_read(flag.value) for flag in (*NEEDED, QUERY_IDS, DATABASE_IDS)]
  query, database, query_labels, database_labels, *ids = files
  protocol = _protocol(len(database))
  if other is not None:  # before any work, lest it be lost
    given = {
      'num_query': len(query),
      'num_database': len(database),
      'protocol': str(protocol),
    }
    for fact, value in given.items():
      if other.facts[fact] != value:
        raise ValueError(
          f'{COMPARE.value} is of another {fact}: {other.facts[fact]}, not '
          f'{value}'
        )
  scores = metrics.score_codes(
    query,
    database,
    query_labels,
    database_labels,
    protocol,
    measures=metrics.Measures(
      precision_at=_numbers(PRECISION_AT),
      ndcg_at=_numbers(NDCG_AT),
      hierarchical_at=_numbers(HIERARCHICAL_AT),
      radius=None if RADIUS.value < 0 else RADIUS.value,
    ),
    num_bits=NUM_BITS.value,
    similarity=_similarity(),
    query_ids=ids[0],
    database_ids=ids[1],
    progress=PROGRESS.value,
  )
  if SAVE.value:  # at once, lest it be lost
    scores.save(SAVE.value)
  results = metrics.summarize(
    scores, bootstrap=BOOTSTRAP.value, by_class=BY_CLASS.value
  )
  if other is not None:
    results['comparison'] = {
      'with': COMPARE.value,
      **metrics.compare(other, scores),
    }
  results['code_health'] = metrics.code_health(
    database, num_bits=NUM_BITS.value
  )
  if JSON.value:
    pathlib.Path(JSON.value).write_text(
      json.dumps(results, indent=2, allow_nan=False) + '\n'
    )
  print(_table(results))


def _read(path: str | None) -> Any:
  if path is None:
    return None
  try:
    array = np.load(path, mmap_mode='r')
  except (EOFError, ValueError) as e:
    raise ValueError(f'{path} is no .npy file of numbers: {e}') from e
  if not isinstance(array, np.ndarray):
    raise ValueError(f'{path} is no .npy file, but one of several arrays')
  return array


def _protocol(num_database: int) -> metrics.EvaluationProtocol:
  if LIKE.value is None:
    return metrics.EvaluationProtocol(
      at=AT.value,
      ties=TIES.value,
      denominator=DENOMINATOR.value,
      empty=EMPTY.value,
    )
  for flag in (TIES, DENOMINATOR, EMPTY):
    if flag.present:
      raise ValueError(f'--like={LIKE.value} says what --{flag.name} would')
  return metrics.published_protocol(
    LIKE.value, AT.value, num_database=num_database
  )


def _numbers(flag: flags.FlagHolder) -> tuple[int, ...]:
  try:
    return tuple(int(k) for k in flag.value)
  except ValueError:
    raise ValueError(
      f'--{flag.name} must be numbers of items, got {",".join(flag.value)}'
    ) from None


def _similarity() -> np.ndarray | None:
  if TAXONOMY.value is None:
    if HIERARCHICAL_AT.value:
      raise ValueError('--hierarchical_at needs --taxonomy=FILE')
    return None
  if not HIERARCHICAL_AT.value and not NDCG_AT.value:
    raise ValueError('--taxonomy is for --hierarchical_at and --ndcg_at')
  if TAXONOMY.value == 'cifar100':
    tree = taxonomy.cifar100()
  else:
    path = pathlib.Path(TAXONOMY.value)
    names = None
    if CLASS_NAMES.value is not None:
      names = pathlib.Path(CLASS_NAMES.value).read_text().splitlines()
    elif not _says_the_order(path):
      raise ValueError(
        f'{path} does not say the order of labels: --class_names'
      )
    tree = taxonomy.read_taxonomy(path, classes=names)
  return taxonomy.similarities(tree, kind=SIMILARITY.value)


def _says_the_order(path: pathlib.Path) -> bool:
  """Whether a taxonomy file lists its classes in the order of labels."""
  try:
    content = json.loads(path.read_text())
  except ValueError:
    return False
  return isinstance(content, dict) and 'classes' in content


def _table(results: dict[str, Any]) -> str:
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


def _fail(message: str) -> NoReturn:
  print(f'error: {message}', file=sys.stderr)
  sys.exit(1)


if __name__ == '__main__':
  app.run(main)
