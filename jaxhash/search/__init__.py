"""Hamming distances and search."""

from jaxhash.search.hamming import hamming_distances
from jaxhash.search.topk import top_k

__all__ = ['hamming_distances', 'top_k']
