"""Extended cyclic codes: BCH codes and quadratic residue codes.

A polynomial over two elements is an int: bit i is the coefficient of x^i.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

# Length of a quadratic residue code and its least distance when extended:
# MacWilliams and Sloane, chapter 16. Those that are better than BCH codes.
QUADRATIC_RESIDUE_CODES = {17: 6, 23: 8, 41: 10, 47: 12}


class CyclicCode(NamedTuple):
  """A cyclic code with a parity bit.

  Attributes:
    name: with `[length, dimension, distance]`.
    length: of the words with the parity bit.
    dimension: logarithm of the number of words.
    distance: least distance, or a lower bound of it.
    polynomial: its generator.
  """

  name: str
  length: int
  dimension: int
  distance: int
  polynomial: int


@functools.cache
def codes() -> tuple[CyclicCode, ...]:
  """The codes of up to 512 bits."""
  found = [code for degree in range(3, 10) for code in _bch_codes(degree)]
  for prime, distance in QUADRATIC_RESIDUE_CODES.items():
    length, dimension = prime + 1, (prime + 1) // 2
    kind = 'Golay' if prime == 23 else 'quadratic residue'
    name = f'extended {kind} code [{length}, {dimension}, {distance}]'
    polynomial = quadratic_residue_polynomial(prime)
    found.append(CyclicCode(name, length, dimension, distance, polynomial))
  return tuple(found)


def extended_generator(
  length: int, dimension: int, polynomial: int
) -> UInt8[np.ndarray, 'dimension length']:
  """A generator matrix: shifts of the polynomial, and a parity bit.

  If both length and dimension are lower by the same number than those of a
  cyclic code, this is that code, shortened: its words that end with zeros.
  """
  coefficients = [int(c) for c in reversed(f'{polynomial:b}')]
  generator = np.zeros((dimension, length), np.uint8)
  for i in range(dimension):
    generator[i, i : i + len(coefficients)] = coefficients
  generator[:, -1] = generator[:, :-1].sum(axis=1) % 2
  return generator


def quadratic_residue_polynomial(prime: int) -> int:
  """The generator of the cyclic code of the squares modulo a prime 8a +- 1."""
  squares = {i * i % prime for i in range(1, prime)}
  # Its generator is the divisor that x^p - 1 and its idempotent share.
  idempotent = sum(1 << i for i in squares) + (prime % 8 == 1)
  divisor, rest = (1 << prime) | 1, idempotent
  while rest:
    divisor, rest = rest, _remainder(divisor, rest)
  return divisor


def _bch_codes(degree: int) -> Iterator[CyclicCode]:
  """All primitive narrow-sense BCH codes of 2^degree bits with the parity."""
  length = 2**degree
  minimal = _minimal_polynomials(degree)
  exponents = [*minimal, length - 1]
  polynomial = 1
  for exponent, following in itertools.pairwise(exponents):
    polynomial = _product(polynomial, minimal[exponent])
    dimension = length - polynomial.bit_length()
    # Roots are the powers 1, ..., following - 1: the BCH bound is `following`,
    # and words of an even weight have one more.
    name = f'extended BCH code [{length}, {dimension}, {following + 1}]'
    yield CyclicCode(name, length, dimension, following + 1, polynomial)


def _minimal_polynomials(degree: int) -> dict[int, int]:
  """The minimal polynomials of powers of a primitive element, by exponent."""
  powers = _field_powers(degree)
  order = len(powers)
  logarithm = {power: i for i, power in enumerate(powers)}
  minimal: dict[int, int] = {}
  seen: set[int] = set()
  for exponent in range(1, order, 2):
    if exponent in seen:
      continue
    conjugates = {exponent * 2**i % order for i in range(degree)}
    seen |= conjugates
    coefficients = [1]  # in the field, lowest first
    for conjugate in conjugates:
      # Times x, plus times the root.
      shifted = [0, *coefficients]
      for i, c in enumerate(coefficients):
        if c:
          shifted[i] ^= powers[(logarithm[c] + conjugate) % order]
      coefficients = shifted
    minimal[exponent] = sum(c << i for i, c in enumerate(coefficients))
  return minimal


def _field_powers(degree: int) -> list[int]:
  """The powers of x modulo the first primitive polynomial of a degree."""
  for polynomial in range(2**degree + 1, 2 ** (degree + 1), 2):
    powers = [1]
    while len(powers) < 2**degree:
      element = powers[-1] << 1
      powers.append(min(element, element ^ polynomial))
      if powers[-1] == 1:
        break
    if len(powers) == 2**degree:
      return powers[:-1]
  raise AssertionError(f'no primitive polynomial of degree {degree}')


def _product(first: int, second: int) -> int:
  """The product of two polynomials."""
  shifts = (first << i for i in range(second.bit_length()) if second >> i & 1)
  return functools.reduce(int.__xor__, shifts, 0)


def _remainder(dividend: int, divisor: int) -> int:
  """What is left of a polynomial modulo another."""
  while dividend.bit_length() >= divisor.bit_length():
    dividend ^= divisor << dividend.bit_length() - divisor.bit_length()
  return dividend
