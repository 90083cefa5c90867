"""Checks of numbers that several parts share, each one clear error."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ['check_int']


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
