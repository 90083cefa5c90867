"""How far apart codewords can be: what is certain, and what is impossible."""

from __future__ import annotations

import math

from jaxhash.codewords.base import check_sizes

__all__ = ['gilbert_varshamov_distance', 'largest_distance']


def gilbert_varshamov_distance(num_classes: int, num_bits: int) -> int:
  """The least distance that MDSH and SHC ask of their codewords.

  .. math:: d = \\min \\{ d : 2^K / C \\le \\sum_{i=0}^{d-1} \\binom{K}{i} \\}

  for C classes and K bits; in whole numbers, for any number of bits.

  Args:
    num_classes: C, from 2 to `2**num_bits`.
    num_bits: K, at least 1.

  Returns:
    d, at least 1. Codewords `max(d - 1, 1)` apart exist for certain, which is
    the bound of Gilbert and Varshamov. Codewords d apart nearly always do; a
    code of few bits can be an exception, such as 5 words of 5 bits, where d is
    3 and 2 is the most (see `largest_distance`).

  Raises:
    ValueError: an argument is out of its range.

  Example:
    >>> gilbert_varshamov_distance(100, 64)
    24

  Source: SHC, Chen et al., TOIS 2025 :cite:p:`chen2025shc`, Eq. 13, after MDSH,
  Wang et al., CVPR 2023 :cite:p:`wang2023mdsh`.

  Departures: if more than half of all words are codewords, d is 1: the
  equation can give 2 there (16 bits and 40,000 classes), which is impossible.
  """
  check_sizes(num_classes, num_bits)
  num_classes, num_bits = int(num_classes), int(num_bits)
  if num_classes > 2 ** (num_bits - 1):
    return 1
  ball, distance = 1, 1
  while num_classes * ball < 2**num_bits:
    ball += math.comb(num_bits, distance)
    distance += 1
  return distance


def largest_distance(num_classes: int, num_bits: int) -> tuple[int, str]:
  """The greatest least distance that no classical bound excludes.

  Args:
    num_classes: codewords, from 2 to `2**num_bits`.
    num_bits: length, at least 1.

  Returns:
    The distance, and which bound excludes the next one: `'Singleton'`,
    `'Hamming'` or `'Plotkin'`. Codewords so far apart need not exist.

  Raises:
    ValueError: an argument is out of its range.

  Example:
    >>> largest_distance(64, 16)
    (7, 'Plotkin')

  Source: MacWilliams and Sloane, "The Theory of Error-Correcting Codes", 1977
  :cite:p:`macwilliams1977codes`, chapters 1 (Hamming, Singleton) and 2
  (Plotkin).
  """
  check_sizes(num_classes, num_bits)
  num_classes, num_bits = int(num_classes), int(num_bits)
  distance = 1
  while True:
    # Of one bit more than there are, Singleton leaves a single codeword.
    bounds = {
      'Singleton': 2 ** (num_bits - distance),
      'Hamming': _hamming(num_bits, distance + 1),
      'Plotkin': _plotkin(num_bits, distance + 1),
    }
    name = min(bounds, key=lambda name: bounds[name])
    if bounds[name] < num_classes:
      return distance, name
    distance += 1


def _hamming(length: int, distance: int) -> int:
  """Most words of a length whose balls of half the distance are disjoint."""
  if distance % 2 == 0:
    length, distance = length - 1, distance - 1
  radius = (distance - 1) // 2
  return 2**length // sum(math.comb(length, i) for i in range(radius + 1))


def _plotkin(length: int, distance: int) -> int:
  """Most words by their mean distance."""
  if distance % 2:
    # A(n, d) = A(n + 1, d + 1) for odd d: a parity bit, and back.
    length, distance = length + 1, distance + 1
  if 2 * distance > length:
    return 2 * (distance // (2 * distance - length))
  # A(n, d) <= 2 A(n - 1, d), down to the length 2 d, where it is 4 d.
  return 4 * distance * 2 ** (length - 2 * distance)
