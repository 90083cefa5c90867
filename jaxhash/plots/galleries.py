"""Galleries: queries with their nearest images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxhash.plots import _figure

__all__ = ['gallery']

_RANKS = ('nearest', '2nd', '3rd')
Path = str | os.PathLike[str]


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


def _rank(i: int) -> str:
  return _RANKS[i] if i < len(_RANKS) else f'{i + 1}th'
