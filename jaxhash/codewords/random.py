"""Codewords that are drawn at random."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int8

from jaxhash._checks import check_int
from jaxhash.codewords._distances import (
  all_apart,
  inner_product_sum,
  nearest_distances,
  signs_of_bits,
)
from jaxhash.codewords.base import (
  Codewords,
  check_has_value,
  check_sizes,
  numpy_generator,
  with_report,
)
from jaxhash.codewords.hadamard import hadamard

__all__ = ['balanced', 'bernoulli', 'central', 'maxhd']

CANDIDATES_AT_A_TIME = 4096


def bernoulli(key: jax.Array, num_classes: int, num_bits: int) -> Codewords:
  """Codewords of independent bits, -1 or +1 with equal probability.

  Two of them are K/2 apart on average, with standard deviation sqrt(K)/2.

  Args:
    key: random key.
    num_classes: C, from 2 to `2**num_bits`.
    num_bits: K, at least 1.

  Returns:
    Codewords `[num_classes, num_bits]`; few bits may repeat one, which the
    report counts. This works under `jax.jit` and `jax.vmap`.

  Raises:
    ValueError: an argument is out of its range.

  Example:
    >>> bernoulli(jax.random.key(0), 10, 64).codewords.shape
    (10, 64)

  Source: OrthoHash, Hoe et al., "One Loss for All: Deep Hashing with a Single
  Cosine Similarity based Learning Objective", NeurIPS 2021
  :cite:p:`hoe2021orthohash`: its default.
  """
  check_sizes(num_classes, num_bits)
  return with_report(
    jax.random.rademacher(key, (num_classes, num_bits), jnp.int8)
  )


def balanced(key: jax.Array, num_classes: int, num_bits: int) -> Codewords:
  """Codewords with as many -1 as +1, else drawn uniformly.

  Args:
    key: random key.
    num_classes: C, from 2 to `2**num_bits`.
    num_bits: K, at least 1. If it is odd, each codeword has one more of -1 or
      of +1, either with probability 1/2.

  Returns:
    Codewords `[num_classes, num_bits]`; few bits may repeat one, which the
    report counts. This works under `jax.jit` and `jax.vmap`.

  Raises:
    ValueError: an argument is out of its range.

  Example:
    >>> balanced(jax.random.key(0), 3, 64).codewords.sum(axis=1).tolist()
    [0, 0, 0]

  Source: CSQ, Yuan et al., CVPR 2020 :cite:p:`yuan2020csq`, without its
  selection, which is `central`.

  Departures: CSQ asks for an even number of bits.
  """
  _check_balanced(num_classes, num_bits)
  return with_report(_balanced_words(key, num_classes, num_bits))


def central(
  key: jax.Array | None,
  num_classes: int,
  num_bits: int,
  *,
  num_tries: int = 20,
) -> Codewords:
  """CSQ's hash centers: Hadamard codewords where there are, else random ones.

  If K is a power of two and C is at most 2K, `hadamard`. Else `balanced`
  codewords are drawn until the least distance is above K/4 and the mean
  distance at least K/2; if no draw is so, the last is taken.

  Args:
    key: random key; None gives Hadamard codewords in the published order,
      where there are any.
    num_classes: C, from 2 to `2**num_bits`.
    num_bits: K, at least 1.
    num_tries: most draws, at least 1.

  Returns:
    Codewords `[num_classes, num_bits]`. The report of random ones adds
    `accepted`, whether they are as asked. Random ones are searched on the
    host, outside of `jax.jit`.

  Raises:
    ValueError: an argument is out of its range; or there is no key, or one
      without a value, for random codewords.

  Example:
    >>> report = central(jax.random.key(0), 20, 48).report
    >>> report['accepted'], report['least_distance'] > 12
    (True, True)

  Source: CSQ, Yuan et al., "Central Similarity Quantization for Efficient Image
  and Video Retrieval", CVPR 2020 :cite:p:`yuan2020csq`, Algorithm 1, and their
  released code (the two conditions, 20 draws).

  Departures: with a key, which rows of the Hadamard matrix are taken, and
  their signs, is random. The first rows, as published, have a bit that never
  changes and, for few classes, bits that are always the same as others: on
  features of CIFAR-10 with 32 bits they score .014 less. For an odd K see
  `balanced`.
  """
  check_sizes(num_classes, num_bits)
  check_int('num_tries', num_tries, 1)
  if num_classes <= 2 * num_bits and num_bits & (num_bits - 1) == 0:
    return hadamard(key, num_classes, num_bits)
  if key is None:
    raise ValueError(
      f'{num_classes} classes and {num_bits} bits have no published order: '
      'random codewords need a key, got None'
    )
  check_has_value(key)
  _check_balanced(num_classes, num_bits)
  with jax.ensure_compile_time_eval():  # a known key is known under jit too
    for draw in jax.random.split(key, num_tries):
      words = np.asarray(_balanced_words(draw, num_classes, num_bits))
      accepted = _is_central(words)
      if accepted:
        break
  return with_report(words, accepted=accepted)


def maxhd(
  key: jax.Array,
  num_classes: int,
  num_bits: int,
  *,
  start: float = 0.61,
  step: float = 0.01,
  least: float = 0.2,
  num_rejections: int = 10_000,
) -> Codewords:
  """Random codewords, each accepted only if it is far from those before it.

  A word is accepted if its distance to all accepted ones is at least
  t = `start` of its bits. After `num_rejections` rejections in a row, t falls
  by `step`. At the end the codewords are permuted at random.

  Args:
    key: random key.
    num_classes: C, from 2 to `2**num_bits`.
    num_bits: K, at least 1.
    start: first t, from 0 to 1.
    step: above 0.
    least: the search fails when t falls below it; from 0 to `start`.
    num_rejections: at least 1.

  Returns:
    Codewords `[num_classes, num_bits]`; the report adds `asked_distance`, the
    last t. They are searched on the host, outside of `jax.jit`.

  Raises:
    ValueError: an argument is out of its range, the key has no value, or the
      search fails.

  Example:
    >>> report = maxhd(jax.random.key(0), 10, 16, num_rejections=100).report
    >>> report['least_distance'] >= 16 * report['asked_distance']
    True

  Source: OrthoHash, Hoe et al., NeurIPS 2021 :cite:p:`hoe2021orthohash`,
  supplement ("MaxHD"), and their released code.

  Departures: t is a decimal number without rounding errors. The released code
  counts all rejections since t last fell, not those in a row, and so lowers it
  sooner.
  """
  check_sizes(num_classes, num_bits)
  check_int('num_rejections', num_rejections, 1)
  if not (0 <= least <= start <= 1 and step > 0):
    raise ValueError(
      'maxhd needs 0 <= least <= start <= 1 and step > 0, got '
      f'least={least}, start={start}, step={step}'
    )
  generator = numpy_generator(key)
  # Decimal as it was written: 0.61 - 0.01 is 0.6, as floats it is less.
  asked, decrement, end = (Fraction(str(x)) for x in (start, step, least))
  kept = np.empty((num_classes, num_bits), np.float32)
  count = rejected = 0
  while count < num_classes:
    batch = _candidates(generator, CANDIDATES_AT_A_TIME, num_bits)
    nearest = nearest_distances(batch, kept[:count])
    at = 0
    while at < len(batch) and count < num_classes:
      good = nearest[at:] >= math.ceil(asked * num_bits)
      ahead = int(good.argmax()) if good.any() else len(good)
      if rejected + ahead >= num_rejections:
        at += num_rejections - rejected
        rejected = 0
        asked -= decrement
        if asked < end:
          raise ValueError(
            f'only {count} of {num_classes} codewords of {num_bits} bits were '
            f'found before the distance asked for fell below {least} of the '
            'bits: take `separated`, more bits or a lower `least`'
          )
        continue
      rejected += ahead
      at += ahead
      if at < len(batch):
        kept[count] = batch[at]
        count, rejected, at = count + 1, 0, at + 1
        distance = nearest_distances(batch[at:], kept[count - 1 : count])
        np.minimum(nearest[at:], distance, out=nearest[at:])
  words = generator.permutation(kept).astype(np.int8)
  return with_report(words, asked_distance=float(asked))


def _candidates(
  generator: np.random.Generator, count: int, num_bits: int
) -> np.ndarray:
  """Random words; the stream of bits does not depend on how many at a time."""
  return signs_of_bits(generator.random((count, num_bits)) < 0.5)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _balanced_words(
  key: jax.Array, num_classes: int, num_bits: int
) -> Int8[Array, 'classes bits']:
  place_key, odd_key = jax.random.split(key)
  # To sort random numbers is to permute the places of each row uniformly.
  numbers = jax.random.bits(place_key, (num_classes, num_bits))
  ranks = jnp.argsort(numbers, axis=1)
  odd = jax.random.bernoulli(odd_key, 0.5, (num_classes, 1))
  ones = num_bits // 2 + odd.astype(ranks.dtype) * (num_bits % 2)
  return jnp.where(ranks < ones, jnp.int8(1), jnp.int8(-1))


def _check_balanced(num_classes: int, num_bits: int) -> None:
  """Raises a ValueError where there are fewer balanced codewords."""
  check_sizes(num_classes, num_bits)
  there = math.comb(num_bits, num_bits // 2) * (1 + num_bits % 2)
  if num_classes > there:
    raise ValueError(
      f'{num_bits} bits have {there} balanced codewords, fewer than the '
      f'{num_classes} classes'
    )


def _is_central(words: Int8[np.ndarray, 'classes bits']) -> bool:
  """Whether least and mean distance are as CSQ wants them."""
  # A mean distance of K/2 is a mean inner product of 0.
  if inner_product_sum(words) > 0:
    return False
  return all_apart(words.astype(np.float32), words.shape[1] // 4 + 1)
