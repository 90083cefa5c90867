"""How long mAP takes: jaxhash, public evaluators, and plain NumPy.

  python -m benchmarks.evaluation --setting=cifar10_54k
  python -m benchmarks.evaluation --peers=FOLDER

FOLDER has clones of swuxyj/DeepHash-pytorch, kamwoh/orthohash (needs PyTorch),
thuml/HashNet and thulab/DeepHash, those that there are. A peer is timed on
--peer_queries and on a quarter of them, and the line through both gives its
time for all; its peak memory is that of --peer_queries. For jaxhash all queries
are timed, with everything that `metrics.evaluate` computes beside mAP, and the
peak includes what Numba loads. The difference of mAP is to the same evaluator
with a stable sort, on the same queries. Prints a table for each setting.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from benchmarks.measure import measure, structured_codes, table
from benchmarks.peers import PEERS, load_peer, plain_numpy
from jaxhash import commands, metrics
from jaxhash.search.hamming import BACKENDS

CLONES = flags.DEFINE_string(
  'peers',
  None,
  'Folder of the clones of public evaluators. Default: plain NumPy alone.',
)
PEER_QUERIES = flags.DEFINE_integer(
  'peer_queries', 500, 'Queries on which a peer is timed.', lower_bound=4
)
BACKEND = flags.DEFINE_enum(
  'backend',
  None,
  list(BACKENDS),
  'How jaxhash counts. Default: what is fastest on this machine.',
)


class Setting(NamedTuple):
  """Sizes of a retrieval problem."""

  queries: int
  database: int
  at: int | None
  classes: int
  multi_label: bool = False
  num_bits: int = 64


SETTINGS = {
  'cifar10_54k': Setting(1_000, 54_000, None, 10),
  'cifar10': Setting(10_000, 50_000, None, 10),
  'imagenet100': Setting(5_000, 128_503, 1_000, 100),
  'nus_wide': Setting(5_000, 190_834, 5_000, 21, multi_label=True),
}

SETTING = flags.DEFINE_enum(
  'setting',
  None,
  list(SETTINGS),
  'Sizes of the problem, as in SETTINGS. Default: all, one after another.',
)


def main() -> None:
  """Prints a table for each setting."""
  if SETTING.value is None:  # a process each, so that peaks are their own
    for name in SETTINGS:
      subprocess.run(
        [
          sys.executable,
          '-m',
          __spec__.name,
          *sys.argv[1:],
          f'--setting={name}',
        ],
        check=True,
      )
    return
  setting = SETTINGS[SETTING.value]
  print(f'\n{SETTING.value}: {setting}')
  columns = ['', 'seconds', 'ours is faster', 'peak MB', 'difference of mAP']
  print(table(columns, _rows(setting)), flush=True)


def _rows(setting: Setting) -> list[list[Any]]:
  codes, labels = zip(*(_problem(setting, seed) for seed in (0, 1)))
  given = labels
  if not setting.multi_label:
    given = tuple(x.argmax(axis=1) for x in labels)
  protocols = {
    'expected': metrics.EvaluationProtocol(at=setting.at),
    'database_order': metrics.EvaluationProtocol(
      at=setting.at, ties='database_order'
    ),
  }
  rows = []
  seconds = 0.0
  for ties, protocol in protocols.items():

    def ours(protocol: metrics.EvaluationProtocol = protocol) -> Any:
      return metrics.evaluate(
        codes[0],
        codes[1],
        given[0],
        given[1],
        protocol,
        backend=BACKEND.value,
      )

    found = measure(ours)
    seconds = seconds or found.seconds
    rows.append(
      [f'jaxhash, {ties}', f'{found.seconds:.3f}', '', _mb(found), '']
    )
  some = slice(0, PEER_QUERIES.value)
  floats = [x.astype(np.float32) for x in codes]
  at = setting.at or setting.database
  args = (floats[0][some], floats[1], labels[0][some], labels[1], at)
  for name in ('plain NumPy', *PEERS):
    try:
      peers = _peers(name)
    except (FileNotFoundError, ImportError) as e:
      rows.append([name, f'not at hand: {type(e).__name__}', '', '', ''])
      continue
    found, scaled = _timed(peers[0], args, setting.queries)
    difference = ''
    if name != 'plain NumPy':
      protocol = metrics.published_protocol(name, at)
      score = metrics.evaluate(
        codes[0][some], codes[1], given[0][some], given[1], protocol
      )
      difference = f'{abs(score["mAP"] - peers[1](*args)):.1e}'
    rows.append(
      [name, f'{scaled:.1f}', f'{scaled / seconds:.0f}', _mb(found), difference]
    )
  return rows


def _timed(peer: Any, args: Any, queries: int) -> tuple[Any, float]:
  """What was measured, and the seconds that all queries would take."""
  query, database, query_labels, labels, at = args
  few = max(1, len(query) // 4)
  peer(query[:1], database, query_labels[:1], labels, at)  # to warm up
  first = measure(
    lambda: peer(query[:few], database, query_labels[:few], labels, at),
    repeats=1,
  )
  found = measure(lambda: peer(*args), repeats=1)
  each = (found.seconds - first.seconds) / (len(query) - few)
  return found, found.seconds + max(each, 0.0) * (queries - len(query))


def _peers(name: str) -> tuple[Any, Any]:
  """The evaluator as it is, and with a stable sort."""
  if name == 'plain NumPy':
    return plain_numpy, None
  if CLONES.value is None:
    raise FileNotFoundError('--peers')
  clones = pathlib.Path(CLONES.value)
  return load_peer(name, clones), load_peer(name, clones, stable=True)


def _problem(setting: Setting, seed: int) -> tuple[np.ndarray, np.ndarray]:
  """Codes and multi-hot labels of the queries (0) or the database (1)."""
  rng = np.random.default_rng(seed)
  n = (setting.queries, setting.database)[seed]
  labels = np.eye(setting.classes, dtype=np.float32)[
    rng.integers(0, setting.classes, n)
  ]
  if setting.multi_label:
    labels[rng.random(labels.shape) < 0.08] = 1
  words = np.random.default_rng(9).choice(
    np.array([-1.0, 1.0]), (setting.classes, setting.num_bits)
  )
  centers = np.where(labels @ words >= 0, 1, -1).astype(np.int8)
  return structured_codes(seed, centers), labels


def _mb(found: Any) -> str:
  return '-' if found.megabytes is None else f'{found.megabytes:.0f}'


if __name__ == '__main__':
  commands.run(main)
