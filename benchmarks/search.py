"""How long exact search takes: jaxhash beside faiss, at growing databases.

  python -m benchmarks.search
  python -m benchmarks.search --sizes=54000 --num_bits=32 --k=10

Top-100 against `faiss.IndexBinaryFlat(use_heap=False)`, all items within a
radius of 2 by an index against a scan (`jaxhash` and `faiss.range_search`),
and the cost of a pair of query and item, which stays the same where cost is
linear. Evenly spread codes, which index best, and codes around 100 centers.
`same` compares distances (items, too, for the radius); `peak MB` of the radius
is that of building the index. Prints the tables.
"""

from __future__ import annotations

import os
from typing import Any

import faiss
import numpy as np
from absl import flags

from benchmarks.measure import measure, random_codes, structured_codes, table
from jaxhash import commands, metrics, search
from jaxhash.search.hamming import BACKENDS

SIZES = flags.DEFINE_list(
  'sizes', ['54000', '1000000', '10000000'], 'Items of each database.'
)
NUM_BITS = flags.DEFINE_integer(
  'num_bits', 64, 'Bits of a code, a multiple of 8.', lower_bound=8
)
K = flags.DEFINE_integer(
  'k', 100, 'How many of the nearest items are found.', lower_bound=1
)
PAIRS = flags.DEFINE_float(
  'pairs',
  1e9,
  'Queries times items of a scan, which says how many queries there are.',
  lower_bound=1.0,
)
BACKEND = flags.DEFINE_enum(
  'backend',
  None,
  list(BACKENDS),
  'How jaxhash searches. Default: what is fastest on this machine.',
)
THREADS = flags.DEFINE_integer(
  'threads', 2, 'CPUs that both sides may use.', lower_bound=1
)
flags.register_validator(
  'sizes',
  lambda sizes: all(size.isdecimal() for size in sizes),
  'must be whole numbers with commas between',
)
flags.register_validator(
  'num_bits', lambda n: n % 8 == 0, 'must be a multiple of 8, as faiss wants it'
)

RADIUS = 2
COLUMNS = ['items', 'queries', 'ours', 'peer', 'ratio', 'peak MB', 'same']


def main() -> None:
  """Prints the tables."""
  if min(map(int, SIZES.value)) < K.value:
    commands.fail(f'--sizes must be at least --k={K.value}')
  cpus = sorted(os.sched_getaffinity(0))[: THREADS.value]
  os.sched_setaffinity(0, cpus)
  faiss.omp_set_num_threads(len(cpus))
  for kind in ('spread', 'structured'):
    tables: list[list[list[Any]]] = [[], [], []]
    for size in map(int, SIZES.value):
      database = _codes(kind, 1, size)
      queries = max(8, min(4096, int(PAIRS.value / size)))
      query = _codes(kind, 0, queries)
      tables[0].append(_top_k(query, database))
      tables[1].append(_radius(_codes(kind, 0, 4096), query, database))
      # The database is prepared once; fewer queries would time only that.
      tables[2].append(_counts(_codes(kind, 0, max(queries, 1000)), database))
    bits = NUM_BITS.value
    print(f'\ntop-{K.value}, {bits} bits, {kind}: Gpairs/s, peer is faiss')
    print(table(COLUMNS, tables[0]))
    print(f'\nradius {RADIUS}, {kind}: microseconds a query by the index, peer')
    print('is our scan; then that of faiss.range_search')
    columns = [*COLUMNS[:5], 'faiss', 'ratio', *COLUMNS[5:], 'found', 'build s']
    print(table(columns, tables[1]))
    print(f'\nmAP of {kind} codes, 10 classes: Gpairs/s')
    print(table(['items', 'queries', 'Gpairs/s', 'peak MB'], tables[2]))


def _codes(kind: str, seed: int, n: int) -> np.ndarray:
  if kind == 'spread':
    return random_codes(seed, n, NUM_BITS.value)
  centers = np.random.default_rng(9).choice(
    np.array([-1, 1], np.int8), (100, NUM_BITS.value)
  )
  packed = [
    np.packbits(structured_codes(seed + 2 * i, centers[rows], 0.1) > 0, axis=1)
    for i, rows in enumerate(_in_parts(seed, n))
  ]
  return np.concatenate(packed)


def _in_parts(seed: int, n: int) -> list[np.ndarray]:
  rows = np.random.default_rng(seed).integers(0, 100, n)
  return np.array_split(rows, -(-n // 2**20))


def _top_k(query: np.ndarray, database: np.ndarray) -> list[Any]:
  ours = measure(
    lambda: search.top_k(
      query,
      database,
      K.value,
      num_bits=NUM_BITS.value,
      backend=BACKEND.value,
    )
  )
  index: Any = faiss.IndexBinaryFlat(NUM_BITS.value)
  index.use_heap = False
  index.add(database)
  peer = measure(lambda: index.search(query, K.value))
  pairs = len(query) * len(database) / 1e9
  same = (np.sort(peer.result[0], axis=1) == np.asarray(ours.result[0])).all()
  return [
    len(database),
    len(query),
    f'{pairs / ours.seconds:.2f}',
    f'{pairs / peer.seconds:.2f}',
    f'{peer.seconds / ours.seconds:.1f}',
    _mb(ours),
    'yes' if same else 'no',
  ]


def _radius(
  many: np.ndarray, few: np.ndarray, database: np.ndarray
) -> list[Any]:
  bits = NUM_BITS.value
  build = measure(
    lambda: search.build_radius_index(database, RADIUS, num_bits=bits),
    repeats=1,
  )
  index = build.result

  def look_up(query: np.ndarray) -> search.Neighbors:
    return search.within_radius(query, index, RADIUS, num_bits=bits)

  def scan() -> search.Neighbors:
    return search.within_radius(
      few, database, RADIUS, num_bits=bits, backend=BACKEND.value
    )

  ours, scanned = measure(lambda: look_up(many)), measure(scan)
  flat = faiss.IndexBinaryFlat(bits)
  flat.add(database)
  peer = measure(lambda: flat.range_search(few, RADIUS + 1))
  found = look_up(few)
  same = all(map(np.array_equal, found, scanned.result))
  same = same and np.array_equal(found.offsets, peer.result[0])
  each = [
    1e6 * x.seconds / n
    for x, n in ((ours, len(many)), (scanned, len(few)), (peer, len(few)))
  ]
  return [
    len(database),
    len(many),
    f'{each[0]:.2f}',
    f'{each[1]:.1f}',
    f'{each[1] / each[0]:.0f}',
    f'{each[2]:.1f}',
    f'{each[2] / each[0]:.0f}',
    _mb(build),
    'yes' if same else 'no',
    f'{np.diff(found.offsets).mean():.1f}',
    f'{build.seconds:.1f}',
  ]


def _counts(query: np.ndarray, database: np.ndarray) -> list[Any]:
  query_labels, labels = (np.arange(len(x)) % 10 for x in (query, database))

  def evaluate() -> dict[str, Any]:
    return metrics.evaluate(
      query,
      database,
      query_labels,
      labels,
      num_bits=NUM_BITS.value,
      backend=BACKEND.value,
    )

  ours = measure(evaluate)
  pairs = len(query) * len(database) / 1e9
  rate = f'{pairs / ours.seconds:.2f}'
  return [len(database), len(query), rate, _mb(ours)]


def _mb(found: Any) -> str:
  return '-' if found.megabytes is None else f'{found.megabytes:.0f}'


if __name__ == '__main__':
  commands.run(main)
