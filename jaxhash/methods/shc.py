r"""SHC: hash centers as far apart as their classes are unlike.

Li Chen, Rui Liu, Yuxiang Zhou, Xudong Ma, Yong Chen and Dell Zhang, "Deep
Hashing with Semantic Hash Centers for Image Retrieval", ACM TOIS 2025
:cite:p:`chen2025shc` (arXiv 2507.08404). Paper and released code were read. Not
to be confused with "Image Retrieval with Well-Separated Semantic Hash Centers"
(ACCV 2022).

Stage 1, `classifier`: a classifier is trained, and the similarity S of two
classes is how much of its probability, the best class left out, one gives to
the rows of the other (equations 5 to 12; `codewords.class_similarity`).

Stage 2, `centers`: centers H in {-1, 1}^{q x C} that minimise

.. math:: \|S - H^\top H / q\|_F^2 + \mu \sum_{i \ne j} h_i^\top h_j

subject to a least distance d, Gilbert and Varshamov's, by an augmented
Lagrangian (`codewords.semantic`). They start from separated codewords, as the
paper's from MDSH's.

Stage 3: the loss of CSQ on these centers,

.. math::

  L = \operatorname{mean} \operatorname{BCE}
    \left( \frac{u + 1}{2}, \frac{h_y + 1}{2} \right)
    + \gamma \operatorname{mean} (|u| - 1)^2, \qquad u = \tanh(a).

What the authors' code does differently from the paper: it trains the
classifier on a softmax of a softmax, takes class sums for means and normalises
after symmetrising (`similarity_order='released'`), masks the true class in
place of the predicted one, and divides the term of mu by 10,000, so that the
mu of their results is 6.25e-5, the default here, not the .625 of the text. Its
multipliers never change, and where the start is not feasible its centers do
not either.

Departures: the search goes on where the paper's ends, by moves of single bits
and swaps of two classes (see `codewords.semantic`), which lowers the semantic
loss by another third to a half; it starts from `separated` codewords unless
`start='mdsh'`. The classifier is linear on the features of the encoder, trained
as the run is. sign(0) is +1. The paper is single-label, and so is this; for
several labels take the centers of your choice to `csq`.

Published numbers (mAP@ALL, ResNet-34, 16 / 32 / 64 bits): CIFAR-100 .4838
.5186 .5262, Stanford Cars-A .6433 .7300 .7720, NABirds-A .4755 .6001 .6566;
semantic loss over that of MDSH's centers, CIFAR-100: .55 .38 .61.

Measured here (`python -m benchmarks.center_quality`), 200 classes, features of
Tiny ImageNet, one seed, 16 / 32 / 64 bits: that ratio .73 .61 .47; the rank
correlation of nearness of centers and similarity of classes .33 .35 .38, of
MDSH's, CSQ's and random centers less than .01.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash._checks import check_int, check_not_negative
from jaxhash.codewords.base import check_sizes
from jaxhash.codewords.bounds import largest_distance
from jaxhash.codewords.class_similarity import (
  ORDERS,
  rank_correlation,
  similarity_from_logits,
)
from jaxhash.codewords.mdsh import mdsh
from jaxhash.codewords.semantic import semantic
from jaxhash.core import (
  HashMethod,
  Info,
  Stage,
  StageResult,
  Variables,
)
from jaxhash.lookup import check_known
from jaxhash.methods.class_bits import class_bits, feature_scores
from jaxhash.methods.csq import csq

__all__ = ['shc']

STARTS = ('separated', 'mdsh')


def shc(
  num_bits: int,
  *,
  quantization_weight: float = 1e-4,
  similarity_order: str = 'paper',
  distance: int | None = None,
  start: str = 'separated',
  mu: float = 6.25e-5,
  num_restarts: int = 1,
  num_iterations: int = 20,
  num_annealing_sweeps: int | None = None,
  num_polishing_sweeps: int = 100,
) -> HashMethod:
  """SHC in three stages, single-label.

  Rows without a label contribute nothing. Metrics: those of `csq`.

  Args:
    num_bits: bits of a code, at least 1.
    quantization_weight: gamma, at least 0.
    similarity_order: `paper` or `released`, see
      `codewords.class_similarity`.
    distance: d, the least distance of two centers; None means Gilbert and
      Varshamov's.
    start: what the centers start from: `separated`, codewords of at least the
      least distance, or `mdsh`, the search of MDSH, as in the paper.
    mu: weight of the balance of the centers' bits; the paper's text has .625.
    num_restarts: starts of the center search, of which the best result is
      taken.
    num_iterations: of the augmented Lagrangian.
    num_annealing_sweeps: of the local search that goes on from there; see
      `codewords.semantic`. None chooses by the number of classes; with 0,
      `num_polishing_sweeps=0` and `start='mdsh'` it is the paper's search.
    num_polishing_sweeps: of the greedy moves in the end.

  Returns:
    The method. Its stages are run by `training.prepare`; its `state` has the
    centers as codewords, int8 `[classes, num_bits]`.

  Raises:
    ValueError: a hyper-parameter is out of its range; at `init`, the stages
      have not been run, or the labels are multi-hot.

  Example:
    >>> [stage.name for stage in shc(32).stages]
    ['classifier', 'centers']
  """
  base = csq(num_bits, quantization_weight=quantization_weight)
  _check(similarity_order, start, mu)
  for name, count, least in (
    ('num_restarts', num_restarts, 1),
    ('num_iterations', num_iterations, 0),
    ('num_annealing_sweeps', num_annealing_sweeps, 0),
    ('num_polishing_sweeps', num_polishing_sweeps, 0),
    ('distance', distance, 1),
  ):
    if count is not None:
      check_int(name, count, least)
  search: dict[str, Any] = {
    'num_bits': num_bits,
    'distance': distance,
    'mu': mu,
    'num_restarts': num_restarts,
    'num_iterations': num_iterations,
    'num_annealing_sweeps': num_annealing_sweeps,
    'num_polishing_sweeps': num_polishing_sweeps,
  }

  def find_similarity(key: jax.Array, info: Info, rows: Any) -> StageResult:
    del key
    labels = np.asarray(info.labels)
    known = labels >= 0
    matrix = similarity_from_logits(
      jnp.asarray(rows[known]),
      jnp.asarray(labels[known]),
      order=similarity_order,
    )
    accuracy = float((rows[known].argmax(axis=1) == labels[known]).mean())
    return StageResult(
      {'similarity': np.asarray(matrix)}, {'train_accuracy': accuracy}
    )

  def find_centers(key: jax.Array, info: Info, rows: Any) -> StageResult:
    del rows
    similarity = jnp.asarray(info.arrays['similarity'])
    words = None
    if start == 'mdsh':
      words = mdsh(key, len(similarity), num_bits, distance=distance).codewords
    found = semantic(key, similarity, start=words, **search)
    rho = rank_correlation(found.codewords, (similarity + similarity.T) / 2)
    report = {
      **found.report,
      'rank_correlation': None if np.isnan(rho) else rho,
    }
    return StageResult({'codewords': np.asarray(found.codewords)}, report)

  def init(key: jax.Array, info: Info) -> Variables:
    if 'codewords' not in info.arrays:
      raise ValueError(
        'shc trains towards the centers of its stage "centers", which have '
        'not been computed: build the run by training.prepare; for centers of '
        'your own take csq(num_bits, codewords=...)'
      )
    centers = jnp.asarray(info.arrays['codewords'], jnp.int8)
    return Variables(state={'codewords': centers})

  return base._replace(
    init=init,
    stages=(
      Stage(
        'classifier',
        find_similarity,
        method=_classifier(num_bits, distance),
        rows=feature_scores,
        settings={'similarity_order': similarity_order},
      ),
      Stage('centers', find_centers, settings={**search, 'start': start}),
    ),
  )


def _check(similarity_order: str, start: str, mu: float) -> None:
  """Raises a ValueError for a hyper-parameter out of its range."""
  check_not_negative(mu=mu)
  for name, value, known in (
    ('similarity_order', similarity_order, ORDERS),
    ('start', start, STARTS),
  ):
    check_known(name, value, known)


def _check_centers(
  num_classes: int, num_bits: int, distance: int | None
) -> None:
  """Raises a ValueError where there can be no such centers."""
  check_sizes(num_classes, num_bits)
  greatest, bound = largest_distance(num_classes, num_bits)
  if distance is not None and distance > greatest:
    raise ValueError(
      f'{num_classes} centers of {num_bits} bits are at most {greatest} apart '
      f'by the {bound} bound, got distance={distance}'
    )


def _classifier(num_bits: int, distance: int | None) -> HashMethod:
  """A linear classifier on the features, whose logits are not used.

  Its `init` raises what would be wrong with the centers, before anything is
  trained.
  """
  base = class_bits(24)  # as many classes as a data set may have

  def init(key: jax.Array, info: Info) -> Variables:
    if info.labels.ndim != 1:
      raise ValueError(
        'shc is single-label: its similarity of classes is defined by rows of '
        f'one class each; got labels {list(info.labels.shape)}. For several '
        'labels give csq the codewords of your choice'
      )
    _check_centers(info.num_classes, num_bits, distance)
    if not isinstance(info.labels, jax.core.Tracer):
      counts = np.bincount(
        np.asarray(info.labels)[np.asarray(info.labels) >= 0],
        minlength=info.num_classes,
      )
      if not counts.all():
        raise ValueError(
          f'shc needs labelled train rows of every class; class '
          f'{int(counts.argmin())} has none'
        )
    return base.init(key, info)

  return base._replace(width=1, init=init)
