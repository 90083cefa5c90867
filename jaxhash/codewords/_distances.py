"""Hamming distances of many words of -1/+1 on the host, block by block."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int32, Integer

PAIRS_AT_A_TIME = 2**22


def nearest_distances(
  words: Float32[np.ndarray, 'words bits'],
  others: Float32[np.ndarray, 'others bits'],
) -> Int32[np.ndarray, 'words']:
  """The distance of each word to the nearest of others.

  Args:
    words: -1/+1; float32 for the speed of its matrix products, exact here.
    others: -1/+1; if there are none, a distance is bits + 1.
  """
  bits = words.shape[1]
  product = np.full(len(words), -bits - 2, np.float32)
  rows = max(1, PAIRS_AT_A_TIME // max(1, len(words)))
  for i in range(0, len(others), rows):
    block = words @ others[i : i + rows].T
    np.maximum(product, block.max(axis=1), out=product)
  return ((bits - product) / 2).astype(np.int32)


def words_far_from(
  words: Float32[np.ndarray, 'words bits'],
  others: Float32[np.ndarray, 'others bits'],
  distance: int,
) -> Float32[np.ndarray, 'rest bits']:
  """Those words of -1/+1 that are at least so far from all others."""
  limit = words.shape[1] - 2 * distance
  rows = 2**11
  for i in range(0, len(others), rows):
    product = words @ others[i : i + rows].T
    words = words[(product <= limit).all(axis=1)]
  return words


def all_apart(words: Float32[np.ndarray, 'words bits'], distance: int) -> bool:
  """Whether all words of -1/+1 are at least so far apart."""
  limit = words.shape[1] - 2 * distance
  rows = max(1, PAIRS_AT_A_TIME // len(words))
  for i in range(0, len(words), rows):
    product = words[i : i + rows] @ words[i:].T
    np.fill_diagonal(product, -np.inf)
    if product.max() > limit:
      return False
  return True


def signs_of_bits(
  bits: Integer[np.ndarray, '*words bits'] | Bool[np.ndarray, '*words bits'],
) -> Float32[np.ndarray, '*words bits']:
  """-1 where a bit is 1, and +1 where it is 0: the sign (-1)^bit."""
  return np.where(bits, np.float32(-1), np.float32(1))


def inner_product_sum(words: Integer[np.ndarray, 'words bits']) -> int:
  """The sum of the inner products of all ordered pairs of words."""
  column = words.sum(axis=0, dtype=np.int64)
  return int(column @ column) - words.size
