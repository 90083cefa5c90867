"""Random search for words that are far apart."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from jaxhash.codewords._distances import signs_of_bits, words_far_from

DRAWS_AT_A_TIME = 2**11
# With so few bits it goes through all words in a random order, again and again:
# each time none is left that could be added.
FEW_BITS = 16


def greedy_words(
  generator: np.random.Generator,
  num_words: int,
  num_bits: int,
  distance: int,
  *,
  most_draws: int,
) -> Float32[np.ndarray, 'found bits']:
  """Draws words and keeps those that are far from all kept before.

  Args:
    generator: of the words.
    num_words: how many are wanted.
    num_bits: length of a word.
    distance: least distance, at least 1.
    most_draws: after which it gives up.

  Returns:
    -1/+1, `num_words` words, or fewer: the most it found.
  """
  best = np.empty((0, num_bits), np.float32)
  drawn = 0
  while drawn < most_draws:
    kept, more = _one_pass(
      generator, num_words, num_bits, distance, most_draws - drawn
    )
    drawn += more
    if len(kept) > len(best):
      best = kept
    if len(best) == num_words:
      break
  return best


def _one_pass(
  generator: np.random.Generator,
  num_words: int,
  num_bits: int,
  distance: int,
  limit: int,
) -> tuple[np.ndarray, int]:
  """What one pass kept, and how many words it drew."""
  order = None
  if num_bits <= FEW_BITS:
    order = generator.permutation(2**num_bits)
    limit = min(limit, len(order))
  kept = np.empty((num_words, num_bits), np.float32)
  count = drawn = 0
  while drawn < limit and count < num_words:
    size = min(DRAWS_AT_A_TIME, limit - drawn)
    if order is None:
      bits = generator.integers(0, 2, (size, num_bits), np.uint8)
    else:
      bits = order[drawn : drawn + size, None] >> np.arange(num_bits) & 1
    drawn += size
    words = words_far_from(signs_of_bits(bits), kept[:count], distance)
    far = words @ words.T <= num_bits - 2 * distance
    possible = np.ones(len(words), bool)
    for i in range(len(words)):
      if possible[i] and count < num_words:
        kept[count] = words[i]
        count += 1
        possible &= far[i]
  return kept[:count], drawn
