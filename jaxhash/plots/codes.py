"""Pictures of codes: their bits, and the distances of pairs."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from jaxhash.plots import _figure

__all__ = ['bit_health', 'pair_distances']

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
