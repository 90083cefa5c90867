"""How similar classes look to a classifier, from its logits.

Stage 1 of SHC: Chen, Li, Liu, Zhou, Ma, Chen and Zhang, "Deep Hashing with
Semantic Hash Centers for Image Retrieval", arXiv 2507.08404 (TOIS 2025
:cite:p:`chen2025shc`).
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, Num

from jaxhash.lookup import check_known

__all__ = [
  'class_similarity',
  'masked_softmax',
  'rank_correlation',
  'similarity_from_logits',
]

ORDERS = ('paper', 'released')


def masked_softmax(
  logits: Float[Array, 'n classes'], classes_to_mask: Integer[Array, 'n ...']
) -> Float[Array, 'n classes']:
  r"""What a classifier thinks a sample is, if it is not the masked class.

  .. math:: p'_{nj} = \frac{[j \ne m_n] \, e^{p_{nj}}}
    {\sum_{k \ne m_n} e^{p_{nk}}}

  Args:
    logits: float `[n, classes]` of at least 2 classes, any float dtype.
    classes_to_mask: m, int `[n]`, from 0 to classes - 1.

  Returns:
    float32 `[n, classes]` (float64 where the logits are); rows sum to 1, the
    masked entries are exactly 0.

  Raises:
    ValueError: fewer than 2 classes, a class out of range, or logits that are
      not finite; the values of traced arrays are not checked.

  Example:
    >>> masked_softmax(jnp.array([[9.0, 1.0, 1.0]]), jnp.array([0])).tolist()
    [[0.0, 0.5, 0.5]]

  Source: equations 5 and 6.
  """
  _check_rows('logits', logits)
  _check_classes('classes_to_mask', classes_to_mask, logits.shape[1])
  logits = logits.astype(np.result_type(logits.dtype, np.float32))
  classes = jnp.arange(logits.shape[1], dtype=classes_to_mask.dtype)
  masked = classes[None, :] == classes_to_mask[:, None]
  return jax.nn.softmax(jnp.where(masked, -jnp.inf, logits), axis=-1)


def class_similarity(
  probabilities: Float[Array, 'n classes'],
  labels: Integer[Array, '...'],
  *,
  order: str = 'paper',
) -> Float[Array, 'classes classes']:
  r"""Similarity of classes from what their samples are mistaken for.

  .. math::
    s_m &= \frac{1}{N_m} \sum_{n : y_n = m} p'_n \\
    \hat s_m &= \frac{s_m - \bar s_m}
      {\max(|\max_j s_{mj} - \bar s_m|, |\min_j s_{mj} - \bar s_m|)} \\
    S &= \tfrac12 (\hat S + \hat S^T), \qquad S_{mm} = 1

  with the mean, greatest and least of a row over all its entries, its own
  class included.

  Args:
    probabilities: p', rows of `masked_softmax`, float `[n, classes]`.
    labels: y, int `[n]`, from 0 to classes - 1; each class has a row. The
      method is for samples of one class: multi-hot labels are an error.
    order: `paper`, the equations above; or `released`, as the authors' code
      does it: sums in place of means, and the symmetry made before the rows
      are normalised, so that the result is not symmetric.

  Returns:
    S, float32 `[classes, classes]` (float64 where the probabilities are), from
    -1 to 1, with a diagonal of 1. A row of equal entries, for which the
    normalisation has no meaning, counts as 0 everywhere.

  Raises:
    ValueError: unknown `order`, labels that are not one class a row or out of
      range, a class without rows, or values that are not finite. Of traced
      arrays only the shapes are checked; a class without rows then counts as a
      row of equal entries.

  Example:
    >>> p = masked_softmax(jnp.zeros((3, 3)), jnp.arange(3))
    >>> class_similarity(p, jnp.arange(3)).round(2).tolist()
    [[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]]

  Source: equations 7, 8, 11 and 12; the released code,
  https://github.com/cc752424640/Deep-Hashing-with-Semantic-Hash-Centers-for-Image-Retrieval
  """
  _check_order(order)
  _check_rows('probabilities', probabilities)
  num_classes = probabilities.shape[1]
  _check_classes('labels', labels, num_classes)
  if len(labels) != len(probabilities):
    raise ValueError(
      f'there must be one label a row, got {len(probabilities)} rows and '
      f'{len(labels)} labels'
    )
  _check_every_class(labels, num_classes)
  dtype = np.result_type(probabilities.dtype, np.float32)
  table = jax.ops.segment_sum(probabilities.astype(dtype), labels, num_classes)
  if order == 'released':
    return _released_order(table)
  counts = jnp.bincount(labels, length=num_classes).astype(dtype)
  return _paper_order(table / jnp.maximum(counts, 1)[:, None])


def similarity_from_logits(
  logits: Float[Array, 'n classes'],
  labels: Integer[Array, 'n ...'],
  *,
  order: str = 'paper',
) -> Float[Array, 'classes classes']:
  """Similarity of classes from the logits of a classifier.

  `class_similarity` of `masked_softmax`. Which class is masked differs: the
  paper masks the class that is predicted (equation 5), which leaves the true
  class of a mistaken sample in; the released code masks the true class.

  Args:
    logits: float `[n, classes]`; the first greatest entry is predicted.
    labels: int `[n]`; each class has a row.
    order: `paper` or `released`, as of `class_similarity`; also says which
      class is masked.

  Returns:
    As `class_similarity`.

  Raises:
    ValueError: as of `masked_softmax` and `class_similarity`.

  Example:
    >>> logits = jnp.array([[4.0, 1.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.0, 4.0]])
    >>> rows = similarity_from_logits(logits, jnp.arange(3)).tolist()
    >>> [[round(value, 2) for value in row] for row in rows]
    [[1.0, 1.0, 0.17], [1.0, 1.0, 0.17], [0.17, 0.17, 1.0]]

  Source: equations 5 to 12. The released code also trains its classifier by
  the cross-entropy of softmax outputs; that is left to whoever trains.
  """
  _check_order(order)
  _check_classes('labels', labels, logits.shape[1])
  masked = labels if order == 'released' else jnp.argmax(logits, axis=-1)
  return class_similarity(masked_softmax(logits, masked), labels, order=order)


def _paper_order(table: jax.Array) -> jax.Array:
  rows = _normalize(table)
  return jnp.fill_diagonal((rows + rows.T) / 2, 1, inplace=False)


def _released_order(table: jax.Array) -> jax.Array:
  return jnp.fill_diagonal(_normalize((table + table.T) / 2), 1, inplace=False)


def _normalize(table: jax.Array) -> jax.Array:
  """Equation 8: rows between -1 and 1 with a mean of 0."""
  rows = table - table.mean(axis=1, keepdims=True)
  greatest = jnp.abs(rows).max(axis=1, keepdims=True)
  # The mean of equal entries may differ from them by a rounding.
  noise = 16 * jnp.finfo(table.dtype).eps
  varies = greatest > noise * jnp.abs(table).max(axis=1, keepdims=True)
  return jnp.where(varies, rows / jnp.where(varies, greatest, 1), 0)


def _check_order(order: str) -> None:
  check_known('order', order, ORDERS)


def rank_correlation(
  codewords: Num[Array, 'classes bits'],
  similarity: Float[Array, 'classes classes'],
) -> float:
  """How well codewords follow the similarity of classes.

  Args:
    codewords: -1/+1 `[classes, bits]`.
    similarity: float `[classes, classes]`, symmetric; what is above its
      diagonal counts.

  Returns:
    Spearman's rank correlation, over all pairs of classes, of the inner
    product of their codewords and their similarity: from -1 to 1, and 1 where
    more alike classes always have nearer codewords. NaN where all pairs have
    the same distance, or the same similarity.

  Example:
    >>> words = jnp.array([[1, 1, 1], [1, 1, -1], [-1, -1, -1]])
    >>> alike = jnp.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]])
    >>> rank_correlation(words, alike)
    1.0
  """
  from scipy import stats

  words = np.asarray(codewords).astype(np.int32)
  pairs = np.triu_indices(len(words), 1)
  nearness, alike = (words @ words.T)[pairs], np.asarray(similarity)[pairs]
  if not np.ptp(nearness) or not np.ptp(alike):
    return math.nan
  return float(stats.spearmanr(nearness, alike)[0])


def _check_rows(name: str, rows: jax.Array) -> None:
  if rows.shape[0] < 1 or rows.shape[1] < 2:
    raise ValueError(
      f'{name} must be [n, classes] of at least 1 row and 2 classes, got '
      f'{list(rows.shape)}'
    )
  if isinstance(rows, jax.core.Tracer):
    return
  finite = np.asarray(jnp.isfinite(rows).all(axis=1))
  if not finite.all():
    raise ValueError(f'{name} of row {int(finite.argmin())} are not finite')


def _check_classes(name: str, classes: jax.Array, num_classes: int) -> None:
  if classes.ndim != 1:
    raise ValueError(
      f'{name} must be int [n], one class a row (the method knows no samples '
      f'of several classes), got {list(classes.shape)}'
    )
  values = _values(classes)
  if values is None:
    return
  wrong = (values < 0) | (values >= num_classes)
  if wrong.any():
    row = int(wrong.argmax())
    raise ValueError(
      f'{name} must be from 0 to {num_classes - 1}, but row {row} is '
      f'{values[row]}'
    )


def _check_every_class(labels: jax.Array, num_classes: int) -> None:
  values = _values(labels)
  if values is None:
    return
  empty = np.flatnonzero(np.bincount(values, minlength=num_classes) == 0)
  if len(empty):
    raise ValueError(
      f'every class needs a row: there is none of class {empty[0]} (of '
      f'{len(empty)} of the {num_classes} classes)'
    )


def _values(array: jax.Array) -> Any:
  return None if isinstance(array, jax.core.Tracer) else np.asarray(array)
