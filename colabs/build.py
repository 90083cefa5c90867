"""Executes the notebooks and saves them with their outputs.

  python -m colabs.build --repository=OWNER/jaxhash
  python -m colabs.build --repository=OWNER/jaxhash --only=01

A notebook is a script, `colabs/NN_name.py`, in the percent format of jupytext.
It is run from its first cell to its last in a new kernel, which imports the
jaxhash of this checkout and works in an empty folder. The notebook is written
beside the script, unless a cell fails or all take too long. `OWNER/jaxhash` in
a script stands for the address on GitHub; `--repository` puts the real one in
its place.
"""

from __future__ import annotations

import logging
import os
import pathlib
import re
import tempfile
import time
from collections.abc import Sequence

import jupytext
import nbclient
import nbformat
from absl import flags

from jaxhash import commands

HERE = pathlib.Path(__file__).resolve().parent
PLACEHOLDER = 'OWNER/jaxhash'
MOST_BYTES = 1_500_000  # of a notebook; GitHub shows none that is much larger
OUTPUT_FIELDS = {  # all that the format wants; what else there is, is noise
  'stream': ('name', 'text'),
  'error': ('ename', 'evalue', 'traceback'),
  'display_data': ('data', 'metadata'),
  'execute_result': ('data', 'metadata', 'execution_count'),
}

REPOSITORY = flags.DEFINE_string(
  'repository',
  PLACEHOLDER,
  'Owner and name on GitHub, for the badges and the cells that install.',
)
ONLY = flags.DEFINE_multi_string(
  'only',
  [],
  'Build only the notebooks whose names begin so, such as 01',
)
FOLDER = flags.DEFINE_string(
  'folder', str(HERE), 'Where the scripts are, and the notebooks are written.'
)
SECONDS = flags.DEFINE_integer(
  'seconds',
  180,
  'A notebook that takes longer is an error.',
  lower_bound=1,
)

__all__ = [
  'MOST_BYTES',
  'PLACEHOLDER',
  'BuildError',
  'execute',
  'read_script',
  'scripts',
  'to_text',
]


class BuildError(RuntimeError):
  """A notebook cannot be built; the message says which cell and why."""


def scripts(
  folder: pathlib.Path, only: Sequence[str] = ()
) -> list[pathlib.Path]:
  """The scripts of the notebooks of a folder, in order.

  Args:
    folder: where they are; their names begin with two digits.
    only: beginnings of the names that are wanted; none for all.

  Raises:
    BuildError: there is no script, or none of a wanted name.
  """
  found = sorted(folder.glob('[0-9][0-9]_*.py'))
  for start in only or ['']:
    if not any(path.name.startswith(start) for path in found):
      names = ', '.join(path.stem for path in found) or 'none'
      raise BuildError(
        f'{folder} has no notebook {start!r}; it has these: {names}'
      )
  wanted = tuple(only) or ('',)
  return [path for path in found if path.name.startswith(wanted)]


def read_script(
  path: pathlib.Path, repository: str = PLACEHOLDER
) -> nbformat.NotebookNode:
  """Makes a notebook of a script; nothing has been executed.

  Args:
    path: of the script.
    repository: takes the place of `OWNER/jaxhash`.

  Returns:
    A notebook that depends on the script alone: its cells are numbered, not
    named at random.

  Raises:
    BuildError: the repository is no `OWNER/NAME`, or there are no cells.
  """
  if not re.fullmatch(r'[\w.-]+/[\w.-]+', repository):
    raise BuildError(f'the repository must be OWNER/NAME, got {repository!r}')
  text = path.read_text(encoding='utf-8').replace(PLACEHOLDER, repository)
  notebook = jupytext.reads(text, fmt='py:percent')
  if not notebook.cells:
    raise BuildError(f'{path.name} has no cells')
  notebook.metadata = nbformat.from_dict(
    {
      'kernelspec': {
        'display_name': 'Python 3',
        'language': 'python',
        'name': 'python3',
      },
      'language_info': {'name': 'python'},
    }
  )
  notebook.nbformat, notebook.nbformat_minor = 4, 5
  for number, cell in enumerate(notebook.cells):
    cell.id = f'cell-{number}'
    cell.metadata = nbformat.NotebookNode()
  return notebook


