"""The code with the greatest least distance that is known here.

Hadamard codes, the Nordstrom-Robinson code, and linear codes: extended BCH and
quadratic residue codes, made shorter or longer, or grown from nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from jaxhash.codewords import _cyclic, _linear
from jaxhash.codewords.bounds import gilbert_varshamov_distance
from jaxhash.codewords.hadamard import hadamard_matrix, reached

# Of the cyclic codes that are tried: those with the best prospects.
MOST_TRIED = 3


class Code(NamedTuple):
  """A code.

  Attributes:
    size: how many words it has.
    distance: that any two of its words have at least.
    source: what it is made from.
    words: gives the bits of the words of numbers below `size`.
  """

  size: int
  distance: int
  source: str
  words: Callable[[np.ndarray], np.ndarray]


@functools.lru_cache(maxsize=64)
def best_code(num_classes: int, num_bits: int) -> Code:
  """The code of the greatest distance that has enough words.

  Args:
    num_classes: least number of words, from 2 to `2**num_bits`.
    num_bits: length of the words.
  """
  codes = [
    *_hadamard_codes(num_bits),
    *_nordstrom_robinson_codes(num_bits),
    *_linear_codes((num_classes - 1).bit_length(), num_bits),
  ]
  # Of equals the first: with Hadamard codewords all pairs are as far apart.
  return max(
    (code for code in codes if code.size >= num_classes),
    key=lambda code: code.distance,
  )


def _hadamard_codes(num_bits: int) -> Iterator[Code]:
  """Rows and negatives of a Hadamard matrix of about as many columns."""
  for order in range(num_bits, num_bits + 8):
    if order % 4 == 0 and reached(order):
      name = f'Hadamard matrix of order {order}'
      matrix = hadamard_matrix(order)
      table = np.concatenate([matrix, -matrix]) < 0
      yield from _cut(table.astype(np.uint8), order // 2, name, num_bits)


def _nordstrom_robinson_codes(num_bits: int) -> Iterator[Code]:
  """The Nordstrom-Robinson code (16, 256, 6), where the length is near."""
  if not 8 <= num_bits <= 16:
    return
  polynomial = _cyclic.quadratic_residue_polynomial(23)
  columns = _linear.columns_of(_cyclic.extended_generator(24, 12, polynomial))
  golay = _linear.words(columns, np.arange(2**12))
  octad = golay[(golay.sum(axis=1) == 8).argmax()] == 1
  inside, outside = golay[:, octad], golay[:, ~octad]
  weight = inside.sum(axis=1)
  chosen = (weight == 0) | ((weight == 2) & (inside[:, -1] == 1))
  yield from _cut(outside[chosen], 6, 'Nordstrom-Robinson code', num_bits)


def _cut(
  table: np.ndarray, distance: int, name: str, num_bits: int
) -> Iterator[Code]:
  """Codes of a length from a code: shortened up to three times, punctured.

  To shorten is to take the words that begin with 0 and to drop that bit: half
  of the words, at the same distance. To puncture is to drop a bit of all.
  """
  for shortened in range(4):
    spare = table.shape[1] - num_bits
    if spare < 0 or distance - spare < 1 or len(table) < 2:
      return
    words = table[:, spare:]
    yield Code(
      len(words),
      distance - spare,
      name + _cuts(table.shape[1], shortened, spare),
      functools.partial(np.take, words, axis=0),
    )
    table = table[table[:, 0] == 0, 1:]


def _cuts(length: int, shortened: int, spare: int) -> str:
  """What was done to a code: the length in between, the change after it."""
  text = f', shortened to {length} bits' if shortened else ''
  if spare > 0:
    text += f', punctured to {length - spare} bits'
  if spare < 0:
    text += f', lengthened to {length - spare} bits'
  return text


def _linear_codes(dimension: int, num_bits: int) -> Iterator[Code]:
  """Linear codes of a length and dimension."""
  if dimension == 1:
    words = functools.partial(_linear.words, np.ones(num_bits, np.int64))
    yield Code(2, num_bits, 'a word and its opposite', words)
    return
  if num_bits - dimension <= 1:
    columns = 1 << np.arange(dimension)
    name = 'all words'
    if dimension < num_bits:
      columns, name = np.append(columns, 2**dimension - 1), 'even words'
    distance = num_bits - dimension + 1
    words = functools.partial(_linear.words, columns)
    yield Code(2**dimension, distance, name, words)
    return
  tried = sorted(
    (code for code in _cyclic.codes() if code.dimension >= dimension),
    key=lambda code: _prospects(code, dimension, num_bits),
    reverse=True,
  )
  for code in tried[:MOST_TRIED]:
    shortened = code.dimension - dimension
    length = code.length - shortened
    generator = _cyclic.extended_generator(length, dimension, code.polynomial)
    yield _resized(
      _linear.columns_of(generator),
      dimension,
      num_bits,
      code.name + _cuts(length, shortened, length - num_bits),
    )
  name = f'linear code of dimension {dimension}, grown bit by bit'
  yield _resized(np.zeros(0, np.int64), dimension, num_bits, name)


def _prospects(
  code: _cyclic.CyclicCode, dimension: int, num_bits: int
) -> float:
  """How good a code of a length may get from a cyclic code.

  Its distance above what random codes reach; of which less remains the more
  its length must change.
  """
  length = code.length - (code.dimension - dimension)
  typical = gilbert_varshamov_distance(2**dimension, length)
  change = abs(num_bits - length) / num_bits
  return (code.distance - typical) * max(0.0, 1 - change)


def _resized(
  columns: np.ndarray, dimension: int, num_bits: int, source: str
) -> Code:
  columns = _linear.resize(columns, dimension, num_bits)
  return Code(
    2**dimension,
    _linear.least_weight(columns, dimension),
    source,
    functools.partial(_linear.words, columns),
  )
