"""What all kernels share: distances of one query, and threads over queries."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
from numba import njit
from numba.extending import intrinsic

__all__ = ['PIECE', 'distances_of', 'over_queries', 'popcount', 'values_below']

# no_type_check keeps runtime checkers of annotations off what Numba compiles.
#: Distances that stay in the first-level cache.
PIECE = 2**13


def over_queries(
  kernel: Callable[[int, int], Any], num_query: int
) -> list[Any]:
  """Calls a kernel on as many ranges of queries as there are CPUs.

  Args:
    kernel: takes the first query of a range and the one after the last.
    num_query: number of queries.

  Returns:
    What the calls return, in the order of the queries.
  """
  if hasattr(os, 'sched_getaffinity'):
    cpus = len(os.sched_getaffinity(0))
  else:
    cpus = os.cpu_count() or 1
  threads = min(cpus, num_query)
  cuts = [num_query * i // threads for i in range(threads + 1)]
  with concurrent.futures.ThreadPoolExecutor(threads) as pool:
    return list(pool.map(kernel, cuts[:-1], cuts[1:]))


def values_below(bins: int) -> np.ndarray:
  """Room for the values, below bins, of a piece of the database."""
  return np.empty(PIECE, np.min_scalar_type(bins - 1))


@no_type_check
@intrinsic
def popcount(typing_context, x):
  """The number of bits that are set, one instruction of the processor."""

  def codegen(context, builder, signature, args):
    return builder.ctpop(args[0])

  return x(x), codegen


@no_type_check
@njit(nogil=True, cache=True)
def distances_of(query, i, database, start, stop, out):
  """Hamming distances of one query to the items from start to stop."""
  q, x = query[0, i], database[0, start:stop]
  for j in range(len(x)):
    out[j] = popcount(q ^ x[j])
  for w in range(1, len(query)):
    q, x = query[w, i], database[w, start:stop]
    for j in range(len(x)):
      out[j] += popcount(q ^ x[j])
