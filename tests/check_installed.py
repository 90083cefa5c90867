"""Whether an installed jaxhash works with nothing but what it depends on.

  python tests/check_installed.py

For the Python of an environment in which jaxhash alone was installed; `make
dist` calls it for the wheel and for the sdist. Everything is checked in that
environment's copy, never in a checkout.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import sys
import time

# What `import jaxhash` must not import: whoever wants one loss waits for none.
HEAVY = (
  'flax',
  'matplotlib',
  'numba',
  'optax',
  'orbax',
  'scipy.stats',
  'sklearn',
  'tensorflow',
  'tensorflow_datasets',
)
# Not among the dependencies: the library must do without.
EXTRAS = ('matplotlib', 'numba', 'sklearn', 'tensorflow_datasets', 'faiss')
# That `import jaxhash` may take beside `import jax`; of CPU time, which other
# work on the machine does not lengthen.
SECONDS = 0.5
REPEATS = 7
TIMED = """
import time
start = time.perf_counter()
import jax
middle, cpu = time.perf_counter(), time.process_time()
import jaxhash
end = time.perf_counter()
print(middle - start, end - middle, time.process_time() - cpu)
"""


def check_place() -> None:
  """The installed package is looked at, and its extras are not there."""
  import importlib.util

  import jaxhash

  where = pathlib.Path(jaxhash.__file__)
  assert where.is_relative_to(sys.prefix), f'{where} is not in {sys.prefix}'
  assert (where.parent / 'py.typed').is_file()
  there = [name for name in EXTRAS if importlib.util.find_spec(name)]
  assert not there, f'{there} are installed: this is not the core alone'


def check_imports() -> str:
  """Checks what is imported and how long it takes, and says the medians."""
  code = f'import jaxhash, sys; print([m for m in {HEAVY} if m in sys.modules])'
  heavy = _python('-c', code).strip()
  assert heavy == '[]', f'import jaxhash imports {heavy}'
  _python('-c', TIMED)  # the files are in memory from here on
  times = [_python('-c', TIMED).split() for _ in range(REPEATS)]
  jax, ours, cpu = (
    statistics.median(map(float, column)) for column in zip(*times)
  )
  assert cpu < SECONDS, f'import jaxhash takes {cpu:.2f} s of CPU beside jax'
  return (
    f'import jax {jax:.2f} s, import jaxhash {ours:.2f} s more, {cpu:.2f} s of '
    f'CPU (medians of {REPEATS})'
  )


def check_answers() -> None:
  """A metric, a loss, a construction of codewords and a search are right."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from jaxhash import codewords, losses, metrics, search

  # The nearest is relevant, the next is not, the last is: (1/1 + 2/3) / 2.
  database = np.array([[1, 1, 1, 1], [1, 1, 1, -1], [1, 1, -1, -1]], np.int8)
  scores = metrics.evaluate(
    database[:1], database, np.array([7]), np.array([7, 5, 7])
  )
  assert abs(scores['mAP'] - 5 / 6) < 1e-6, scores['mAP']
  distances, items = search.top_k(database[:1], database, 2)
  assert np.asarray(items).tolist() == [[0, 1]], items
  assert np.asarray(distances).tolist() == [[0, 1]], distances
  # Own codeword at an inner product of 4, the other one at 0: 2 - (4 - 0) < 0,
  # and against the other label 2 - (0 - 4) = 6.
  words = jnp.array([[1.0, 1, 1, 1], [1, 1, -1, -1]])
  hinge = losses.hardest_negative_hinge_loss
  for label, wanted in ((0, 0.0), (1, 6.0)):
    labels = jnp.array([label])
    loss = float(hinge(words[:1], words, labels, margin=2.0))
    assert abs(loss - wanted) < 1e-6, (label, loss)
  found = codewords.separated(jax.random.key(0), num_classes=16, num_bits=8)
  codes = np.asarray(found.codewords)
  apart = (codes[:, None] != codes).sum(axis=2)[~np.eye(16, dtype=bool)]
  assert apart.min() == 4, apart  # the extended Hamming code [8, 4, 4]


def check_command() -> None:
  """`python -m jaxhash.metrics` shows its flags, and names a wrong one."""
  shown = _run('-m', 'jaxhash.metrics', '--help')
  assert '--query_codes' in shown.stdout, shown
  wrong = _run('-m', 'jaxhash.metrics', '--querycodes=a.npy')
  assert wrong.returncode == 1, wrong
  assert wrong.stderr.startswith('error: a flag is wrong: '), wrong


def main() -> None:
  """Checks all, and prints what was measured."""
  start = time.monotonic()
  check_place()
  times = check_imports()
  check_answers()
  check_command()
  print(
    f'Python {sys.version.split()[0]}: {times}; checked in '
    f'{time.monotonic() - start:.0f} s'
  )


def _python(*arguments: str) -> str:
  done = _run(*arguments)
  assert done.returncode == 0, done.stderr
  return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
  """Runs this Python; neither the folder nor PYTHONPATH adds a module."""
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu'}
  return subprocess.run(
    [sys.executable, '-I', *arguments],
    capture_output=True,
    text=True,
    env=environment,
    check=False,
  )


if __name__ == '__main__':
  main()
