"""All items within a Hamming radius, by a scan or by an exact index."""

from __future__ import annotations

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Int32, Int64, UInt64

from jaxhash._checks import check_int
from jaxhash.search.codes import AnyArray, Codes, check_same_bits, read_codes
from jaxhash.search.hamming import choose_backend, native_is_there
from jaxhash.search.topk import top_k

__all__ = ['Neighbors', 'RadiusIndex', 'build_radius_index', 'within_radius']

CANDIDATES_AT_A_TIME = 2**22
QUERIES_AT_A_TIME = 1024
FIRST_K = 64
WIDEST_KEY = 24  # bits; a table has an entry for each value of a key


class Neighbors(NamedTuple):
  """The items near each query, nearest first; equally near in their order.

  Those of query i are from `offsets[i]` to `offsets[i + 1]`.

  Attributes:
    offsets: int64 `[query + 1]`.
    distances: int32 `[items]`.
    indices: rows of the database, int32 `[items]`.
  """

  offsets: Int64[np.ndarray, 'offsets']
  distances: Int32[np.ndarray, 'items']
  indices: Int32[np.ndarray, 'items']


class Piece(NamedTuple):
  """A table of the items by some bits of their codes.

  Attributes:
    word: which 64-bit word the bits are in.
    first: the first of them, 0 for the highest bit of the word.
    width: their number.
    starts: where the items of each value begin, int64 `[2**width + 1]`.
    order: rows of the database sorted by the bits, int32 `[database]`.
  """

  word: int
  first: int
  width: int
  starts: Int64[np.ndarray, 'starts']
  order: Int32[np.ndarray, 'database']


@dataclasses.dataclass(frozen=True)
class RadiusIndex:
  """Finds all items within a radius without a scan; see `build_radius_index`.

  Attributes:
    words: the codes, uint64 `[words, database]`.
    num_bits: bits of a code.
    radius: greatest distance that can be asked for.
    pieces: a table for each piece of the codes.
  """

  words: UInt64[np.ndarray, 'words database']
  num_bits: int
  radius: int
  pieces: tuple[Piece, ...]


