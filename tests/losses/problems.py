"""Random pairs, and what plain loops say of them."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from tests.oracles import pairs as oracle

# The batch by which the losses of the literature are known, with its labels.
U = jnp.array([[1, -0.5, 0.2, -2], [0.5, 0.5, -1, -1], [-1, 2, 0.3, 0.7]])
Y = jnp.array([0, 0, 1])
ALL = jnp.ones((3, 3), bool)
APART = ~jnp.eye(3, dtype=bool)
KINDS = ('int', 'multi', 'soft', 'others', 'where', 'self_pairs')


class Problem(NamedTuple):
  """Rows with labels, some of them hidden, and which of their pairs count.

  Attributes:
    codes: float32 `[rows, bits]`.
    others: float32 `[others, bits]`, or None for the rows themselves.
    labels: int `[rows]` or multi-hot `[rows, classes]`.
    other_labels: of the same kind, or None.
    options: those of `label_pairs`.
    similarity: by the loops, float32 `[rows, others]`.
    counts: by the loops, bool `[rows, others]`.
  """

  codes: np.ndarray
  others: np.ndarray | None
  labels: np.ndarray
  other_labels: np.ndarray | None
  options: dict
  similarity: np.ndarray
  counts: np.ndarray

  @property
  def second(self):
    return self.codes if self.others is None else self.others


def problem(kind, seed=0, rows=7, bits=6):
  rng = np.random.default_rng([seed, KINDS.index(kind)])

  def draw(number):
    codes = 1.5 * rng.normal(size=(number, bits)).astype(np.float32)
    labels = rng.integers(0, 3, number, np.int32)
    labels[[0, 1, 3, 4]] = 0, -1, 0, 1
    if kind in ('multi', 'soft'):
      labels = (rng.random((number, 5)) < 0.4).astype(np.uint8)
      labels[1] = 0
    return codes, labels

  codes, labels = draw(rows)
  others, other_labels = draw(rows - 2) if kind == 'others' else (None, None)
  options = {}
  if kind == 'soft':
    options['soft'] = True
  if kind == 'self_pairs':
    options['self_pairs'] = True
  if kind == 'where':
    options['where'] = np.arange(rows) % 4 != 2
  second = labels if other_labels is None else other_labels
  return Problem(
    codes,
    others,
    labels,
    other_labels,
    options,
    oracle.label_similarity(
      labels, second, soft=options.get('soft', False)
    ).astype(np.float32),
    oracle.counted_pairs(
      labels,
      other_labels,
      self_pairs=options.get('self_pairs', False),
      where=options.get('where'),
    ),
  )


def close(actual, expected, rtol=2e-6, atol=1e-6):
  np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def assert_reduced(loss, expected, counts):
  """A loss `reduce_fn -> value` is the table, its sum and its mean."""
  expected = np.where(counts, expected, 0)
  close(loss(None), expected, 1e-5, 1e-5)
  close(loss(jnp.sum), expected.sum(), 1e-5)
  close(loss(jnp.mean), expected.sum() / counts.sum(), 1e-5)
