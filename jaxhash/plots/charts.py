"""Charts: curves, and distances as a heat map."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhash._checks import check_int
from jaxhash.plots import _figure

__all__ = [
  'distance_matrices',
  'distance_matrix',
  'pr_curve',
  'training_curves',
]

_STYLES = ('-', '--', '-.', ':')
Path = str | os.PathLike[str]


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
    fig = figure(figsize=(5.4, 4.1), layout='constrained')
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


def training_curves(
  records: Sequence[Mapping[str, Any]], path: Path, *, columns: int = 3
) -> None:
  """Draws every logged scalar against the step, a panel each.

  Args:
    records: rows of a log, with `step` and any numbers; a row need not have
      them all, and what is no number is left out.
    path: file to write.
    columns: of panels, at most.

  Raises:
    ValueError: no record holds a step and a number, or `columns` is no int of
      at least 1.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   training_curves([{'step': 1, 'loss': 2.0}], path)
    ...   path.exists()
    True
  """
  check_int('columns', columns, 1)
  series: dict[str, list[tuple[float, float]]] = {}
  for record in records:
    for name, value in record.items():
      if name != 'step' and 'step' in record and _is_number(value):
        series.setdefault(name, []).append((record['step'], float(value)))
  if not series:
    raise ValueError('no record holds a "step" and a number')
  columns = min(columns, len(series))
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


def distance_matrix(
  matrix: Any,
  labels: Sequence[str],
  path: Path,
  *,
  quantity: str = 'distance',
) -> None:
  """Draws distances between classes as a heat map, numbers in it up to 16.

  Args:
    matrix: `[classes, classes]`, such as the Hamming distances of codewords.
    labels: a name for each class.
    path: file to write.
    quantity: what the numbers are, for the colour bar.

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
    size = float(np.clip(0.4 * n + 2.0, 4.0, 11))
    fig = figure(figsize=(size + 1, size), layout='constrained')
    axes = fig.add_subplot()
    image = axes.imshow(matrix, cmap='cividis', interpolation='nearest')
    bar = fig.colorbar(image, ax=axes, label=quantity, shrink=0.8)
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


def distance_matrices(
  matrices: Mapping[str, Any],
  groups: Sequence[tuple[str, int]],
  path: Path,
) -> None:
  """Draws distances between the same classes side by side, as groups of them.

  Each matrix has its own scale, from its least to its greatest distance of two
  different classes, so that the patterns compare whatever their units.

  Args:
    matrices: `[classes, classes]` by title, classes in the order of the
      groups. The diagonal is drawn, but does not set the scale.
    groups: name of each group and its number of classes; those of less than a
      fortieth of all are not named.
    path: file to write.

  Raises:
    ValueError: there is no matrix, or one has not a row for each class.
    ImportError: matplotlib is missing.

  Example:
    >>> import pathlib, tempfile
    >>> matrix = [[0, 1, 8], [1, 0, 9], [8, 9, 0]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder) / 'picture.png'
    ...   distance_matrices(
    ...     {'HashNet': matrix}, [('pet', 2), ('boat', 1)], path
    ...   )
    ...   path.exists()
    True
  """
  sizes = [size for _, size in groups]
  n = sum(sizes)
  if not matrices:
    raise ValueError('there are no matrices to draw')
  for title, matrix in matrices.items():
    if np.shape(matrix) != (n, n) or n < 2:
      raise ValueError(
        f'groups of {n} classes, at least 2, need matrices [{n}, {n}], got '
        f'{list(np.shape(matrix))} of {title!r}'
      )
  edges = np.cumsum(sizes)[:-1] - 0.5
  middles = np.cumsum(sizes) - np.array(sizes) / 2 - 0.5
  # The names of small groups would overlap.
  names = [_figure.short(x) if 40 * size >= n else '' for x, size in groups]
  with _figure.look() as figure:
    fig = figure(figsize=(1.6 + 4.6 * len(matrices), 4.9), layout='constrained')
    for i, (title, distances) in enumerate(matrices.items()):
      matrix = np.asarray(distances, float)
      others = matrix[~np.eye(n, dtype=bool)]
      axes = fig.add_subplot(1, len(matrices), i + 1)
      image = axes.imshow(
        matrix,
        cmap='cividis',
        interpolation='nearest',
        vmin=np.nanmin(others),
        vmax=np.nanmax(others),
      )
      for edge in edges:
        axes.axhline(edge, color='white', linewidth=0.6)
        axes.axvline(edge, color='white', linewidth=0.6)
      axes.set_title(title, loc='left')
      axes.set_xticks([])
      axes.set_yticks(middles, names if i == 0 else [])
      axes.tick_params(length=0, labelsize=8)
      axes.spines[:].set_visible(False)
      bar = fig.colorbar(image, ax=axes, shrink=0.75, aspect=30)
      bar.outline.set_visible(False)
    fig.savefig(path, dpi=150)


def _legend(fig: Any, axes: Any, number: int) -> None:
  if number <= 5:
    axes.legend(loc='best')
  else:
    fig.legend(loc='outside right upper')


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)
