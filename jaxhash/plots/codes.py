"""Pictures of codes: their bits, their distances, and a map of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxhash.plots import _figure

__all__ = ['MOST_NAMED', 'bit_health', 'code_map', 'pair_distances', 'tsne']

MARKERS = ('o', '^', 's', 'D', 'v')
#: How many classes of a map have a colour and a shape of their own.
MOST_NAMED = len(MARKERS) * len(_figure.COLORS)
Path = str | os.PathLike[str]


def bit_health(codes: Any, path: Path, *, columns: int = 2) -> None:
  """Draws the mean of each bit, and how bits correlate.

  Args:
    codes: -1/+1 `[n, bits]`, at least one row.
    path: file to write.
    columns: 2: side by side; 1: one below the other.

  Raises:
    ValueError: the codes are not as above, or `columns` is neither.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> codes = np.array([[1, 1, -1], [1, -1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   bit_health(codes, path)
    ...   path.exists()
    True
  """
  codes = np.asarray(codes)
  if codes.ndim != 2 or not codes.size or not (np.abs(codes) == 1).all():
    raise ValueError(
      f'codes must be -1 or +1, [n, bits], got {codes.dtype} '
      f'{list(codes.shape)}'
    )
  if columns not in (1, 2):
    raise ValueError(f'columns must be 1 or 2, got {columns}')
  codes = codes.astype(np.float32)
  mean = codes.mean(axis=0)
  deviation = np.sqrt(1 - mean**2)
  with np.errstate(invalid='ignore', divide='ignore'):
    correlation = (codes.T @ codes / len(codes) - np.outer(mean, mean)) / (
      np.outer(deviation, deviation)
    )
  correlation[~np.isfinite(correlation)] = np.nan  # of a bit that is constant
  with _figure.look() as figure:
    if columns == 2:
      fig = figure(figsize=(8.6, 3.9), layout='constrained')
      bars, matrix = fig.subplots(1, 2, width_ratios=(1.15, 1))
    else:
      fig = figure(figsize=(4.6, 7.2), layout='constrained')
      bars, matrix = fig.subplots(2, 1, height_ratios=(1, 1.3))
    bars.bar(np.arange(len(mean)), mean, color=_figure.COLORS[0], width=0.8)
    bars.axhline(0, color=_figure.MUTED, linewidth=0.8)
    bars.set(
      ylim=(-1, 1), xlim=(-0.7, len(mean) - 0.3), xlabel='bit', ylabel='mean'
    )
    bars.set_title('mean of each bit, 0 if balanced', loc='left')
    bars.xaxis.get_major_locator().set_params(integer=True)
    bars.grid(True, axis='y')
    np.fill_diagonal(correlation, np.nan)
    image = matrix.imshow(
      correlation, cmap='RdBu_r', vmin=-1, vmax=1, interpolation='nearest'
    )
    matrix.set_facecolor(_figure.GRID)
    matrix.set(xlabel='bit', ylabel='bit')
    for axis in (matrix.xaxis, matrix.yaxis):
      axis.get_major_locator().set_params(integer=True)
    matrix.set_title('correlation of two bits', loc='left')
    bar = fig.colorbar(image, ax=matrix, shrink=0.85)
    bar.outline.set_visible(False)
    fig.savefig(path, dpi=150)


def pair_distances(
  distances: Any,
  relevant: Any,
  irrelevant: Any,
  path: Path,
  *,
  quantity: str = 'Hamming distance',
) -> None:
  """Draws how far relevant and irrelevant items are from their queries.

  Each kind as shares of its own pairs, so that both can be seen where few
  items are relevant.

  Args:
    distances: the middle of each bin, evenly spaced and ascending, `[bins]`.
    relevant: number of relevant pairs in each bin, `[bins]`.
    irrelevant: likewise of the other pairs.
    path: file to write.
    quantity: what the distances are.

  Raises:
    ValueError: the lengths differ, there are fewer than two bins or no pairs.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   pair_distances([0, 1, 2], [5, 1, 0], [0, 3, 9], path)
    ...   path.exists()
    True
  """
  distances = np.asarray(distances, float)
  counts = {'relevant': relevant, 'not relevant': irrelevant}
  counts = {name: np.asarray(n, float) for name, n in counts.items()}
  shapes = [n.shape for n in counts.values()]
  if (
    distances.ndim != 1 or len(distances) < 2 or shapes != [distances.shape] * 2
  ):
    raise ValueError(
      'distances, relevant and irrelevant must be [bins], at least two, got '
      f'{list(distances.shape)} and {[list(s) for s in shapes]}'
    )
  if not sum(n.sum() for n in counts.values()):
    raise ValueError('there are no pairs to draw')
  half = (distances[1] - distances[0]) / 2
  edges = np.append(distances - half, distances[-1] + half)
  colors = _figure.CORRECT, _figure.WRONG
  with _figure.look() as figure:
    fig = figure(figsize=(5.4, 3.3), layout='constrained')
    axes = fig.add_subplot()
    for (name, number), color in zip(counts.items(), colors):
      share = number / max(number.sum(), 1)
      axes.stairs(
        share,
        edges,
        fill=True,
        facecolor=(color, 0.35),
        edgecolor=color,
        linewidth=1.6,
        label=f'{name}: {number.sum():,.0f} pairs',
      )
    seen = np.flatnonzero(sum(counts.values()))
    axes.set(
      xlabel=quantity,
      ylabel='share of the pairs',
      xlim=(edges[seen[0]], edges[seen[-1] + 1]),
    )
    axes.set_ylim(bottom=0)
    axes.grid(True, axis='y')
    fig.legend(loc='outside upper left', ncols=2)
    fig.savefig(path, dpi=150)


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
