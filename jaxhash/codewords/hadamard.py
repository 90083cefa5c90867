"""Hadamard matrices, and codewords from their rows."""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int8

from jaxhash._checks import check_int
from jaxhash.codewords.base import Codewords, check_sizes, with_report

__all__ = ['hadamard', 'hadamard_matrix']


def hadamard(
  key: jax.Array | None, num_classes: int, num_bits: int
) -> Codewords:
  """Codewords that are rows of a Hadamard matrix H, or their negatives.

  Two rows of H are K/2 apart, a row and its negative K. With a key, up to K
  classes get different rows, each with a random sign, so all are K/2 apart;
  more get a random choice of the 2K rows of H and -H. Without the signs the
  first bit would be the same in all codewords. With None, class i gets row i
  of H and then -H: the published order.

  Args:
    key: random key; or None.
    num_classes: C, from 2 to 2K.
    num_bits: K, an order that `hadamard_matrix` reaches.

  Returns:
    Codewords `[num_classes, num_bits]`. With a key, this works under
    `jax.jit` and `jax.vmap`.

  Raises:
    ValueError: more than 2K classes, or no matrix of that order.

  Example:
    >>> report = hadamard(jax.random.key(0), 10, 32).report
    >>> report['least_distance'], report['greatest_distance']
    (16, 16)

  Source: CSQ, Yuan et al., "Central Similarity Quantization for Efficient Image
  and Video Retrieval", CVPR 2020 :cite:p:`yuan2020csq`, Algorithm 1.

  Departures: the key; CSQ only has powers of two.
  """
  check_sizes(num_classes, num_bits)
  if num_classes > 2 * num_bits:
    raise ValueError(
      f'{num_bits} bits give 2 * {num_bits} = {2 * num_bits} Hadamard '
      f'codewords, fewer than the {num_classes} classes: take `separated`, '
      '`balanced` or more bits'
    )
  if key is None:
    matrix = hadamard_matrix(num_bits)
    return with_report(np.concatenate([matrix, -matrix])[:num_classes])
  return with_report(_random_rows(key, num_classes, num_bits))


def hadamard_matrix(order: int) -> Int8[np.ndarray, 'order order']:
  """A square matrix of -1/+1 whose rows are orthogonal.

  .. math:: H H^\\top = n I

  By Sylvester's construction where n is a power of two; Paley's first where
  n - 1 is a prime power of the form 4a + 3; Paley's second where n/2 - 1 is a
  prime power of the form 4a + 1; else doubled from n/2.

  Args:
    order: n: 1, 2, or a multiple of 4. Reached are all up to 128 but 92 and
      116, and many above.

  Returns:
    int8 -1/+1 `[order, order]`, its first row and first column +1.

  Raises:
    ValueError: none of these constructions reaches the order; the message
      names the nearest that are reached.

  Example:
    >>> hadamard_matrix(4).tolist()
    [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]

  Source: Paley, "On orthogonal matrices", Journal of Mathematics and Physics
  12, 1933 :cite:p:`paley1933orthogonal`.

  Departures: rows and columns are negated so that the first are +1.
  """
  check_int('order', order, 1)
  if not reached(order):
    below = next(n for n in range(order - 1, 0, -1) if reached(n))
    above = next(n for n in itertools.count(order + 1) if reached(n))
    raise ValueError(
      f'no Hadamard matrix of order {order} is constructed here; the nearest '
      f'orders are {below} and {above}'
    )
  matrix = _construct(int(order))
  matrix = matrix * matrix[:1]
  return matrix * matrix[:, :1]


def reached(order: int) -> bool:
  """Whether `hadamard_matrix` has an order."""
  if order <= 2:
    return True
  return order % 4 == 0 and (_paley(order) is not None or reached(order // 2))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _random_rows(
  key: jax.Array, num_classes: int, num_bits: int
) -> Int8[Array, 'classes bits']:
  matrix = jnp.asarray(hadamard_matrix(num_bits))
  rows_key, signs_key = jax.random.split(key)
  if num_classes > num_bits:
    rows = jax.random.permutation(rows_key, 2 * num_bits)[:num_classes]
    return jnp.concatenate([matrix, -matrix])[rows]
  rows = jax.random.permutation(rows_key, num_bits)[:num_classes]
  signs = jax.random.rademacher(signs_key, (num_classes, 1), jnp.int8)
  return matrix[rows] * signs


def _paley(order: int) -> tuple[int, int, int] | None:
  """Which of Paley's constructions has an order, and its field p^k."""
  for number, size in ((1, order - 1), (2, order // 2 - 1)):
    power = _prime_power(size)
    if power is not None and size % 4 == (3 if number == 1 else 1):
      return number, *power
  return None


def _construct(order: int) -> np.ndarray:
  if order == 1:
    return np.ones((1, 1), np.int8)
  paley = _paley(order)
  double = np.array([[1, 1], [1, -1]], np.int8)
  if order & (order - 1) == 0 or paley is None:
    return np.kron(double, _construct(order // 2))
  number, prime, degree = paley
  sign = -1 if number == 1 else 1
  core = _residue_matrix(prime, degree)
  border = np.zeros((len(core) + 1, len(core) + 1), np.int8)
  border[0, 1:] = 1
  border[1:, 0] = sign
  border[1:, 1:] = core
  identity = np.eye(len(border), dtype=np.int8)
  if number == 1:
    return border + identity
  corner = np.array([[1, -1], [-1, -1]], np.int8)
  return np.kron(border, double) + np.kron(identity, corner)


def _prime_power(number: int) -> tuple[int, int] | None:
  """The prime p and the exponent k of a number p^k."""
  if number < 2:
    return None
  limit = range(2, int(number**0.5) + 1)
  prime = next((p for p in limit if number % p == 0), number)
  exponent = 0
  while number % prime == 0:
    number //= prime
    exponent += 1
  return (prime, exponent) if number == 1 else None


def _residue_matrix(prime: int, degree: int) -> np.ndarray:
  """+1 where the difference of two field elements is a square, -1, or 0."""
  size = prime**degree
  character = np.full(size, -1, np.int8)
  character[_powers(prime, degree)[::2]] = 1
  character[0] = 0
  # Element e is the polynomial whose coefficients are the digits of e.
  places = prime ** np.arange(degree)
  digits = np.arange(size)[:, None] // places % prime
  difference = (digits[:, None] - digits[None]) % prime
  return character[difference @ places]


def _powers(prime: int, degree: int) -> list[int]:
  """All field elements but 0, as the powers of one of them."""
  size = prime**degree
  for low in itertools.product(range(prime), repeat=degree):
    # x^degree = low[0] + low[1] x + ...; for degree 1, x is a number.
    element = [1] + [0] * (degree - 1)
    powers = []
    for _ in range(size - 1):
      powers.append(sum(c * prime**i for i, c in enumerate(element)))
      top = element[-1]
      element = [(c + top * a) % prime for c, a in zip([0, *element[:-1]], low)]
    if len(set(powers)) == size - 1 and 0 not in powers:
      return powers
  raise AssertionError(f'{size} is no prime power')
