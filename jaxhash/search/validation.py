"""Checks of codes, made before any expensive work."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

__all__ = ['check_codes', 'check_pair']


def check_codes(codes: Array | np.ndarray, name: str) -> None:
  """Checks codes: shape and dtype, and the values where there are any yet.

  Args:
    codes: int8 -1/+1 `[n, num_bits]`, at least one row and one bit.
    name: what they are called in the error, such as `query codes`.

  Raises:
    ValueError: they are anything else.

  Example:
    >>> check_codes(np.ones((2, 8), np.int8), 'query codes')
    >>> check_codes(np.ones((2, 8), np.float32), 'query codes')
    Traceback (most recent call last):
      ...
    ValueError: query codes must be int8 [n, num_bits], got float32 [2, 8]
  """
  if codes.ndim != 2 or codes.dtype != np.int8:
    raise ValueError(
      f'{name} must be int8 [n, num_bits], got {codes.dtype} '
      f'{list(codes.shape)}'
    )
  if 0 in codes.shape:
    raise ValueError(f'{name} are empty: {list(codes.shape)}')
  if not isinstance(codes, jax.core.Tracer):
    _check_values(codes, name)


def check_pair(query: Array | np.ndarray, database: Array | np.ndarray) -> None:
  """Checks that two sets of codes can be compared.

  Args:
    query: int8 `[query, num_bits]`.
    database: int8 `[database, num_bits]`.

  Raises:
    ValueError: as for `check_codes`, or the numbers of bits differ.

  Example:
    >>> check_pair(np.ones((1, 8), np.int8), np.ones((2, 9), np.int8))
    Traceback (most recent call last):
      ...
    ValueError: query codes have 8 bits, database codes 9
  """
  check_codes(query, 'query codes')
  check_codes(database, 'database codes')
  if query.shape[1] != database.shape[1]:
    raise ValueError(
      f'query codes have {query.shape[1]} bits, database codes '
      f'{database.shape[1]}'
    )


def _check_values(codes: Array | np.ndarray, name: str) -> None:
  """Other values would be counted, differently by each backend."""
  if bool(jnp.all(jnp.abs(jnp.asarray(codes)) == 1)):
    return
  values = np.asarray(codes)
  row, bit = np.argwhere((values != 1) & (values != -1))[0].tolist()
  raise ValueError(
    f'{name} must be -1 or +1, but row {row}, bit {bit} is {values[row, bit]}'
  )
