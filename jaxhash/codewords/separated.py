"""Codewords with a least distance that is asked for."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float32

from jaxhash._checks import check_int
from jaxhash.codewords._distances import signs_of_bits
from jaxhash.codewords._greedy import greedy_words
from jaxhash.codewords._known_codes import best_code
from jaxhash.codewords.base import (
  Codewords,
  check_sizes,
  numpy_generator,
  with_report,
)
from jaxhash.codewords.bounds import (
  gilbert_varshamov_distance,
  largest_distance,
)
from jaxhash.lookup import check_known

__all__ = ['separated']

SEARCHES = ('auto', 'greedy')

MOST_DRAWS = 2**19
# Where one less will do if the distance is not found.
FEW_DRAWS = 2**16


def separated(
  key: jax.Array | None,
  num_classes: int,
  num_bits: int,
  *,
  distance: int | None = None,
  search: str = 'auto',
) -> Codewords:
  """Codewords that all are at least so far apart.

  The search `'auto'` takes the code of the greatest least distance among
  Hadamard codes, the Nordstrom-Robinson code, extended BCH, Golay and
  quadratic residue codes, each shortened, punctured or lengthened to K bits,
  and a linear code that is grown bit by bit. If that is not enough, it goes on
  with `'greedy'`: random words are drawn, and kept if they are far from all
  kept before, up to 2^19 draws; or 2^16, if no distance is given. `mdsh` goes
  on from these codewords.

  Args:
    key: random key: which words of the code are taken, which class has which,
      the order of the bits and which of them are flipped. With None, class i
      has word i of the code as it is: not for words drawn at random.
    num_classes: C, from 2 to `2**num_bits`.
    num_bits: K, at least 1.
    distance: least Hamming distance, at least 1. None means the one of
      `gilbert_varshamov_distance`, or the next below it in the few cases where
      that is impossible or not found.
    search: `'auto'` or `'greedy'`.

  Returns:
    Codewords `[num_classes, num_bits]`, often farther apart than asked. The
    report adds `asked_distance` and `source`, the code they are from. They are
    made on the host, outside of `jax.jit`.

  Raises:
    ValueError: an argument is out of its range, or the key has no value; the
      distance is impossible, and the message names the bound and what it
      leaves; or nothing was found, though no bound excludes it.

  Example:
    >>> report = separated(jax.random.key(0), 100, 64).report
    >>> report['asked_distance'], report['least_distance'], report['source']
    (24, 32, 'Hadamard matrix of order 64')

  Source: the distance of MDSH, Wang et al., CVPR 2023 :cite:p:`wang2023mdsh`,
  and SHC, Chen et al., TOIS 2025 :cite:p:`chen2025shc`, Eq. 13. The codes:
  MacWilliams and Sloane, "The Theory of Error-Correcting Codes", 1977
  :cite:p:`macwilliams1977codes`, chapters 2 (Hadamard, Nordstrom-Robinson), 7,
  9 (BCH), 16 (quadratic residues) and 17 (Gilbert-Varshamov).
  """
  check_sizes(num_classes, num_bits)
  num_classes, num_bits = int(num_classes), int(num_bits)
  check_known('search', search, SEARCHES)
  if search == 'greedy' and key is None:
    raise ValueError('the greedy search is random and needs a key, got None')
  limit, bound = largest_distance(num_classes, num_bits)
  typical = gilbert_varshamov_distance(num_classes, num_bits)
  if distance is None:
    # One below what Gilbert and Varshamov promise exists for certain.
    asked = [d for d in (typical, typical - 1) if 1 <= d <= limit]
  else:
    check_int('distance', distance, 1)
    if distance > limit:
      raise ValueError(
        f'{num_classes} codewords of {num_bits} bits cannot all be {distance} '
        f'apart: the {bound} bound leaves a distance of at most {limit}'
      )
    asked = [int(distance)]
  generator = None if key is None else numpy_generator(key)
  most = 0
  for least in asked:
    words, source = _search(
      generator,
      num_classes,
      num_bits,
      least,
      known=search == 'auto',
      most_draws=FEW_DRAWS
      if distance is None and search == 'auto'
      else MOST_DRAWS,
    )
    if len(words) == num_classes:
      return _verified(words, least, source)
    most = max(most, len(words))
  raise ValueError(
    f'no {num_classes} codewords of {num_bits} bits that are {asked[-1]} apart '
    f'were found, though no bound excludes them (the {bound} bound leaves a '
    f'distance of up to {limit}): the known codes reach '
    f'{best_code(num_classes, num_bits).distance}, the random search found '
    f'{most} codewords{"" if generator else " (it needs a key, got None)"}; '
    f'the Gilbert-Varshamov distance is {typical}'
  )


def _search(
  generator: np.random.Generator | None,
  num_classes: int,
  num_bits: int,
  distance: int,
  *,
  known: bool,
  most_draws: int,
) -> tuple[Float32[np.ndarray, 'found bits'], str]:
  """Words -1/+1 and where they are from; too few if there is nothing else."""
  code = best_code(num_classes, num_bits) if known else None
  if code is None or code.distance < distance:
    if generator is None:
      return np.empty((0, num_bits), np.float32), 'nothing'
    words = greedy_words(
      generator, num_classes, num_bits, distance, most_draws=most_draws
    )
    return words, 'greedy random search'
  if generator is None:
    return signs_of_bits(code.words(np.arange(num_classes))), code.source
  words = signs_of_bits(
    code.words(generator.permutation(code.size)[:num_classes])
  )
  words *= signs_of_bits(generator.integers(0, 2, num_bits))
  return words[:, generator.permutation(num_bits)], code.source


def _verified(
  words: Float32[np.ndarray, 'classes bits'], distance: int, source: str
) -> Codewords:
  """The codewords and their report, which must keep what was promised."""
  made = with_report(
    words.astype(np.int8), asked_distance=distance, source=source
  )
  if made.report['least_distance'] < distance:
    raise RuntimeError(
      f'codewords from {source} should be {distance} apart, but are '
      f'{made.report["least_distance"]}: please report this'
    )
  return made
