"""How good and how fast shallow methods are: jaxhash beside faiss.

  python -m benchmarks.quantizers --features=FOLDER
  python -m benchmarks.quantizers --features=FOLDER --lengths=32 --draws=5

On features with an official train and test part, `train_features.npy` and so
on: the error of product quantisers, which is the mean squared distance of a
train row to its reconstruction, and the seconds of fitting, compiled before;
then, of binary codes, how many of the 100 nearest neighbours of a query by
Euclidean distance are among the 100 nearest by Hamming distance. Each draw has
its own train rows and seed; the intervals are those of the mean over draws,
95%. PQ takes 25 iterations and OPQ 50, as faiss does by itself; one of OPQ has
one step of Lloyd here, and four there. ITQ is of rows of unit length about the
mean, as faiss has them inside. Prints the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import faiss
import jax
import numpy as np
from absl import flags

from benchmarks.measure import measure, table
from experiments.tables import interval
from jaxhash import commands
from jaxhash.data.sources.arrays import arrays
from jaxhash.shallow import itq, lsh, opq, pq

FEATURES = flags.DEFINE_string(
  'features',
  None,
  'Folder of train_features.npy, train_labels.npy, test_features.npy and '
  'test_labels.npy; needed.',
)
LENGTHS = flags.DEFINE_multi_integer(
  'lengths', [16, 32, 64], 'Bits of a code', lower_bound=1
)
DRAWS = flags.DEFINE_integer(
  'draws', 3, 'Number of draws of train rows and seeds.', lower_bound=2
)
ROWS = flags.DEFINE_integer(
  'train_rows', 10_000, 'Rows of a draw, which are fitted.', lower_bound=1
)
QUERIES = flags.DEFINE_integer(
  'test_rows', 500, 'Test rows, the queries of the recall.', lower_bound=1
)

NEIGHBORS = 100


class Quantizer(NamedTuple):
  """A fitted quantiser of faiss, and the rotation before it, if any."""

  rotation: Any
  quantizer: Any


def main() -> None:
  """Prints the tables."""
  if FEATURES.value is None:
    commands.fail('--features=FOLDER is needed')
  try:
    dataset = arrays(folder=FEATURES.value)
  except (OSError, ValueError) as e:
    commands.fail(str(e))
  if dataset.num_official_train is None:
    commands.fail(f'{FEATURES.value} has no official test part')
  features, queries = (
    np.asarray(dataset.inputs[part], np.float32)
    for part in (
      slice(dataset.num_official_train),
      slice(
        dataset.num_official_train, dataset.num_official_train + QUERIES.value
      ),
    )
  )
  draws = [
    np.random.default_rng(seed).permutation(features)[: ROWS.value]
    for seed in range(DRAWS.value)
  ]
  errors: list[list[Any]] = []
  recalls: list[list[Any]] = []
  for bits in LENGTHS.value:
    for name, method, peer in (('PQ', pq, faiss_pq), ('OPQ', opq, faiss_opq)):
      method.fit(draws[0], jax.random.key(0), num_bits=bits)  # compiles
      found = [
        _fitted(method, peer, train, bits, seed)
        for seed, train in enumerate(draws)
      ]
      ours, theirs, *seconds = zip(*found)
      errors.append(
        [name, bits, *_cells([ours, theirs], 2), *_cells(seconds, 1)[:2]]
      )
    for name, method, codes, prepare in (
      ('ITQ', itq, faiss_itq_codes, unit_rows),
      ('LSH', lsh, faiss_lsh_codes, lambda *rows: rows),
    ):
      recalled = [
        _recalls(method, codes, prepare, train, queries, bits, seed)
        for seed, train in enumerate(draws)
      ]
      recalls.append([name, bits, *_cells(list(zip(*recalled)), 4)])
  columns = ['method', 'bits', 'jaxhash', 'faiss', 'ratio']
  print(f'\nerror on {ROWS.value} rows, and seconds of fit')
  print(table([*columns, 'jaxhash s', 'faiss s'], errors))
  print(f'\nrecall@{NEIGHBORS} of {len(queries)} queries')
  print(table(columns, recalls))


def _fitted(
  method: Any,
  peer: Callable[..., Quantizer],
  train: np.ndarray,
  bits: int,
  seed: int,
) -> tuple[float, float, float, float]:
  """Our error and that of faiss, and the seconds of fitting, likewise."""
  ours = measure(partial(_final_error, method, train, bits, seed), repeats=1)
  theirs = measure(partial(peer, train, bits, seed), repeats=1)
  error = quantization_error(theirs.result, train)
  return ours.result, error, ours.seconds, theirs.seconds


def _final_error(method: Any, train: np.ndarray, bits: int, seed: int) -> float:
  model = method.fit(train, jax.random.key(seed), num_bits=bits)
  return float(model.errors[-1])


def _cells(values: Sequence[Sequence[float]], digits: int) -> list[str]:
  """Our mean with its interval, that of faiss, and the ratio of the means."""
  cells = [
    f'{np.mean(row):.{digits}f} +- {interval(row):.{digits}f}' for row in values
  ]
  return [*cells, f'{np.mean(values[0]) / np.mean(values[1]):.3f}']


def _recalls(
  method: Any,
  peer: Callable[..., tuple[np.ndarray, np.ndarray]],
  prepare: Callable[..., tuple[np.ndarray, np.ndarray]],
  train: np.ndarray,
  queries: np.ndarray,
  bits: int,
  seed: int,
) -> tuple[float, float]:
  true = neighbors(train, queries)
  rows = prepare(train, queries)
  model = method.fit(rows[0], jax.random.key(seed), num_bits=bits)
  codes, query_codes = (np.asarray(method.encode(model, x)) for x in rows)
  theirs = peer(train, queries, bits, seed)
  return recall(codes, query_codes, true), recall(*theirs, true=true)


def unit_rows(
  train: np.ndarray, queries: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """About the mean of train and of unit length."""
  mean = train.mean(axis=0)
  train, queries = (
    (x - mean) / np.linalg.norm(x - mean, axis=1, keepdims=True)
    for x in (train, queries)
  )
  return train, queries


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


def faiss_pq(train: np.ndarray, bits: int, seed: int = 1234) -> Quantizer:
  """A product quantiser of 8 bits a codebook."""
  quantizer: Any = faiss.ProductQuantizer(train.shape[1], bits // 8, 8)
  quantizer.cp.seed = seed + 1
  quantizer.train(train)
  return Quantizer(None, quantizer)


def faiss_opq(
  train: np.ndarray, bits: int, seed: int = 1234, num_iterations: int = 50
) -> Quantizer:
  """The same of rows that are rotated; it is fitted again at the end."""
  rotation = faiss.OPQMatrix(train.shape[1], bits // 8)
  rotation.niter = num_iterations
  rotation.train(train)
  quantizer = faiss_pq(rotation.apply(train), bits, seed).quantizer
  return Quantizer(rotation, quantizer)


def quantization_error(fitted: Quantizer, rows: np.ndarray) -> float:
  """Mean squared distance of rows to their reconstructions."""
  rotation, quantizer = fitted
  rows = rows if rotation is None else rotation.apply(rows)
  rebuilt = quantizer.decode(quantizer.compute_codes(rows))
  return float(np.square(rows - rebuilt).sum(axis=1).mean())


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
  commands.run(main)
