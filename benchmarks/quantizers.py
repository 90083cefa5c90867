"""How good and how fast shallow methods are: jaxhash beside faiss.

  python -m benchmarks.quantizers --cifar10=shared/data/cifar10

On PCA features of CIFAR-10: the error of product quantisers, which is the mean
squared distance of a train row to its reconstruction, and the seconds that
`fit` took, compiled before; then, of binary codes, how many of the 100 nearest
neighbours of a query by Euclidean distance are among the 100 nearest by Hamming
distance. Each draw has its own train rows and seed; the intervals are those of
the mean over draws, 95%. PQ takes 25 iterations and OPQ 50, as faiss does by
itself; one of OPQ has one step of Lloyd here, and four there.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import faiss
import jax
import numpy as np
from absl import app, flags

from benchmarks.measure import Measured, measure, table
from experiments.tables import interval
from jaxhash.shallow import itq, lsh, opq, pq

CIFAR10 = flags.DEFINE_string(
  'cifar10', 'shared/data/cifar10', 'Folder of features_pca256.npz.'
)
LENGTHS = flags.DEFINE_multi_integer('lengths', [16, 32, 64], 'Bits of a code.')
DRAWS = flags.DEFINE_integer('draws', 3, 'Of train rows.', lower_bound=2)
ROWS = flags.DEFINE_integer('train_rows', 10_000, 'That are fitted.')
QUERIES = flags.DEFINE_integer('test_rows', 500, 'Queries of the recall.')

NEIGHBORS = 100


def main(argv: list[str]) -> None:
  """Prints the tables."""
  del argv
  folder = pathlib.Path(CIFAR10.value)
  with np.load(folder / 'features_pca256.npz') as arrays:
    features = arrays['train_features'].astype(np.float32)
    queries = arrays['test_features'][: QUERIES.value].astype(np.float32)
  draws = [
    np.random.default_rng(seed).permutation(features)[: ROWS.value]
    for seed in range(DRAWS.value)
  ]
  errors: list[list[Any]] = []
  recalls: list[list[Any]] = []
  for bits in LENGTHS.value:
    for name, method, peer in (
      ('PQ', pq, faiss_pq_error),
      ('OPQ', opq, faiss_opq_error),
    ):
      _error(method, draws[0], bits, 0)  # compiles
      ours = _measured(partial(_error, method), draws, bits)
      theirs = _measured(peer, draws, bits)
      error, seconds = (
        [[getattr(x, field) for x in row] for row in (ours, theirs)]
        for field in ('result', 'seconds')
      )
      errors.append([name, bits, *_cells(error, 2), *_cells(seconds, 1)[:2]])
    for name, method, codes in (
      ('ITQ', itq, faiss_itq_codes),
      ('LSH', lsh, faiss_lsh_codes),
    ):
      found = [
        _recalls(method, codes, train, queries, bits, seed)
        for seed, train in enumerate(draws)
      ]
      recalls.append([name, bits, *_cells(list(zip(*found)), 4)])
  columns = ['method', 'bits', 'jaxhash', 'faiss', 'ratio']
  print(f'\nerror on {ROWS.value} rows, and seconds of fit')
  print(table([*columns, 'jaxhash s', 'faiss s'], errors))
  print(f'\nrecall@{NEIGHBORS} of {len(queries)} queries')
  print(table(columns, recalls))


def _error(method: Any, train: np.ndarray, bits: int, seed: int) -> float:
  model = method.fit(train, jax.random.key(seed), num_bits=bits)
  return float(model.errors[-1])


def _measured(
  error: Callable[..., float], draws: Sequence[np.ndarray], bits: int
) -> list[Measured]:
  return [
    measure(partial(error, train, bits, seed), repeats=1)
    for seed, train in enumerate(draws)
  ]


def _cells(values: Sequence[Sequence[float]], digits: int) -> list[str]:
  """Our mean with its interval, that of faiss, and the ratio of the means."""
  cells = [
    f'{np.mean(row):.{digits}f} +- {interval(row):.{digits}f}' for row in values
  ]
  return [*cells, f'{np.mean(values[0]) / np.mean(values[1]):.3f}']


def _recalls(
  method: Any,
  peer: Callable[..., tuple[np.ndarray, np.ndarray]],
  train: np.ndarray,
  queries: np.ndarray,
  bits: int,
  seed: int,
) -> tuple[float, float]:
  true = neighbors(train, queries)
  model = method.fit(train, jax.random.key(seed), num_bits=bits)
  codes, query_codes = (
    np.asarray(method.encode(model, x)) for x in (train, queries)
  )
  theirs = peer(train, queries, bits, seed)
  return recall(codes, query_codes, true), recall(*theirs, true=true)


def neighbors(train: np.ndarray, queries: np.ndarray) -> np.ndarray:
  """The nearest train rows of each query, by Euclidean distance."""
  index = faiss.IndexFlatL2(train.shape[1])
  index.add(train)
  return index.search(queries, NEIGHBORS)[1]


def recall(codes: np.ndarray, queries: np.ndarray, true: np.ndarray) -> float:
  """Share of the true neighbours among as many nearest codes, stably."""
  similar = queries.astype(np.float32) @ codes.astype(np.float32).T
  near = np.argsort(-similar, axis=1, kind='stable')[:, : true.shape[1]]
  return float(np.mean([np.isin(x, y).mean() for x, y in zip(true, near)]))


def faiss_pq_error(train: np.ndarray, bits: int, seed: int = 1234) -> float:
  """Mean squared distance to the reconstructions of faiss."""
  quantizer: Any = faiss.ProductQuantizer(train.shape[1], bits // 8, 8)
  quantizer.cp.seed = seed + 1
  quantizer.train(train)
  rebuilt = quantizer.decode(quantizer.compute_codes(train))
  return float(np.square(train - rebuilt).sum(axis=1).mean())


def faiss_opq_error(
  train: np.ndarray, bits: int, seed: int = 1234, num_iterations: int = 50
) -> float:
  """As `faiss_pq_error`, of rows that faiss has rotated."""
  rotation = faiss.OPQMatrix(train.shape[1], bits // 8)
  rotation.niter = num_iterations
  rotation.train(train)
  return faiss_pq_error(rotation.apply(train), bits, seed)


def faiss_itq_codes(
  train: np.ndarray, queries: np.ndarray, bits: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
  """Codes of train rows and queries; faiss makes them of unit length first."""
  transform = faiss.ITQTransform(train.shape[1], bits, True)
  transform.itq.seed = seed + 1
  transform.train(train)
  return _signs(transform.apply(train)), _signs(transform.apply(queries))


def faiss_lsh_codes(
  train: np.ndarray, queries: np.ndarray, bits: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
  """Codes of train rows and queries, by orthogonal hyperplanes."""
  index = faiss.IndexLSH(train.shape[1], bits, True, False)
  index.rrot.init(seed + 1)
  mean, apply = train.mean(axis=0), index.rrot.apply
  return _signs(apply(train - mean)), _signs(apply(queries - mean))


def _signs(logits: np.ndarray) -> np.ndarray:
  return np.where(logits >= 0, np.int8(1), np.int8(-1))


if __name__ == '__main__':
  app.run(main)
