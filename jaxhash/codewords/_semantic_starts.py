"""What the search of semantic hash centers starts from."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jaxtyping import Int8

from jaxhash._checks import check_int
from jaxhash.codewords.bounds import gilbert_varshamov_distance
from jaxhash.codewords.separated import separated


def feasible_starts(
  key: jax.Array,
  start: Any,
  shape: tuple[int, int],
  *,
  distance: int | None,
  num_restarts: int,
) -> tuple[Int8[np.ndarray, 'restarts classes bits'], int]:
  """Codewords that are far enough apart, for every restart.

  Args:
    key: of what is random about them.
    start: as of `semantic.semantic`.
    shape: classes and bits.
    distance: as of `semantic.semantic`.
    num_restarts: where `start` does not say it.

  Returns:
    Codewords -1/+1, and the distance that they are at least apart.

  Raises:
    ValueError: the distance is out of its range, or the start is of another
      shape, not -1/+1, or less than the distance apart.
  """
  if distance is not None:
    check_int('distance', distance, 0)
    if distance > shape[1]:
      raise ValueError(
        f'distance must be at most num_bits={shape[1]}, got {distance}'
      )
  asked = gilbert_varshamov_distance(*shape) if distance is None else distance
  keys = jax.random.split(key, num_restarts)
  if start is None:
    least = None if distance is None else max(distance, 1)
    made = [separated(k, *shape, distance=least) for k in keys]
    found = min(x.report['least_distance'] for x in made)
    words = np.stack([np.asarray(x.codewords) for x in made])
    return words, int(min(asked, found))
  words = np.asarray(start)
  if words.ndim not in (2, 3) or words.shape[-2:] != shape:
    raise ValueError(
      f'the start must be [classes, bits] = {list(shape)}, or [restarts, '
      f'classes, bits], got {list(words.shape)}'
    )
  if not len(words) or not np.isin(words, (-1, 1)).all():
    raise ValueError('the start must be -1/+1, of at least one restart')
  words = words.astype(np.int8)
  if words.ndim == 2:
    orders = [np.asarray(jax.random.permutation(k, shape[0])) for k in keys[1:]]
    words = np.stack([words, *(words[order] for order in orders)])
  _check_apart(words, asked)
  return words, int(asked)


def _check_apart(starts: np.ndarray, distance: int) -> None:
  for i, words in enumerate(starts):
    values = words.astype(np.float32)
    products = values @ values.T
    np.fill_diagonal(products, -np.inf)
    least = int((words.shape[1] - products.max()) / 2)
    if least < distance:
      raise ValueError(
        f'the start must be feasible: start {i} has codewords at a distance '
        f'of {least}, wanted at least {distance}; give a smaller distance, or '
        'a start that keeps it'
      )
