"""Health of codes and codewords: what a good mAP can hide."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxhash.search.codes import AnyArray, read_array, read_codes

__all__ = ['code_health', 'codeword_health']

ROWS_AT_A_TIME = 2**16
PAIRS_AT_A_TIME = 2**24


def code_health(
  codes: AnyArray,
  *,
  num_bits: int | None = None,
  logits: AnyArray | None = None,
) -> dict[str, Any]:
  """How evenly and how independently codes use their bits.

  Args:
    codes: `[n, bits]`, in any form that `search.read_codes` takes.
    num_bits: bits of packed codes.
    logits: real-valued codes that these were made from, `[n, bits]`.

  Returns:
    Plain values: `mean_bit_imbalance` and `worst_bit_imbalance`, the absolute
    mean of a bit, 0 if it is -1 as often as +1; `mean_bit_correlation` and
    `worst_bit_correlation`, the absolute correlation of two bits, without
    those that never change (0 if fewer than two change); `constant_bits`,
    their number; `mean_bit_entropy` from 0 to 1; `distinct_codes` and
    `distinct_fraction`, their number over n; `collision_rate`, the share of
    pairs of rows that have the same code. With logits `quantization_error`,
    the mean squared difference of logit and code.

  Raises:
    ValueError: the codes are not as `search.read_codes` wants them, or the
      logits are of another shape or not finite.

  Example:
    >>> health = code_health(np.array([[1, 1], [1, -1]], np.int8))
    >>> health['worst_bit_imbalance'], health['constant_bits']
    (1.0, 1)
  """
  read = read_codes(codes, 'codes', num_bits)
  codes = np.asarray(read.signs())
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
  _, counts = _distinct(codes)
  distinct = len(counts)
  results = {
    **_imbalance(mean),
    'mean_bit_correlation': float(pairs.mean()) if len(pairs) else 0.0,
    'worst_bit_correlation': float(pairs.max()) if len(pairs) else 0.0,
    'constant_bits': int((~varies).sum()),
    'mean_bit_entropy': float(entropy.mean()),
    'distinct_codes': distinct,
    'distinct_fraction': distinct / n,
    'collision_rate': float(
      (counts * (counts - 1.0)).sum() / max(n * (n - 1), 1)
    ),
  }
  if logits is not None:
    results['quantization_error'] = _quantization_error(codes, logits)
  return results


def codeword_health(
  codewords: AnyArray, *, num_bits: int | None = None
) -> dict[str, Any]:
  """How far apart the codewords of classes are.

  Args:
    codewords: `[classes, bits]`, at least two, in any form that
      `search.read_codes` takes.
    num_bits: bits of packed codewords.

  Returns:
    Plain values: `least_distance`, `mean_distance` and `greatest_distance` of
    two codewords by Hamming distance, `mean_bit_imbalance` and
    `worst_bit_imbalance` as of `code_health`, and `duplicates`, the number of
    codewords that repeat an earlier one.

  Raises:
    ValueError: the codewords are not as `search.read_codes` wants them, or
      fewer than two.

  Example:
    >>> health = codeword_health(np.array([[1, 1], [1, -1]], np.int8))
    >>> health['least_distance'], health['duplicates']
    (1, 0)
  """
  read = read_codes(codewords, 'codewords', num_bits)
  codewords = np.asarray(read.signs())
  count, num_bits = codewords.shape
  if count < 2:
    raise ValueError(f'distances need at least 2 codewords, got {count}')
  values = codewords.astype(np.float32)  # inner products are exact in it
  nearest, farthest = -np.inf, np.inf
  rows = max(1, PAIRS_AT_A_TIME // count)
  for i in range(0, count - 1, rows):
    product = values[i : i + rows] @ values[i:].T  # with those that follow
    farthest = min(farthest, product.min())
    np.fill_diagonal(product, -np.inf)  # a codeword and itself
    nearest = max(nearest, product.max())
  # The inner products of all ordered pairs sum up to the squares of the sums.
  sums = codewords.sum(axis=0, dtype=np.int64)
  distances = (count**2 * num_bits - int((sums**2).sum())) // 4
  return {
    'least_distance': int((num_bits - nearest) / 2),
    'mean_distance': distances / (count * (count - 1) // 2),
    'greatest_distance': int((num_bits - farthest) / 2),
    **_imbalance(codewords.mean(axis=0, dtype=np.float64)),
    'duplicates': count - len(_distinct(codewords)[0]),
  }


def _imbalance(mean: np.ndarray) -> dict[str, float]:
  return {
    'mean_bit_imbalance': float(np.abs(mean).mean()),
    'worst_bit_imbalance': float(np.abs(mean).max()),
  }


def _distinct(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The different codes as bytes, and how often there is each."""
  packed = np.packbits(codes > 0, axis=1)
  rows = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
  return np.unique(rows, return_counts=True)


def _quantization_error(codes: np.ndarray, logits: AnyArray) -> float:
  logits = np.asarray(read_array(logits)).astype(np.float64)
  if logits.shape != codes.shape:
    raise ValueError(
      f'logits must be {list(codes.shape)} as the codes, got '
      f'{list(logits.shape)}'
    )
  if not np.isfinite(logits).all():
    row = int((~np.isfinite(logits).all(axis=1)).argmax())
    raise ValueError(f'the logits of row {row} are not finite')
  return float(((logits - codes) ** 2).mean())
