"""The look of our figures: palette, fonts, and the context to make one in."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
  'COLORS',
  'CORRECT',
  'GRID',
  'INK',
  'MUTED',
  'STYLE',
  'WRONG',
  'check_installed',
  'look',
  'short',
]

#: Okabe and Ito's palette: distinct to colour-blind readers as well.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
CORRECT, WRONG = '#009E73', '#D55E00'
INK, MUTED, GRID = '#222222', '#666666', '#dddddd'

#: What matplotlib's `rcParams.update` and `rc_context` take.
STYLE: Any = {
  'font.family': 'DejaVu Sans',
  'font.size': 10,
  'text.color': INK,
  'axes.edgecolor': MUTED,
  'axes.labelcolor': INK,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'axes.axisbelow': True,
  'axes.titlesize': 11,
  'grid.color': GRID,
  'grid.linewidth': 0.8,
  'xtick.color': MUTED,
  'ytick.color': MUTED,
  'legend.frameon': False,
  'figure.constrained_layout.w_pad': 0.12,
  'figure.constrained_layout.h_pad': 0.1,
}


@contextlib.contextmanager
def look() -> Iterator[Callable[..., Any]]:
  """Gives matplotlib's `Figure`, for figures made and saved in our style.

  Raises:
    ImportError: matplotlib is missing.
  """
  try:
    import matplotlib
    from matplotlib.figure import Figure
  except ImportError as e:
    raise ImportError(
      'plots need matplotlib: pip install "jaxhash[plots]"'
    ) from e
  with matplotlib.rc_context(STYLE):
    yield Figure


def check_installed() -> None:
  """Raises an ImportError if a library of `jaxhash[plots]` is missing."""
  missing = [
    library
    for library in ('jinja2', 'matplotlib', 'sklearn')
    if importlib.util.find_spec(library) is None
  ]
  if missing:
    raise ImportError(
      f'pictures and reports need {", ".join(missing)}: pip install '
      '"jaxhash[plots]"'
    )


def short(name: str, length: int = 20) -> str:
  """A name cut to a length, with an ellipsis for what was cut.

  Example:
    >>> short('aquarium fish', 9)
    'aquarium…'
  """
  if len(name) <= length:
    return name
  return name[: length - 1] + '\N{HORIZONTAL ELLIPSIS}'
