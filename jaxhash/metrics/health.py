"""Health of codes and codewords: what a good mAP can hide."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Array, Int8

from jaxhash.search.validation import check_codes

__all__ = ['code_health', 'codeword_health']

ROWS_AT_A_TIME = 2**16
PAIRS_AT_A_TIME = 2**24


def code_health(codes: Int8[Array | np.ndarray, 'n bits']) -> dict[str, Any]:
  """How evenly and how independently codes use their bits.

  Args:
    codes: int8 -1/+1, `[n, bits]`.

  Returns:
    Plain values: `mean_bit_imbalance` and `worst_bit_imbalance`, the absolute
    mean of a bit, 0 if it is -1 as often as +1; `mean_bit_correlation` and
    `worst_bit_correlation`, the absolute correlation of two bits, without
    those that never change (0 if fewer than two change); `constant_bits`,
    their number; `mean_bit_entropy` from 0 to 1; `distinct_codes` and
    `distinct_fraction`, their number over n.

  Raises:
    ValueError: the codes are not int8 -1/+1 `[n, bits]`.

  Example:
    >>> health = code_health(np.array([[1, 1], [1, -1]], np.int8))
    >>> health['worst_bit_imbalance'], health['constant_bits']
    (1.0, 1)
  """
  codes = _on_host(codes, 'codes')
  n, num_bits = codes.shape
  gram = np.zeros((num_bits, num_bits))
  for i in range(0, n, ROWS_AT_A_TIME):
    # float32 holds the integers up to 2^24 of a block exactly.
    block = codes[i : i + ROWS_AT_A_TIME].astype(np.float32)
    gram += block.T @ block
  mean = codes.sum(axis=0, dtype=np.int64) / n
  varies = np.abs(mean) < 1
  covariance = (gram / n - np.outer(mean, mean))[np.ix_(varies, varies)]
  deviation = np.sqrt(1 - mean[varies] ** 2)
  correlation = np.abs(covariance / np.outer(deviation, deviation))
  pairs = correlation[np.triu_indices(len(correlation), k=1)].clip(max=1.0)
  share = np.stack([1 + mean, 1 - mean]) / 2
  entropy = -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=0)
  distinct = _num_distinct(codes)
  return {
    **_imbalance(mean),
    'mean_bit_correlation': float(pairs.mean()) if len(pairs) else 0.0,
    'worst_bit_correlation': float(pairs.max()) if len(pairs) else 0.0,
    'constant_bits': int((~varies).sum()),
    'mean_bit_entropy': float(entropy.mean()),
    'distinct_codes': distinct,
    'distinct_fraction': distinct / n,
  }


def codeword_health(
  codewords: Int8[Array | np.ndarray, 'classes bits'],
) -> dict[str, Any]:
  """How far apart the codewords of classes are.

  Args:
    codewords: int8 -1/+1, `[classes, bits]`, at least two.

  Returns:
    Plain values: `least_distance`, `mean_distance` and `greatest_distance` of
    two codewords by Hamming distance, `mean_bit_imbalance` and
    `worst_bit_imbalance` as of `code_health`, and `duplicates`, the number of
    codewords that repeat an earlier one.

  Raises:
    ValueError: the codewords are not int8 -1/+1 `[classes, bits]`, or fewer
      than two.

  Example:
    >>> health = codeword_health(np.array([[1, 1], [1, -1]], np.int8))
    >>> health['least_distance'], health['duplicates']
    (1, 0)
  """
  codewords = _on_host(codewords, 'codewords')
  count, num_bits = codewords.shape
  if count < 2:
    raise ValueError(f'distances need at least 2 codewords, got {count}')
  values = codewords.astype(np.float32)
  least, greatest, total = num_bits, 0, 0
  rows = max(1, PAIRS_AT_A_TIME // count)
  for i in range(0, count - 1, rows):
    product = values[i : i + rows] @ values[i:].T
    # The pairs (i, j) with j > i: below the diagonal is what was seen.
    later = np.triu(np.ones(product.shape, bool), k=1)
    distances = ((num_bits - product[later]) / 2).astype(np.int32)
    if len(distances):
      least = min(least, int(distances.min()))
      greatest = max(greatest, int(distances.max()))
      total += int(distances.sum(dtype=np.int64))
  return {
    'least_distance': least,
    'mean_distance': total / (count * (count - 1) // 2),
    'greatest_distance': greatest,
    **_imbalance(codewords.mean(axis=0, dtype=np.float64)),
    'duplicates': count - _num_distinct(codewords),
  }


def _on_host(codes: Array | np.ndarray, name: str) -> np.ndarray:
  check_codes(codes, name)
  return np.asarray(codes)


def _imbalance(mean: np.ndarray) -> dict[str, float]:
  return {
    'mean_bit_imbalance': float(np.abs(mean).mean()),
    'worst_bit_imbalance': float(np.abs(mean).max()),
  }


def _num_distinct(codes: np.ndarray) -> int:
  packed = np.packbits(codes > 0, axis=1)
  rows = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
  return len(np.unique(rows))
