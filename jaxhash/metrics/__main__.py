"""Scores saved codes: mAP, precision, recall and more, with intervals.

  python -m jaxhash.metrics --query_codes=query.npy --query_labels=yq.npy \\
      --database_codes=database.npy --database_labels=yd.npy --at=5000
  python -m jaxhash.metrics --query_codes=query.npy --query_labels=yq.npy \\
      --database_codes=database.npy --database_labels=yd.npy --num_bits=64 \\
      --like=hashnet --at=5000 --save=ours.npz --compare=theirs.npz

Codes are .npy files of -1/+1, 0/1 or bool, or packed uint8 with --num_bits;
labels are int, or multi-hot. It prints a table and, with --json, writes all of
it. --save keeps the scores of each query, and --compare reads such a file of
another run on the same queries and says whether the difference is chance.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
from absl import flags

from jaxhash import commands, metrics, taxonomy
from jaxhash.metrics._table import results_table
from jaxhash.metrics.protocol import KNOWN
from jaxhash.metrics.published import EVALUATORS

QUERY_CODES = flags.DEFINE_string(
  'query_codes', None, 'File of codes, [query, bits]; needed.'
)
DATABASE_CODES = flags.DEFINE_string(
  'database_codes', None, 'File of codes, [database, bits]; needed.'
)
QUERY_LABELS = flags.DEFINE_string(
  'query_labels',
  None,
  'File of labels, int [query] or multi-hot [query, labels]; needed.',
)
DATABASE_LABELS = flags.DEFINE_string(
  'database_labels',
  None,
  'File of labels, int [database] or multi-hot [database, labels]; needed.',
)
QUERY_IDS = flags.DEFINE_string(
  'query_ids',
  None,
  'File of names of the queries, with --database_ids: none retrieves a row of '
  'its own name. Default: a query retrieves any row.',
)
DATABASE_IDS = flags.DEFINE_string(
  'database_ids', None, 'File of names of the database rows.'
)
NUM_BITS = flags.DEFINE_integer(
  'num_bits',
  None,
  'Bits of a code, needed where codes are packed: the last byte may be padded.',
)
AT = flags.DEFINE_integer(
  'at', None, 'R of mAP@R, in items. Default: the whole database.'
)
TIES = flags.DEFINE_enum(
  'ties',
  'expected',
  KNOWN['ties'],
  'Order of equally distant items: the mean over all, or one.',
)
DENOMINATOR = flags.DEFINE_enum(
  'denominator',
  'retrieved',
  KNOWN['denominator'],
  'What the sum of precisions is divided by: the relevant items among the R '
  'retrieved ones, all relevant ones, or the lesser of these and R.',
)
EMPTY = flags.DEFINE_enum(
  'empty',
  'zero',
  KNOWN['empty'],
  'Whether a query that finds nothing counts 0 or not.',
)
LIKE = flags.DEFINE_enum(
  'like',
  None,
  list(EVALUATORS),
  'Compute mAP@R as a public evaluator does, in place of --ties, '
  '--denominator and --empty.',
)
PRECISION_AT = flags.DEFINE_list(
  'precision_at',
  ['1', '10', '100'],
  'Ranks at which precision and recall are measured.',
)
NDCG_AT = flags.DEFINE_list(
  'ndcg_at', [], 'Ranks at which NDCG is measured, such as 10,100.'
)
HIERARCHICAL_AT = flags.DEFINE_list(
  'hierarchical_at',
  [],
  'Ranks at which HP and mAHP are measured; needs --taxonomy.',
)
RADIUS = flags.DEFINE_integer(
  'radius',
  2,
  'Hamming distance in bits within which precision and recall are measured; '
  '-1 for none.',
)
TAXONOMY = flags.DEFINE_string(
  'taxonomy',
  None,
  'File of a class hierarchy, or cifar100 for that of CIFAR-100: what items '
  'are worth to --hierarchical_at and --ndcg_at.',
)
CLASS_NAMES = flags.DEFINE_string(
  'class_names',
  None,
  'Text file, a class a line in the order of the labels; needed for a taxonomy '
  'of parent-child lines or nested names, which do not say the order.',
)
SIMILARITY = flags.DEFINE_enum(
  'similarity',
  'height',
  ['height', 'wu_palmer'],
  'Similarity of two classes of the taxonomy: by the height of what they have '
  'in common, or that of Wu and Palmer.',
)
BOOTSTRAP = flags.DEFINE_integer(
  'bootstrap',
  1000,
  'Resamples of the queries for the 95% intervals; 0 for no intervals.',
  lower_bound=0,
)
BY_CLASS = flags.DEFINE_bool(
  'by_class', False, 'Also print the mAP of the queries of each class.'
)
JSON = flags.DEFINE_string('json', None, 'JSON file to write all results to.')
SAVE = flags.DEFINE_string(
  'save', None, 'File (.npz) to write the scores of each query to.'
)
COMPARE = flags.DEFINE_string(
  'compare', None, 'A file that --save wrote for another run.'
)
PROGRESS = flags.DEFINE_bool('progress', True, 'Show a progress bar.')

NEEDED = (QUERY_CODES, DATABASE_CODES, QUERY_LABELS, DATABASE_LABELS)


def main() -> None:
  """Reads, scores, prints and writes."""
  missing = [f'--{flag.name}' for flag in NEEDED if not flag.value]
  if missing:
    commands.fail(f'needed: {" ".join(missing)}; see --help')
  try:
    _run()
  except (ImportError, OSError, ValueError) as e:
    commands.fail(str(e))


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
  print(results_table(results))


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


if __name__ == '__main__':
  commands.run(main)
