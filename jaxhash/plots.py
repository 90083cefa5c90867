"""Figures as image files; needs matplotlib, the extra `jaxhash[plots]`.

Figures are made by matplotlib's object interface, without pyplot, so that no
display, global state or closing is involved. The ending of the path picks the
format.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhash import _figure

__all__ = [
  'check_installed',
  'distance_matrix',
  'gallery',
  'pr_curve',
  'training_curves',
]

_STYLES = ('-', '--', '-.', ':')
_RANKS = ('nearest', '2nd', '3rd')
Path = str | os.PathLike[str]


def check_installed() -> None:
  """Raises an ImportError if matplotlib is missing."""
  with _figure.look():
    pass


def pr_curve(
  curves: Mapping[str, tuple[Any, Any]],
  path: Path,
) -> None:
  """Draws precision against recall, one line for each method.

  Args:
    curves: `(recall, precision)` of each name, both `[points]` in [0, 1], by
      increasing recall. Points with a NaN are left out.
    path: file to write.

  Raises:
    ValueError: there are no curves, or two lengths differ.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   pr_curve({'ITQ': ([0.5, 1.0], [0.9, 0.4])}, path)
    ...   path.exists()
    True
  """
  if not curves:
    raise ValueError('there are no curves to draw')
  for name, (recall, precision) in curves.items():
    if np.shape(recall) != np.shape(precision) or np.ndim(recall) != 1:
      raise ValueError(
        f'curve {name!r}: recall and precision must be [points], got '
        f'{np.shape(recall)} and {np.shape(precision)}'
      )
  with _figure.look() as figure:
    fig = figure(figsize=(6.4, 4.8), layout='constrained')
    axes = fig.add_subplot()
    # Colour first, then the line style: up to 24 lines can be told apart.
    looks = itertools.product(_STYLES, _figure.COLORS)
    for (name, xy), (line, color) in zip(
      curves.items(), itertools.cycle(looks)
    ):
      recall, precision = (np.asarray(v, float) for v in xy)
      keep = np.isfinite(recall) & np.isfinite(precision)
      few = keep.sum() <= 40
      axes.plot(
        recall[keep],
        precision[keep],
        line,
        color=color,
        linewidth=2,
        marker='o' if few else None,
        markersize=4,
        label=name,
        clip_on=False,
      )
    axes.set(xlim=(0, 1), ylim=(0, 1.005), xlabel='recall', ylabel='precision')
    axes.grid(True)
    _legend(fig, axes, len(curves))
    fig.savefig(path, dpi=150)


def training_curves(records: Sequence[Mapping[str, Any]], path: Path) -> None:
  """Draws every logged scalar against the step, a panel each.

  Args:
    records: rows of a log, with `step` and any numbers; a row need not have
      them all, and what is no number is left out.
    path: file to write.

  Raises:
    ValueError: no record holds a step and a number.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   training_curves([{'step': 1, 'loss': 2.0}], path)
    ...   path.exists()
    True
  """
  series: dict[str, list[tuple[float, float]]] = {}
  for record in records:
    for name, value in record.items():
      if name != 'step' and 'step' in record and _is_number(value):
        series.setdefault(name, []).append((record['step'], float(value)))
  if not series:
    raise ValueError('no record holds a "step" and a number')
  columns = min(3, len(series))
  rows = -(-len(series) // columns)
  with _figure.look() as figure:
    fig = figure(figsize=(4 * columns, 2.7 * rows), layout='constrained')
    for i, (name, points) in enumerate(series.items()):
      axes = fig.add_subplot(rows, columns, i + 1)
      steps, values = np.array(points).T
      axes.plot(
        steps,
        values,
        color=_figure.COLORS[0],
        linewidth=1.8,
        marker='o' if len(steps) <= 40 else None,
        markersize=3.5,
      )
      axes.set_title(name, loc='left')
      axes.grid(True, axis='y')
      axes.margins(x=0.02, y=0.08)
      axes.locator_params(nbins=5)
      axes.ticklabel_format(scilimits=(-2, 5), useMathText=True)
      if i + columns >= len(series):
        axes.set_xlabel('step')
    fig.savefig(path, dpi=150)


def distance_matrix(matrix: Any, labels: Sequence[str], path: Path) -> None:
  """Draws distances between classes as a heat map, numbers in it up to 16.

  Args:
    matrix: `[classes, classes]`, such as the Hamming distances of codewords.
    labels: a name for each class.
    path: file to write.

  Raises:
    ValueError: the matrix is not square or has not a row for each label.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   distance_matrix([[0, 3], [3, 0]], ['cat', 'dog'], path)
    ...   path.exists()
    True
  """
  matrix = np.asarray(matrix, float)
  n = len(labels)
  if matrix.shape != (n, n) or not n:
    raise ValueError(
      f'{n} labels need a matrix of shape ({n}, {n}), got {matrix.shape}'
    )
  with _figure.look() as figure:
    size = float(np.clip(0.45 * n + 2.5, 4.5, 11))
    fig = figure(figsize=(size + 1, size), layout='constrained')
    axes = fig.add_subplot()
    image = axes.imshow(matrix, cmap='cividis', interpolation='nearest')
    bar = fig.colorbar(image, ax=axes, label='distance', shrink=0.8)
    bar.outline.set_visible(False)
    # With many classes every k-th is named, so that names do not overlap.
    ticks = range(0, n, -(-n // 40))
    names = [_figure.short(labels[i]) for i in ticks]
    axes.set_xticks(
      ticks, names, rotation=45, ha='right', rotation_mode='anchor'
    )
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0, labelsize=9 if n <= 20 else 7)
    axes.spines[:].set_visible(False)
    if n <= 16:
      middle = (np.nanmin(matrix) + np.nanmax(matrix)) / 2
      for i, j in np.ndindex(n, n):
        axes.text(
          j,
          i,
          f'{matrix[i, j]:.3g}',
          ha='center',
          va='center',
          fontsize=8,
          color='white' if matrix[i, j] < middle else _figure.INK,
        )
    fig.savefig(path, dpi=150)


def gallery(
  query_images: Any,
  neighbour_images: Any,
  correct: Any,
  path: Path,
  *,
  query_titles: Sequence[str] | None = None,
  neighbour_titles: Sequence[Sequence[str]] | None = None,
) -> None:
  """Draws queries, a row each, with their nearest images.

  A frame and a symbol say whether a neighbour is relevant: green and a check,
  or red and a cross.

  Args:
    query_images: `[queries, height, width, channels]`, uint8 or float in
      [0, 1], one channel (grey) or three (RGB).
    neighbour_images: `[queries, neighbours, height, width, channels]`, nearest
      first, usually ten of them.
    correct: bool `[queries, neighbours]`.
    path: file to write.
    query_titles: a line under each query, such as its class.
    neighbour_titles: a line under each neighbour, such as its distance.

  Raises:
    ValueError: shapes do not agree, or the images have not 1 or 3 channels.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> images = np.zeros((1, 4, 4, 1), np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   gallery(images, images[None], [[True]], path)
    ...   path.exists()
    True
  """
  queries, neighbours = np.asarray(query_images), np.asarray(neighbour_images)
  correct = np.asarray(correct, bool)
  _check_gallery(queries, neighbours, correct, query_titles, neighbour_titles)
  num_rows, num_columns = correct.shape
  titled = query_titles is not None or neighbour_titles is not None
  with _figure.look() as figure:
    # All lengths in inches, so that nothing moves with the number of rows.
    cell, gap, split, head, margin = 0.95, 0.12, 0.3, 0.3, 0.15
    line = 0.22 if titled else 0.0
    width = 2 * margin + split + (num_columns + 1) * (cell + gap) - gap
    height = 2 * margin + head + num_rows * (cell + gap + line) - gap
    fig = figure(figsize=(width, height))
    for column in range(num_columns + 1):
      left = margin + column * (cell + gap) + (split if column else 0)
      fig.text(
        (left + cell / 2) / width,
        1 - (margin + head / 2) / height,
        _rank(column - 1) if column else 'query',
        ha='center',
        va='center',
        fontsize=10,
        weight='bold' if column == 0 else 'normal',
        color=_figure.INK if column == 0 else _figure.MUTED,
      )
      for row in range(num_rows):
        top = margin + head + row * (cell + gap + line)
        axes = fig.add_axes(
          (
            left / width,
            1 - (top + cell) / height,
            cell / width,
            cell / height,
          )
        )
        if column == 0:
          _picture(
            axes, queries[row], query_titles[row] if query_titles else ''
          )
          continue
        title = neighbour_titles[row][column - 1] if neighbour_titles else ''
        _picture(axes, neighbours[row, column - 1], title)
        _mark(axes, bool(correct[row, column - 1]))
    middle = (margin + cell + (gap + split) / 2) / width
    fig.add_artist(
      _line([middle, middle], [margin / height, 1 - margin / height])
    )
    fig.savefig(path, dpi=150)


def _check_gallery(
  queries: np.ndarray,
  neighbours: np.ndarray,
  correct: np.ndarray,
  query_titles: Sequence[str] | None,
  neighbour_titles: Sequence[Sequence[str]] | None,
) -> None:
  shape = queries.shape
  if len(shape) != 4 or shape[-1] not in (1, 3) or not len(queries):
    raise ValueError(
      'query_images must be [queries, height, width, 1 or 3], got '
      f'{queries.shape}'
    )
  if (
    neighbours.ndim != 5
    or neighbours.shape[0] != len(queries)
    or neighbours.shape[-1] not in (1, 3)
  ):
    raise ValueError(
      f'neighbour_images must be [{len(queries)}, neighbours, height, width, '
      f'1 or 3], got {neighbours.shape}'
    )
  if correct.shape != neighbours.shape[:2]:
    raise ValueError(
      f'correct must be {neighbours.shape[:2]}, got {correct.shape}'
    )
  if query_titles is not None and len(query_titles) != len(queries):
    raise ValueError(f'{len(queries)} queries, {len(query_titles)} titles')
  if neighbour_titles is not None:
    lengths = [len(row) for row in neighbour_titles]
    if lengths != [correct.shape[1]] * len(queries):
      raise ValueError(
        f'neighbour_titles must be {correct.shape}, got rows of {lengths}'
      )


def _picture(axes: Any, image: np.ndarray, title: str) -> None:
  image = image if image.dtype == np.uint8 else np.clip(image, 0, 1)
  vmax = 255 if image.dtype == np.uint8 else 1
  if image.shape[-1] == 1:
    image = image[..., 0]
  axes.imshow(image, cmap='gray', vmin=0, vmax=vmax, interpolation='nearest')
  axes.set(xticks=[], yticks=[])
  axes.spines[:].set(visible=True, color=_figure.GRID, linewidth=0.8)
  if title:
    axes.set_xlabel(_figure.short(title, 14), fontsize=8, labelpad=4)


def _mark(axes: Any, correct: bool) -> None:
  color = _figure.CORRECT if correct else _figure.WRONG
  axes.spines[:].set(color=color, linewidth=3)
  axes.text(
    0.98,
    0.98,
    '\N{CHECK MARK}' if correct else '\N{BALLOT X}',
    transform=axes.transAxes,
    ha='right',
    va='top',
    fontsize=9,
    color='white',
    bbox={'boxstyle': 'square,pad=0.2', 'facecolor': color, 'linewidth': 0},
  )


def _line(x: list[float], y: list[float]) -> Any:
  from matplotlib.lines import Line2D

  return Line2D(x, y, color=_figure.MUTED, linewidth=1)


def _legend(fig: Any, axes: Any, number: int) -> None:
  if number <= 5:
    axes.legend(loc='best')
  else:
    fig.legend(loc='outside right upper')


def _rank(i: int) -> str:
  return _RANKS[i] if i < len(_RANKS) else f'{i + 1}th'


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)