def build_radius_index(
  database_codes: AnyArray, radius: int, *, num_bits: int | None = None
) -> RadiusIndex:
  """Indexes codes for exact search within a small radius.

  Codes are cut into radius + 1 pieces. Two codes that differ in no more than
  radius bits agree in one piece at least, so that only items that share a
  piece with the query need be compared. That saves most where codes are
  spread evenly; items of one class that share their codes are all compared.

  Args:
    database_codes: `[database, bits]`, in any form that `read_codes` takes.
    radius: greatest distance that will be asked for, less than bits.
    num_bits: bits of packed codes.

  Returns:
    The index: the codes as 64-bit words, and for each piece 4 bytes an item
    and 8 bytes for each value of its bits, of which there are at most 24 and
    about as many as there are items.

  Raises:
    ValueError: the codes are not as `read_codes` wants them, or the radius is
      out of range.

  Example:
    >>> index = build_radius_index(np.array([[1, 1, 1], [-1, -1, 1]]), 1)
    >>> within_radius(np.array([[1, 1, -1]]), index, 1).indices.tolist()
    [0]

  Source: Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with
  Multi-Index Hashing", PAMI 2014 :cite:p:`norouzi2014multiindex`, for radii
  below the number of pieces.
  """
  codes = read_codes(database_codes, 'database codes', num_bits)
  check_int('radius', radius, 0)
  if radius >= codes.num_bits:
    raise ValueError(
      f'radius must be less than the {codes.num_bits} bits, got {radius}'
    )
  words = codes.words64()
  most = min(WIDEST_KEY, len(codes).bit_length() + 1)
  cuts = [codes.num_bits * i // (radius + 1) for i in range(radius + 2)]
  pieces = []
  for a, b in itertools.pairwise(cuts):
    # The longest run inside one word: that it agrees is necessary too.
    runs = [(a, min(b, a // 64 * 64 + 64)), (max(a, (b - 1) // 64 * 64), b)]
    first, last = max(runs, key=lambda run: run[1] - run[0])
    width = min(last - first, most)
    keys = _key(words, first // 64, first % 64, width)
    starts = np.zeros(2**width + 1, np.int64)
    np.cumsum(np.bincount(keys, minlength=2**width), out=starts[1:])
    order = np.argsort(keys, kind='stable').astype(np.int32)
    pieces.append(Piece(first // 64, first % 64, width, starts, order))
  return RadiusIndex(words, codes.num_bits, radius, tuple(pieces))


def within_radius(
  query_codes: AnyArray,
  database: AnyArray | RadiusIndex,
  radius: int,
  *,
  num_bits: int | None = None,
  block_size: int = 65536,
  backend: str | None = None,
  mesh: Mesh | None = None,
) -> Neighbors:
  """All items within a Hamming radius of each query; not for use under jit.

  Args:
    query_codes: `[query, bits]`, in any form that `read_codes` takes.
    database: codes `[database, bits]` in the same or another form, which are
      scanned; or an index, for which the arguments after `num_bits` do not
      matter.
    radius: greatest distance, at least 0; for an index at most its own.
    num_bits: bits of packed codes.
    block_size: database rows that are compared at once.
    backend: as for `choose_backend`; the result is the same.
    mesh: devices that share the database; None is the default device.

  Returns:
    The items of each query, nearest first; equally near ones by their order
    in the database. A query may have none.

  Raises:
    ValueError: the codes are not as `read_codes` wants them, the numbers of
      bits differ, or the radius or the block size is out of range.

  Example:
    >>> codes = np.array([[1, 1, 1], [1, 1, -1], [-1, -1, -1]])
    >>> near = within_radius(codes[:2], codes, 1)
    >>> near.offsets.tolist(), near.distances.tolist(), near.indices.tolist()
    ([0, 2, 4], [0, 1, 0, 1], [0, 1, 1, 0])
  """
  query = read_codes(query_codes, 'query codes', num_bits)
  check_int('radius', radius, 0)
  if isinstance(database, RadiusIndex):
    return _look_up(query, database, radius)
  items = read_codes(database, 'database codes', num_bits)
  check_same_bits(query, items)
  check_int('block_size', block_size, 1)
  backend = choose_backend(backend, native=mesh is None)
  if backend == 'native':
    from jaxhash.search import native

    return Neighbors(
      *native.within_radius(
        query.words64(), items.words64(), radius, query.num_bits
      )
    )
  parts = [
    _scan(
      query.rows(i, i + QUERIES_AT_A_TIME),
      items,
      radius,
      block_size,
      backend,
      mesh,
    )
    for i in range(0, len(query), QUERIES_AT_A_TIME)
  ]
  counts, distances, indices = (np.concatenate(part) for part in zip(*parts))
  return Neighbors(_offsets(counts), distances, indices)


def _scan(
  query: Codes,
  items: Codes,
  radius: int,
  block_size: int,
  backend: str,
  mesh: Mesh | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """As many nearest items as it takes to pass the radius."""
  k = min(FIRST_K, len(items))
  while True:
    distances, indices = (
      np.asarray(x)
      for x in top_k(
        query, items, k, block_size=block_size, backend=backend, mesh=mesh
      )
    )
    near = distances <= radius
    if k == len(items) or not near[:, -1].any():
      return near.sum(axis=1), distances[near], indices[near]
    k = min(8 * k, len(items))


def _look_up(query: Codes, index: RadiusIndex, radius: int) -> Neighbors:
  if query.num_bits != index.num_bits:
    raise ValueError(
      f'query codes have {query.num_bits} bits, those of the index '
      f'{index.num_bits}'
    )
  if radius > index.radius:
    raise ValueError(
      f'the index finds items within a radius of {index.radius}, got {radius}'
    )
  words = query.words64()
  spans = []
  for piece in index.pieces:
    keys = _key(words, piece.word, piece.first, piece.width)
    spans.append((piece.starts[keys], piece.starts[keys + 1]))
  candidates = sum(stop - start for start, stop in spans)
  parts = []
  group = np.cumsum(candidates) // CANDIDATES_AT_A_TIME
  cuts = np.flatnonzero(np.diff(group, prepend=-1))
  for a, b in zip(cuts, [*cuts[1:], len(query)]):
    part = [(start[a:b], stop[a:b]) for start, stop in spans]
    parts.append(_compare(words[:, a:b], index, radius, part))
  counts, distances, indices = (np.concatenate(part) for part in zip(*parts))
  return Neighbors(_offsets(counts), distances, indices)


def _compare(
  words: np.ndarray,
  index: RadiusIndex,
  radius: int,
  spans: list[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The candidates that are near, each once."""
  found = [
    _near_candidates(words, index.words, start, stop, piece.order, radius)
    for piece, (start, stop) in zip(index.pieces, spans)
  ]
  rows, distances, items = (np.concatenate(part) for part in zip(*found))
  order = np.lexsort((items, distances, rows))
  rows, distances, items = rows[order], distances[order], items[order]
  new = np.ones(len(rows), bool)
  new[1:] = (rows[1:] != rows[:-1]) | (items[1:] != items[:-1])
  counts = np.bincount(rows[new], minlength=words.shape[1])
  return counts, distances[new], items[new]


def _near_candidates(
  query: np.ndarray,
  database: np.ndarray,
  start: np.ndarray,
  stop: np.ndarray,
  order: np.ndarray,
  radius: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Queries, distances and items, of those candidates that are near."""
  if native_is_there():
    from jaxhash.search import native

    return native.among(query, database, start, stop, order, radius)
  count = stop - start
  rows = np.repeat(np.arange(len(count)), count)
  shift = np.repeat(start - (np.cumsum(count) - count), count)
  items = order[np.arange(len(rows)) + shift]
  distances = np.zeros(len(rows), np.int32)
  for q, x in zip(query, database):
    distances += np.bitwise_count(q[rows] ^ x[items])
  near = distances <= radius
  return rows[near], distances[near], items[near]


def _key(words: np.ndarray, word: int, first: int, width: int) -> np.ndarray:
  """Some bits of each code as a number, the first bit as the highest."""
  shift = np.uint64(64 - first - width)
  mask = np.uint64(2**width - 1)
  return ((words[word].byteswap() >> shift) & mask).astype(np.int64)


def _offsets(counts: np.ndarray) -> np.ndarray:
  return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