def execute(
  notebook: nbformat.NotebookNode, name: str, *, seconds: float = 180
) -> None:
  """Executes a notebook in a new kernel; its outputs are added in place.

  Args:
    notebook: from `read_script`.
    name: of the notebook, for errors.
    seconds: that all cells together may take, with the start of the kernel.

  Raises:
    BuildError: a cell raised an error, ended the kernel, or took too long.
  """
  end = time.monotonic() + seconds
  with (
    tempfile.TemporaryDirectory() as folder,
    tempfile.TemporaryDirectory() as settings,
  ):
    client = nbclient.NotebookClient(
      notebook,
      kernel_name='python3',
      resources={'metadata': {'path': folder}},
      timeout_func=lambda cell: max(0.1, end - time.monotonic()),
      record_timing=False,
      coalesce_streams=True,  # else what is printed is cut by chance
      # What is wrong is in the error; the kernel also has warnings of its own.
      extra_arguments=['--log-level=CRITICAL'],
    )
    client.log.setLevel(logging.CRITICAL)
    with client.setup_kernel(env=_environment(settings)):
      for number, cell in enumerate(notebook.cells):
        where = f'{name}, cell {number} ({_first_line(cell)})'
        try:
          client.execute_cell(cell, number)
        except nbclient.exceptions.CellTimeoutError as e:
          raise BuildError(
            f'{where}: the notebook takes more than {seconds:g} s'
          ) from e
        except (
          nbclient.exceptions.CellExecutionError,
          nbclient.exceptions.DeadKernelError,
        ) as e:
          text = re.sub('\x1b\\[[0-9;]*m', '', str(e))  # colours
          raise BuildError(f'{where} failed:\n{text}') from e
  for cell in notebook.cells:
    cell.metadata = nbformat.NotebookNode()
    if cell.cell_type == 'code':
      cell.outputs = [
        nbformat.NotebookNode(
          output_type=output.output_type,
          **{key: output[key] for key in OUTPUT_FIELDS[output.output_type]},
        )
        for output in cell.outputs
      ]


def _environment(settings: str) -> dict[str, str]:
  """Of the kernel: this checkout's jaxhash, a CPU, nobody's settings."""
  paths = [str(HERE.parent), os.environ.get('PYTHONPATH', '')]
  return {
    **os.environ,
    'PYTHONPATH': os.pathsep.join(filter(None, paths)),
    'JAX_PLATFORMS': 'cpu',
    'MPLBACKEND': 'module://matplotlib_inline.backend_inline',
    'IPYTHONDIR': settings,
    'PYDEVD_DISABLE_FILE_VALIDATION': '1',
  }


def _first_line(cell: nbformat.NotebookNode) -> str:
  return cell.source.strip().partition('\n')[0]


def to_text(notebook: nbformat.NotebookNode, name: str) -> str:
  """The notebook as the text of its file.

  Raises:
    BuildError: the notebook is larger than `MOST_BYTES`.
  """
  text = nbformat.writes(notebook) + '\n'
  size = len(text.encode())
  if size > MOST_BYTES:
    raise BuildError(
      f'{name} has {size / 1e6:.1f} MB of at most {MOST_BYTES / 1e6:.1f}: '
      'draw smaller pictures'
    )
  return text


def main() -> None:
  """Builds the notebooks that are wanted."""
  try:
    for path in scripts(pathlib.Path(FOLDER.value), ONLY.value):
      start = time.monotonic()
      notebook = read_script(path, REPOSITORY.value)
      execute(notebook, path.stem, seconds=SECONDS.value)
      text = to_text(notebook, path.stem)
      path.with_suffix('.ipynb').write_text(text, encoding='utf-8')
      print(
        f'{path.stem}: {time.monotonic() - start:.0f} s, '
        f'{len(text) / 1e6:.2f} MB',
        flush=True,
      )
  except BuildError as e:
    commands.fail(str(e))


if __name__ == '__main__':
  commands.run(main)
