"""Checks of numbers that several parts share, each one clear error."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ['check_int', 'check_not_negative', 'check_positive']


def check_int(name: str, value: Any, least: int) -> None:
  """Checks that a number is an int of at least so much.

  Args:
    name: what it is called in the error.
    value: what was given.
    least: what it must be at least.

  Raises:
    ValueError: it is anything else.

  Example:
    >>> check_int('k', 2.5, 1)
    Traceback (most recent call last):
      ...
    ValueError: k must be an int of at least 1, got 2.5
  """
  if (
    isinstance(value, bool)
    or not isinstance(value, int | np.integer)
    or value < least
  ):
    raise ValueError(
      f'{name} must be an int of at least {least}, got {value!r}'
    )


def check_positive(**values: float) -> None:
  """Checks that numbers are above 0 and finite.

  Args:
    **values: numbers by their names.

  Raises:
    ValueError: some are not; the message names each of them.

  Example:
    >>> check_positive(scale=0.0, margin=0.2)
    Traceback (most recent call last):
      ...
    ValueError: scale must be above 0 and finite, got 0.0
  """
  _check(values, lambda value: value > 0, 'above 0')


def check_not_negative(**values: float) -> None:
  """Checks that numbers are at least 0 and finite.

  Args:
    **values: numbers by their names.

  Raises:
    ValueError: some are not; the message names each of them.

  Example:
    >>> check_not_negative(weight=-1.0)
    Traceback (most recent call last):
      ...
    ValueError: weight must be at least 0 and finite, got -1.0
  """
  _check(values, lambda value: value >= 0, 'at least 0')


def _check(
  values: dict[str, float], good: Callable[[float], bool], wanted: str
) -> None:
  wrong = [
    f'{name} must be {wanted} and finite, got {value!r}'
    for name, value in values.items()
    if isinstance(value, bool)
    or not isinstance(value, numbers.Real)
    or not (good(float(value)) and math.isfinite(value))
  ]
  if wrong:
    raise ValueError('; '.join(wrong))


def check_bits_per_codebook(value: int) -> None:
  """Raises a ValueError unless an id of a codeword is 1 to 8 bits."""
  check_int('bits_per_codebook', value, 1)
  if value > 8:
    raise ValueError(f'bits_per_codebook must be at most 8, got {value}')
