"""Binary linear codes as lists of columns, and codes made from codes.

Column j of a code of dimension k is a number of k bits: bit j of the word of
message m, also k bits, is the parity of the bits that both have.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64, UInt8


def least_weight(columns: Int64[np.ndarray, 'bits'], dimension: int) -> int:
  """The least distance of a code: the least weight of its words but zero."""
  return int(_weights(columns, dimension)[1:].min())


def resize(
  columns: Int64[np.ndarray, 'bits'], dimension: int, num_bits: int
) -> Int64[np.ndarray, 'num_bits']:
  """Drops or adds columns, one by one, for a large least distance.

  Each time it takes the column that leaves the least `sum(2**-weight)` over all
  words but zero. The sums for all columns are one Walsh-Hadamard transform.
  """
  left = columns.tolist()
  messages = np.arange(2**dimension)
  weights = _weights(columns, dimension)
  while len(left) != num_bits:
    gap = weights - weights[1:].min()
    # Without the smallest, float64 holds all sums exactly: the same code on
    # every machine, whatever the order of summation.
    counts = (gap >= 0) & (gap <= 52 - dimension)  # not the word of zeros
    urgency = np.where(counts, np.ldexp(1.0, -np.where(counts, gap, 0)), 0.0)
    urgency[0] = 0
    # For each column: the sum over words it misses, less that over the others.
    missed = _transform(urgency)
    if len(left) > num_bits:
      column = left.pop(int(missed[left].argmax()))
      weights -= _parity(messages, column)
    else:
      column = int(missed.argmin())
      left.append(column)
      weights += _parity(messages, column)
  return np.array(left, np.int64)


def words(
  columns: Int64[np.ndarray, 'bits'], messages: Int64[np.ndarray, 'words']
) -> UInt8[np.ndarray, 'words bits']:
  """The words of messages as bits."""
  table = np.empty((len(messages), len(columns)), np.uint8)
  for j, column in enumerate(columns.tolist()):
    table[:, j] = _parity(messages, column)
  return table


def columns_of(
  generator: UInt8[np.ndarray, 'dimension bits'],
) -> Int64[np.ndarray, 'bits']:
  """The columns of a generator matrix of bits."""
  places = np.int64(1) << np.arange(len(generator))
  return places @ generator.astype(np.int64)


def _parity(messages: np.ndarray, column: int) -> np.ndarray:
  return np.bitwise_count(messages & column) & 1


def _weights(
  columns: Int64[np.ndarray, 'bits'], dimension: int
) -> Int64[np.ndarray, 'words']:
  """The weights of the words of all messages."""
  counts = np.bincount(columns, minlength=2**dimension).astype(np.float64)
  return ((len(columns) - _transform(counts)) / 2).astype(np.int64)


def _transform(values: Float[np.ndarray, 'size']) -> Float[np.ndarray, 'size']:
  """The sums of values with the signs (-1)^parity(i & j), for each i."""
  # Each turn transforms the lowest bit of the index, and makes it the highest.
  for _ in range(len(values).bit_length() - 1):
    even, odd = values[::2], values[1::2]
    values = np.concatenate([even + odd, even - odd])
  return values
