"""Hamming distances and search."""

from jaxhash.search.asymmetric import (
  adc_distances,
  asymmetric_distances,
  lookup_tables,
  quantize,
  reconstruct,
  sdc_distances,
  table_distances,
)
from jaxhash.search.codes import Codes, read_codes
from jaxhash.search.hamming import hamming_distances
from jaxhash.search.radius import (
  Neighbors,
  RadiusIndex,
  build_radius_index,
  within_radius,
)
from jaxhash.search.topk import top_k
from jaxhash.search.vectors import nearest_vectors

__all__ = [
  'Codes',
  'Neighbors',
  'RadiusIndex',
  'adc_distances',
  'asymmetric_distances',
  'build_radius_index',
  'hamming_distances',
  'lookup_tables',
  'nearest_vectors',
  'quantize',
  'read_codes',
  'reconstruct',
  'sdc_distances',
  'table_distances',
  'top_k',
  'within_radius',
]
