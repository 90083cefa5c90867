"""Codewords that a method is given: by name, from a file, or as an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int8

from jaxhash import lookup
from jaxhash.codewords import (
  Codewords,
  balanced,
  bernoulli,
  central,
  hadamard,
  maxhd,
  mdsh,
  separated,
)
from jaxhash.methods import _common
from jaxhash.search.codes import read_codes

__all__: list[str] = []

CONSTRUCTIONS: dict[str, Callable[..., Codewords]] = {
  'balanced': balanced,
  'bernoulli': bernoulli,
  'central': central,
  'hadamard': hadamard,
  'maxhd': maxhd,
  'mdsh': mdsh,
  'separated': separated,
}

Source = str | np.ndarray | jax.Array


def codeword_source(
  codewords: Source, num_bits: int
) -> Callable[[jax.Array, int], Int8[Array, 'classes bits']]:
  """What gives the codewords of a method, checked as far as possible.

  Args:
    codewords: the name of a construction of `jaxhash.codewords`; your own as
      `module:function`, `(key, num_classes, num_bits) -> codewords`; the path
      of a .npy file; or an array `[classes, bits]` in any form that
      `search.read_codes` takes.
    num_bits: bits that they must have.

  Returns:
    `(key, num_classes) -> int8 -1/+1 [num_classes, num_bits]`.

  Raises:
    ValueError: an unknown name, a file that cannot be read, an array of other
      bits; later, another number of classes, or what the construction raises.
  """
  if not isinstance(codewords, str):
    return _given(codewords, num_bits, 'the codewords')
  if codewords.endswith('.npy'):
    array = _common.load_array(codewords, 'codewords')
    return _given(array, num_bits, codewords)
  construct = _construction(codewords)

  def constructed(key: jax.Array, num_classes: int) -> jax.Array:
    made = construct(key, num_classes, num_bits)
    words = getattr(made, 'codewords', made)
    return _given(words, num_bits, f'codewords {codewords!r}')(key, num_classes)

  return constructed


def _construction(name: str) -> Callable[..., Any]:
  if ':' in name:
    return lookup.find(name, package='', kind='codewords')
  other = ', a .npy file, or your own as "module.path:function"'
  lookup.check_known('codewords', name, CONSTRUCTIONS, other=other)
  return CONSTRUCTIONS[name]


def _given(
  array: Any, num_bits: int, what: str
) -> Callable[[jax.Array, int], Int8[Array, 'classes bits']]:
  words = jnp.asarray(read_codes(array, what, num_bits).signs(), jnp.int8)

  def given(key: jax.Array, num_classes: int) -> jax.Array:
    del key
    if len(words) != num_classes:
      raise ValueError(
        f'{what} are of {len(words)} classes, the data have {num_classes}'
      )
    return words

  return given
