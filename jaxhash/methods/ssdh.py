r"""SSDH: pairs that are obviously near or far in features, and no others.

Erkun Yang, Cheng Deng, Tongliang Liu, Wei Liu and Dacheng Tao, "Semantic
Structure-based Unsupervised Deep Hashing", IJCAI 2018 :cite:p:`yang2018ssdh`.
(Not the supervised SSDH of Yang, Lin and Chen.) The equations are read from the
authors' released code (github.com/yangerkun/IJCAI2018_SSDH).

A stage before training takes the cosine distances of all pairs of train rows by
features of a frozen network, their mode m, and the standard deviations s1 of
those below and s2 of those above it (`pair_statistics.half_gaussians`); then,
with codes h = tanh(u),

.. math::

  S_{ij} &= \begin{cases}
    1 & \text{if } d_{ij} < m - 2 s_1, \\
    -1 & \text{if } d_{ij} > m + 2 s_2, \\
    0 & \text{else,}
  \end{cases} \\
  L &= \operatorname{mean}_{ij} |S_{ij}|
    \left( \langle h_i, h_j \rangle / K - S_{ij} \right)^2.

What the authors' code does: VGG's fc7 gives the distances once and is trained
on; a row is near to itself; Adam 1e-3 with an epsilon of 1, batches of 24.

Departures: those of `half_gaussians`; sign(0) is +1; the features are those
that the run is given.

Published numbers: those of the paper were not at hand.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash._checks import check_int, check_not_negative
from jaxhash.core import (
  Aux,
  Batch,
  HashMethod,
  Info,
  Outputs,
  Stage,
  StageResult,
  Variables,
)
from jaxhash.losses import (
  cosine_distances,
  distance_structure,
  structure_loss,
)
from jaxhash.methods import _common
from jaxhash.methods._features import FeatureSource, feature_source
from jaxhash.pair_statistics import MOST_ROWS, half_gaussians

__all__ = ['ssdh']


def ssdh(
  num_bits: int, *, factor: float = 2.0, features: str = 'inputs'
) -> HashMethod:
  """SSDH of Yang and others (2018), without labels.

  Metrics: `loss`, `near_pairs` and `far_pairs` (their shares of the batch),
  `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    factor: how many standard deviations from the mode a pair is obviously near
      or far, at least 0.
    features: as for `bihalf`.

  Returns:
    The method; one stage, `pair_statistics`, comes before.

  Raises:
    ValueError: a hyper-parameter is out of its range, or the file is wrong.

  Example:
    >>> [stage.name for stage in ssdh(16).stages]
    ['pair_statistics']
  """
  check_int('num_bits', num_bits, 1)
  check_not_negative(factor=factor)
  source = feature_source(features)

  def init(key: jax.Array, info: Info) -> Variables:
    del key
    limits = {
      name: jnp.float32(info.arrays[name]) for name in ('lower', 'upper')
    }
    return Variables(state={**source.init(info), **limits})

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    state = variables.state
    codes = jnp.tanh(outputs.logits.astype(jnp.float32))
    seen = source.of_batch(state, batch)
    structure = distance_structure(
      cosine_distances(seen, seen), state['lower'], state['upper']
    )
    value = structure_loss(codes, structure)
    metrics = {
      'loss': value,
      'near_pairs': (structure > 0).mean(),
      'far_pairs': (structure < 0).mean(),
      'mean_abs_code': jnp.abs(codes).mean(),
    }
    return value, Aux(metrics)

  return HashMethod(
    width=num_bits, init=init, loss=loss, stages=(_statistics(source, factor),)
  )


def _statistics(source: FeatureSource, factor: float) -> Stage:
  """The stage that says which distances are obviously near or far."""

  def run(key: jax.Array, info: Info, rows: Any) -> StageResult:
    del key
    features = source.of_train(info, rows)
    found = half_gaussians(jnp.asarray(features), factor=factor)
    arrays = {name: np.asarray(x) for name, x in found._asdict().items()}
    report = {name: float(x) for name, x in arrays.items() if not x.ndim}
    return StageResult(arrays, report)

  def check(info: Info) -> None:
    _common.check_views(info, 1)
    source.check(info)
    if len(info.labels) > MOST_ROWS:
      raise ValueError(
        f'SSDH takes statistics of all pairs of at most {MOST_ROWS} train '
        f'rows, got {len(info.labels)}'
      )

  return Stage(
    'pair_statistics',
    run,
    settings={'features': source.name, 'factor': factor},
    check=check,
    wants_inputs=source.vectors is None,
  )
