"""What every construction of codewords gives, and the checks they share."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash._checks import check_int
from jaxhash.metrics.health import codeword_health

__all__ = ['Codewords']


class Codewords(NamedTuple):
  """Codewords of classes and what they are worth.

  Attributes:
    codewords: int8 -1/+1 `[classes, bits]`, one row a class.
    report: `metrics.codeword_health` of them: least, mean and greatest
      distance, bit balance, duplicates, and what a construction adds. Empty
      under `jax.jit` and other transformations, where there are no values.
  """

  codewords: Any
  report: dict[str, Any]


def with_report(codewords: jax.Array | np.ndarray, **more: Any) -> Codewords:
  """Codewords with their report, and what a construction adds to it."""
  if isinstance(codewords, jax.core.Tracer):
    return Codewords(codewords, {})
  words = np.asarray(codewords, np.int8)
  with jax.ensure_compile_time_eval():  # known words are known under jit too
    report = {**codeword_health(words), **more}
  return Codewords(jnp.asarray(words), report)


def check_sizes(num_classes: int, num_bits: int) -> None:
  """Raises a ValueError unless so many classes fit in so many bits."""
  check_int('num_classes', num_classes, 2)
  check_int('num_bits', num_bits, 1)
  if num_bits < 64 and num_classes > 2**num_bits:
    raise ValueError(
      f'{num_bits} bits have {2**num_bits} codewords, fewer than the '
      f'{num_classes} classes'
    )


def check_has_value(key: jax.Array) -> None:
  """Raises a ValueError where a key has no value, as under `jax.jit`."""
  if isinstance(key, jax.core.Tracer):
    raise ValueError(
      'this construction searches on the host: call it outside of jax.jit and '
      'other transformations, and pass its codewords in'
    )


def numpy_generator(key: jax.Array) -> np.random.Generator:
  """A NumPy generator that a key determines, for searches on the host.

  Raises:
    ValueError: the key has no value, as under `jax.jit`.
  """
  check_has_value(key)
  with jax.ensure_compile_time_eval():  # a known key is known under jit too
    data = np.asarray(jax.random.key_data(key))
  return np.random.default_rng(data.ravel())
