"""Counting and selecting by Hamming distance on a CPU, compiled by Numba.

Imported only where it is used. The distances of a query to a piece of the
database are one vectorised loop that leaves them in the first-level cache,
where they are counted, or compared with the greatest distance that is still
wanted. The kernels release the GIL, and threads share the queries.

Codes are uint64 `[words, n]`, as `Codes.words64` gives them.
"""

from jaxhash.search.native.counting import count, count_levels, count_shared
from jaxhash.search.native.ranking import scan_stable
from jaxhash.search.native.selecting import among, top_k, within_radius

__all__ = [
  'among',
  'count',
  'count_levels',
  'count_shared',
  'scan_stable',
  'top_k',
  'within_radius',
]
