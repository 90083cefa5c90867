"""Looks into the wheel and the sdist, installs each, and tries it.

  python tests/check_dist.py dist python3

The folder has one wheel and one sdist; the Python makes the environment, empty
but for one of them and what it depends on, in which `check_installed.py` runs.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
# What a wheel of jaxhash may have beside the package itself.
METADATA = ('METADATA', 'RECORD', 'WHEEL', 'licenses/LICENSE')
NEEDED = (  # to build it, and to know what one may do with it
  'CITATION.cff',
  'LICENSE',
  'README.md',
  'pyproject.toml',
)


def check_wheel(path: pathlib.Path) -> None:
  """The wheel has all files of the package, its licence, and nothing else."""
  with zipfile.ZipFile(path) as archive:
    names = set(archive.namelist())
  info = next(n.partition('/')[0] for n in names if n.endswith('/METADATA'))
  wanted = _package() | {f'{info}/{name}' for name in METADATA}
  _check_same(names, wanted, path)


def check_sdist(path: pathlib.Path) -> None:
  """The sdist has all files of the package, and what building it needs."""
  with tarfile.open(path) as archive:
    files = [m.name for m in archive.getmembers() if m.isfile()]
  names = {name.partition('/')[2] for name in files}
  missing = (_package() | set(NEEDED)) - names
  assert not missing, f'{path.name} lacks {sorted(missing)}'


def install(path: pathlib.Path, python: str, folder: pathlib.Path) -> None:
  """Installs an archive alone, and checks it there."""
  subprocess.run([python, '-m', 'venv', '--clear', folder], check=True)
  own = folder / 'bin' / 'python'
  pip = [own, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  constraints = ['--constraint', ROOT / 'constraints.txt']
  subprocess.run([*pip, *constraints, path], check=True)
  subprocess.run(
    [own, '-m', 'pip', 'check'], check=True, stdout=subprocess.DEVNULL
  )
  script = ROOT / 'tests' / 'check_installed.py'
  print(f'{path.name}: ', end='', flush=True)
  subprocess.run([own, '-I', script], check=True, cwd=folder)


def main() -> None:
  """Checks both archives."""
  dist, python = pathlib.Path(sys.argv[1]), sys.argv[2]
  (wheel,), (sdist,) = dist.glob('*.whl'), dist.glob('*.tar.gz')
  check_wheel(wheel)
  check_sdist(sdist)
  with tempfile.TemporaryDirectory() as folder:
    for path in (wheel, sdist):
      install(path.resolve(), python, pathlib.Path(folder) / 'venv')


def _package() -> set[str]:
  """The files of the package as they are in the checkout."""
  files = (ROOT / 'jaxhash').rglob('*')
  return {
    str(path.relative_to(ROOT))
    for path in files
    if path.is_file() and '__pycache__' not in path.parts
  }


def _check_same(names: set[str], wanted: set[str], path: pathlib.Path) -> None:
  assert not wanted - names, f'{path.name} lacks {sorted(wanted - names)}'
  assert not names - wanted, f'{path.name} also has {sorted(names - wanted)}'


if __name__ == '__main__':
  main()
