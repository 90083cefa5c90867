"""Hashing methods: one file each."""

from __future__ import annotations

from collections.abc import Callable

from jaxhash import lookup
from jaxhash.core import HashMethod

__all__ = ['get']


def get(name: str) -> Callable[..., HashMethod]:
  """Finds the factory of a method.

  Args:
    name: a method of jaxhash, or `my_package.module:factory` for your own.

  Returns:
    The factory: it takes `num_bits` and hyper-parameters.

  Raises:
    ValueError: there is no such method; the message lists the known ones.

  Example:
    >>> get('adalabelhash')(32).width
    32
  """
  return lookup.find(name, package='jaxhash.methods', kind='method')
