"""Learning to hash in JAX.

What people import into their own code, and nothing heavier: losses,
codewords, binarize, similarity, taxonomy, metrics and search. Encoders,
methods, data and training are imported from their own packages.
"""

from jaxhash import (
  binarize,
  codewords,
  losses,
  metrics,
  search,
  similarity,
  taxonomy,
)

__version__ = '0.1.0'
