"""Maps of codes in the plane."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxhash.plots import _figure

__all__ = ['MOST_NAMED', 'code_map', 'tsne']

MARKERS = ('o', '^', 's', 'D', 'v')
#: How many classes of a map have a colour and a shape of their own.
MOST_NAMED = len(MARKERS) * len(_figure.COLORS)
Path = str | os.PathLike[str]


def tsne(distances: Any, *, seed: int = 0) -> np.ndarray:
  """Positions in the plane: what is near in a distance is near there.

  Args:
    distances: `[n, n]`, symmetric, not negative; at least four items.
    seed: of the initial positions.

  Returns:
    float32 `[n, 2]`, by scikit-learn's t-SNE. What is far apart there says
    nothing, and neither do sizes of groups.

  Raises:
    ValueError: the matrix is not square or too small.
    ImportError: scikit-learn is missing.

  Example:
    >>> distances = 9 * (1 - np.kron(np.eye(2), np.ones((5, 5))))
    >>> tsne(distances).shape
    (10, 2)

  Source: van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 2008.
  """
  try:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # scikit-learn needs it
  except ImportError as e:
    raise ImportError(
      'a map of codes needs scikit-learn: pip install "jaxhash[plots]"'
    ) from e
  distances = np.asarray(distances, np.float32)
  n = len(distances)
  if distances.shape != (n, n) or n < 4:
    raise ValueError(
      'distances must be [n, n] of at least 4 items, got '
      f'{list(distances.shape)}'
    )
  layout = TSNE(
    metric='precomputed',
    init='random',
    perplexity=min(30.0, (n - 1) / 3),
    random_state=seed,
  )
  # Threads wait for each other by spinning: beside other work one is faster,
  # and sums are always in the same order.
  with threadpool_limits(1):
    return layout.fit_transform(distances)


def code_map(
  positions: Any,
  classes: Any,
  names: Sequence[str],
  path: Path,
  *,
  counts: Any = None,
  mixed: Any = None,
  codewords: Any = None,
) -> None:
  """Draws codes in the plane, a look for each class.

  Args:
    positions: float `[n, 2]`, such as `tsne` gives.
    classes: int `[n]`, positions in `names`; a negative one is drawn grey.
    names: of the classes. Up to `MOST_NAMED` of them have a colour and a shape
      of their own, and their names where most of their items are.
    path: file to write.
    counts: items that have each code, by which its area goes, `[n]`; None: 1.
    mixed: which codes items of several classes share, bool `[n]`; they have a
      dark edge.
    codewords: float `[classes, 2]`, drawn as stars.

  Raises:
    ValueError: shapes do not agree, or a class has no name.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   code_map([[0, 1], [2, 3]], [0, 1], ['cat', 'dog'], path)
    ...   path.exists()
    True
  """
  positions, classes = np.asarray(positions, float), np.asarray(classes)
  n = classes.size
  counts = np.ones(n) if counts is None else np.asarray(counts, float)
  mixed = np.zeros(n, bool) if mixed is None else np.asarray(mixed, bool)
  shapes = [list(x.shape) for x in (positions, classes, counts, mixed)]
  if shapes != [[n, 2], [n], [n], [n]]:
    raise ValueError(
      'positions, classes, counts and mixed must be [n, 2], [n], [n] and [n], '
      f'got {", ".join(map(str, shapes))}'
    )
  if not n or classes.max() >= len(names):
    raise ValueError(
      f'{len(names)} names, but classes are {np.unique(classes)}'
    )
  if codewords is not None and np.shape(codewords) != (len(names), 2):
    raise ValueError(
      f'codewords must be [{len(names)}, 2], got {list(np.shape(codewords))}'
    )
  from matplotlib import patheffects

  with _figure.look() as figure:
    fig = figure(figsize=(5.8, 5.0), layout='constrained')
    axes = fig.add_subplot()
    shown = [int(i) for i in np.unique(classes)]
    for i in shown:
      here = classes == i
      color, marker = _look(i) if i >= 0 else (_figure.MUTED, 'o')
      axes.scatter(
        *positions[here].T,
        s=14 * counts[here] ** 0.75 + 6,
        facecolor=(color, 0.75),
        marker=marker,
        edgecolor=[_figure.INK if edge else 'white' for edge in mixed[here]],
        linewidth=1.0,
      )
      if codewords is not None and i >= 0:
        axes.scatter(
          *np.asarray(codewords)[i],
          s=150,
          color=color,
          marker='*',
          edgecolor='white',
          linewidth=1.2,
          zorder=3,
        )
    named = [i for i in shown if i >= 0]
    for i in named if len(named) <= MOST_NAMED else []:
      here = classes == i
      axes.annotate(
        _figure.short(names[i], 16),
        _middle(positions[here], counts[here]),
        xytext=(0, 9),
        textcoords='offset points',
        ha='center',
        va='bottom',
        fontsize=9,
        weight='bold',
        zorder=4,
        path_effects=[patheffects.withStroke(linewidth=3, foreground='white')],
      )
    axes.set(xticks=[], yticks=[])
    axes.set_aspect('equal', adjustable='datalim')
    axes.spines[:].set(visible=True, color=_figure.GRID)
    axes.margins(0.07)
    fig.savefig(path, dpi=150)


def _look(number: int) -> tuple[str, str]:
  colors, number = _figure.COLORS, number % MOST_NAMED
  return colors[number % len(colors)], MARKERS[number // len(colors)]


def _middle(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
  """The point that is nearest to all, so that a name is never between."""
  distances = np.abs(points[:, None] - points[None]).sum(-1)
  return points[(distances @ weights).argmin()]
