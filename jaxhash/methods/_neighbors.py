"""Neighbours in features: found once, and looked up in each batch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from jaxhash import search
from jaxhash.core import Info, Stage, StageResult
from jaxhash.methods import _common
from jaxhash.methods._features import FeatureSource

__all__ = ['are_neighbors', 'neighbors_stage', 'random_triplets']


def neighbors_stage(source: FeatureSource, count: int) -> Stage:
  """The stage that finds the nearest train rows of each, without itself."""

  def run(key: jax.Array, info: Info, rows: Any) -> StageResult:
    del key
    features = source.of_train(info, rows)
    _, found = search.nearest_vectors(
      features, features, count + 1, metric='cosine'
    )
    own = found == np.arange(len(found))[:, None]
    # Of rows that are the same more than once, one may not find itself.
    own[~own.any(axis=1), -1] = True
    return StageResult(
      {'neighbors': found[~own].reshape(-1, count)}, {'neighbors': count}
    )

  def check(info: Info) -> None:
    _common.check_views(info, 1)
    source.check(info)
    if count >= len(info.labels):
      raise ValueError(
        f'num_neighbors must be less than the {len(info.labels)} train rows, '
        f'got {count}'
      )

  return Stage(
    'neighbors',
    run,
    settings={'features': source.name, 'num_neighbors': count},
    check=check,
    wants_inputs=source.vectors is None,
  )


def are_neighbors(
  neighbors: Int[Array, 'batch count'], index: Int[Array, 'batch']
) -> Bool[Array, 'batch batch']:
  """Which rows of a batch are near to which, either way."""
  near = (neighbors[:, :, None] == index[None, None]).any(axis=1)
  return (near | near.T) & (index[:, None] != index[None])


def random_triplets(
  near: Bool[Array, 'batch batch'], key: jax.Array, count: int
) -> tuple[Array, Array, Array, Array]:
  """Random triplets of a batch, each a row, a near one and one that is not.

  Args:
    near: of `are_neighbors`.
    key: of the draws.
    count: triplets for each row at most, each with another near row.

  Returns:
    Anchors, positives and negatives, int `[triplets]`, positions in the batch,
    and which of them count, bool: a row may have fewer near ones, and a
    negative that is drawn may be near.
  """
  rows = len(near)
  count = min(count, rows)
  first, second = jax.random.split(key)
  scores = jax.random.uniform(first, near.shape) + near.astype(jnp.float32)
  best, positives = jax.lax.top_k(scores, count)
  negatives = jax.random.randint(second, (rows, count), 0, rows)
  anchors = jnp.broadcast_to(jnp.arange(rows)[:, None], (rows, count))
  far = ~near[anchors, negatives] & (anchors != negatives)
  where = (best >= 1) & far
  return (
    anchors.reshape(-1),
    positives.reshape(-1),
    negatives.reshape(-1),
    where.reshape(-1),
  )
