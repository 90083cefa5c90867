"""How unlike two rows are, to a method that need not see their labels."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxhash.core import Batch, Info, PyTree
from jaxhash.lookup import check_known
from jaxhash.losses import cosine_distances, has_label
from jaxhash.methods import _common
from jaxhash.similarity import relevance

__all__: list[str] = []

Source = str | np.ndarray | jax.Array
GIVEN = ('classes', 'class_vectors', 'rows', 'row_vectors')
NAMED = ('taxonomy', 'labels')
ROUNDING = 1e-5  # of similarities that were computed


class DistanceSource(NamedTuple):
  """Distances between rows, from one of several sources.

  Attributes:
    similarity: a name in `NAMED`, or an array.
    of: a name in `GIVEN`: what the array is of.
    what: what the array is called in errors.
  """

  similarity: str | np.ndarray
  of: str
  what: str

  def init(self, info: Info) -> PyTree:
    """What has to be kept of the source, in the state of a method.

    Raises:
      ValueError: there is no taxonomy, or the array is not of these data.
    """
    if isinstance(self.similarity, str):
      if self.similarity == 'labels':
        return {}
      if info.class_distances is None:
        raise ValueError(
          "similarity='taxonomy' needs the taxonomy of the run, the file of a "
          'class hierarchy (`--set=taxonomy=FILE`), got none; "labels" does '
          'without: rows are alike or not'
        )
      _check_single(info, "similarity='taxonomy'")
      return {'distances': jnp.asarray(info.class_distances, jnp.float32)}
    array, by_class = self.similarity, self.of.startswith('class')
    num_rows = info.num_rows or len(info.labels)
    count = info.num_classes if by_class else num_rows
    if len(array) != count:
      raise ValueError(
        f'{self.what} is of {len(array)} {"classes" if by_class else "rows"}, '
        f'the data have {count}'
      )
    if by_class:
      _check_single(info, self.what)
    elif info.train_rows is not None:
      array = array[info.train_rows]
    if self.of == 'row_vectors':  # never all pairs of them at once
      return {'vectors': jnp.asarray(array, jnp.float32)}
    if self.of == 'class_vectors':
      vectors = jnp.asarray(array, jnp.float32)
      return {'distances': cosine_distances(vectors, vectors) / 2}
    if not by_class and info.train_rows is not None:
      array = array[:, info.train_rows]
    return {'distances': jnp.asarray(np.clip(1 - array, 0, 1), jnp.float32)}

  def distances(
    self, state: PyTree, batch: Batch
  ) -> tuple[Float[Array, 'batch batch'], Bool[Array, 'batch']]:
    """Distances between the rows of a batch, and which of the rows have any.

    Args:
      state: of `init`.
      batch: its labels are used to look distances up, and where the source is
        of rows, not at all.
    """
    named = isinstance(self.similarity, str)
    if not named and self.of.startswith('row'):
      index = batch['index']
      every = jnp.ones(index.shape, bool)
      if self.of == 'row_vectors':
        vectors = state['vectors'][index]
        return cosine_distances(vectors, vectors) / 2, every
      return state['distances'][index[:, None], index[None]], every
    labels = batch['labels']
    if named and self.similarity == 'labels':
      alike = relevance(labels, labels)
      return 1 - alike.astype(jnp.float32), has_label(labels)
    classes = jnp.clip(labels, 0)
    distances = state['distances'][classes[:, None], classes[None]]
    return distances, has_label(labels)


def distance_source(similarity: Source, of: str) -> DistanceSource:
  """Reads and checks where distances are to come from.

  Args:
    similarity: `taxonomy`, that of the run; `labels`, 0 for a label in common
      and 1 for none; the path of a .npy file; or an array.
    of: what the array is of: `classes` or `rows`, similarities in [0, 1] of
      all pairs, 1 of each with itself; `class_vectors` or `row_vectors`, a
      vector of each, such as the text embedding of a class name, to be
      compared by cosine. Rows are all rows of the data set, in its order.

  Raises:
    ValueError: an unknown name, a file that cannot be read, or an array that
      is not as above.
  """
  check_known('similarity_of', of, GIVEN)
  what = 'the similarity'
  if isinstance(similarity, str):
    if similarity in NAMED:
      if of != 'classes':
        raise ValueError(
          f'similarity_of={of!r} says what an array is of, and similarity is '
          f'{similarity!r}: give an array or a .npy file'
        )
      return DistanceSource(similarity, of, what)
    if not similarity.endswith('.npy'):
      check_known('similarity', similarity, NAMED, other=', or a .npy file')
    what = f'the similarity in {similarity}'
    similarity = _common.load_array(similarity, 'the similarity in')
  array = np.asarray(similarity)
  _check_array(array, of, what)
  return DistanceSource(array.astype(np.float32), of, what)


def _check_array(array: np.ndarray, of: str, what: str) -> None:
  name = 'classes' if of.startswith('class') else 'num_rows'
  vectors = of.endswith('vectors')
  wanted = f'float [{name}, dims]' if vectors else f'float [{name}, {name}]'
  if (
    array.ndim != 2
    or not array.size
    or array.dtype.kind not in 'fiu'
    or not (vectors or array.shape[0] == array.shape[1])
  ):
    raise ValueError(
      f'{what} must be {wanted}, got {array.dtype} {list(array.shape)}'
    )
  if not np.isfinite(array).all():
    raise ValueError(f'{what} has values that are not finite')
  if vectors:
    zero = ~array.any(axis=1)
    if zero.any():
      raise ValueError(f'{what} has a vector of zeros, row {zero.argmax()}')
    return
  if array.min() < -ROUNDING or array.max() > 1 + ROUNDING:
    raise ValueError(
      f'{what} must be in [0, 1], got {array.min()} to {array.max()}'
    )
  if not np.allclose(array, array.T, atol=ROUNDING):
    raise ValueError(f'{what} must be symmetric, and is not')
  if not np.allclose(array.diagonal(), 1, atol=ROUNDING):
    raise ValueError(
      f'{what} must be 1 of each with itself, got {array.diagonal().min()}: '
      'are these distances?'
    )


def _check_single(info: Info, what: str) -> None:
  if info.labels.ndim != 1:
    raise ValueError(
      f'{what} is of classes, and needs int labels [num_train], got '
      f'{list(info.labels.shape)}: give similarity_of="rows" or "row_vectors"'
    )
