"""Figures as image files; needs the extra `jaxhash[plots]`.

Figures are made by matplotlib's object interface, without pyplot, so that no
display, global state or closing is involved. The ending of the path picks the
format.

For figures of your own that look like these: `COLORS`, which colour-blind
readers can tell apart, and `STYLE`, for `matplotlib.rcParams.update`.
"""

from jaxhash.plots._figure import COLORS, STYLE, check_installed
from jaxhash.plots.charts import (
  distance_matrices,
  distance_matrix,
  pr_curve,
  training_curves,
)
from jaxhash.plots.codes import bit_health, pair_distances
from jaxhash.plots.galleries import gallery
from jaxhash.plots.maps import MOST_NAMED, code_map, tsne
from jaxhash.plots.orders import alike_order, leaf_groups

__all__ = [
  'COLORS',
  'MOST_NAMED',
  'STYLE',
  'alike_order',
  'bit_health',
  'check_installed',
  'code_map',
  'distance_matrices',
  'distance_matrix',
  'gallery',
  'leaf_groups',
  'pair_distances',
  'pr_curve',
  'training_curves',
  'tsne',
]
