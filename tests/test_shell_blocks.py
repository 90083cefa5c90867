"""The commands of the README and the guides run, on data like those they name.

In the order of a page and in one folder, as a reader runs them: what one
command makes, the next one finds. One epoch, one seed, one row and one column
of a table. `FOLDER` has as many rows and classes as the command's protocol
wants, and few features; `NAME` is a method that is there. The Makefile's
targets and the installation are left to the runs of the Makefile.
"""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.code_blocks import ROOT, blocks, commands, pages

pytestmark = pytest.mark.slow

BLOCKS = {str(page.relative_to(ROOT)): blocks(page) for page in pages()}
RUN = {
  name: [
    (block.line, command)
    for block in found
    if block.language == 'bash'
    for command in commands(block.text)
    if command[:2] == ['python', '-m'] and command[2] != 'pip'
  ]
  for name, found in BLOCKS.items()
}
# Features like those that a config's setting is for: classes, rows of train and
# of test; rows that have two views.
LIKE = {
  'cifar10': (10, 50_000, 10_000, 0),
  'cifar10_unsupervised': (10, 50_000, 10_000, 5_000),
  'tiny_imagenet': (200, 4_000, 3_200, 0),
  'own': (10, 1_400, 0, 0),
}


def write_features(folder, classes, train, test, views):
  """Clusters, as the .npy files that `FOLDER` stands for."""
  rng = np.random.default_rng(0)
  folder.mkdir()
  parts = {'train_': train, 'test_': test} if test else {'': train}
  for part, rows in parts.items():
    labels = np.arange(rows, dtype=np.int32) % classes
    inputs = rng.normal(labels[:, None] % 16 == np.arange(16), 0.3)
    np.save(folder / f'{part}inputs.npy', inputs.astype(np.float16))
    np.save(folder / f'{part}labels.npy', labels)
  if views:
    both = rng.normal(size=(2, views, 16)).astype(np.float16)
    np.save(folder / 'views.npy', both)


def write_images(folder):
  """Pictures of no sense, in ten classes."""
  rng = np.random.default_rng(0)
  folder.mkdir()
  labels = np.repeat(np.arange(10, dtype=np.int32), 140)
  images = rng.integers(0, 256, (len(labels), 8, 8, 3)).astype(np.uint8)
  np.save(folder / 'images.npy', images)
  np.save(folder / 'labels.npy', labels)


def write_taxonomy(path, classes=200):
  """A tree of ten branches in the format of nested chains."""
  names = [f'class {i:03d}' for i in range(classes)]
  chains = {n: [n, f'kind {i % 10}', 'entity'] for i, n in enumerate(names)}
  path.write_text(json.dumps({'classes': names, 'chains': chains}))


def write_codes(folder):
  """The files that `python -m jaxhash.metrics` reads."""
  rng = np.random.default_rng(0)
  for name, rows in {'q': 20, 'db': 6_000}.items():
    np.save(folder / f'{name}.npy', rng.choice([-1, 1], (rows, 16)))
    np.save(folder / f'y{name}.npy', rng.integers(0, 10, rows))


def data_of(command):
  """The set in `LIKE` on which a command runs; `images` for a ResNet."""
  text = ' '.join(command)
  if 'resnet' in text or '--transfer' in text:
    return 'images'
  if 'protocol.name=per_class' in text:
    return 'own'
  found = re.search('cifar10_unsupervised|cifar10|tiny_imagenet', text)
  return found[0] if found else 'own'


def reduced(module, arguments):
  """The same for one epoch, one seed, one row and one column of a table."""
  if module == 'experiments.train':
    return [*arguments, '--set=epochs=1', '--noprogress']
  if module == 'experiments.benchmark':
    kept = [a for a in arguments if not a.startswith('--methods')]
    named = [a.partition('=')[2] for a in arguments if a not in kept]
    config = next((a for a in kept if a.startswith('--config=')), 'digits')
    rows = named[0].split(',') if named else [first_row(config)]
    less = ['--set=epochs=1', '--config.seeds=1', '--config.bits=(16,)']
    return [*kept, f'--methods={rows[0]}', *less, '--noprogress']
  return arguments


def first_row(config):
  from experiments.configs import benchmark

  return benchmark.TABLES[config.partition(':')[2] or 'digits']['methods'][0]


@pytest.fixture
def place(tmp_path):
  """A folder that holds the repository's commands, and the readers' data."""
  for package in ('experiments', 'jaxhash', 'benchmarks', 'colabs'):
    (tmp_path / package).symlink_to(ROOT / package)
  for name, counts in LIKE.items():
    write_features(tmp_path / name, *counts)
  write_images(tmp_path / 'images')
  write_taxonomy(tmp_path / 'FILE')
  np.save(
    tmp_path / 'vectors.npy', np.random.default_rng(0).normal(size=(10, 5))
  )
  write_codes(tmp_path)
  return tmp_path


def run(command, place):
  done = subprocess.run(
    command,
    cwd=place,
    env={**os.environ, 'PYTHONPATH': str(place)},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, (command, done.stdout[-500:], done.stderr)
  return done.stdout


@pytest.mark.parametrize('page', [name for name, found in RUN.items() if found])
def test_the_commands_of_a_page_run(page, place):
  scripts = [b.text for b in BLOCKS[page] if b.language == 'python']
  if page.startswith('docs/') and scripts:  # they write what commands name
    run([sys.executable, '-c', '\n'.join(scripts)], place)
  for _, (_, _, module, *words) in RUN[page]:
    if module == 'pytest' or '--help' in words:
      continue
    arguments = [word.replace('NAME', 'csq') for word in words]
    folder = data_of([module, *arguments])
    given = [
      word.replace('FOLDER', folder) for word in reduced(module, arguments)
    ]
    printed = run([sys.executable, '-m', module, *given], place)
    assert 'mAP' in printed, (module, given)
