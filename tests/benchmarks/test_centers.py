"""The benchmarks of centers and seeds: both sides do the same work."""

import jax
import numpy as np
import pytest

from benchmarks import center_search
from benchmarks.center_search import Counts, Setting
from jaxhash.codewords import separated
from tests import processes


@pytest.fixture(scope='module')
def setting():
  start = separated(jax.random.key(0), 12, 16, distance=4).codewords
  similarity = center_search.tree_similarity(0, 12)
  return Setting(similarity, np.asarray(start, np.float32), 4)


@pytest.mark.parametrize('counts', [Counts(4, 0, 0), Counts(2, 0, 50)])
def test_numpy_makes_the_same_search(setting, counts):
  """Without the annealing, which draws other numbers."""
  ours, peer = (
    search(setting, counts)
    for search in (center_search._ours, center_search._numpy)
  )
  np.testing.assert_array_equal(ours, peer)
  assert center_search._loss(setting, ours) < center_search._loss(
    setting, setting.start
  )


def test_both_anneal_to_about_the_same_loss(setting):
  ours, peer = (
    center_search._loss(setting, search(setting, Counts(2, 300, 50)))
    for search in (center_search._ours, center_search._numpy)
  )
  assert ours == pytest.approx(peer, rel=0.05)


def run(name, *arguments):
  return processes.run(f'benchmarks.{name}', *arguments)


def test_quality_of_centers(tmp_path):
  path = tmp_path / 'arrays.npz'
  np.savez(path, similarity=center_search.tree_similarity(0, 12))
  done = run('center_quality', f'--similarity={path}', '--bits=16')
  assert done.returncode == 0, done.stderr
  lines = [line.split() for line in done.stdout.splitlines()[1:]]
  table = {line[0]: [float(value) for value in line[1:]] for line in lines}
  assert set(table) == {'mdsh', 'bernoulli', 'csq', 'separated', 'shc'}
  loss, ratio, rho = table['shc'][1:4]
  assert loss == min(values[1] for values in table.values())
  assert ratio == pytest.approx(loss / table['mdsh'][1], abs=0.01)
  assert rho == max(values[3] for values in table.values())


def test_a_file_without_a_similarity_is_one_line(tmp_path):
  path = tmp_path / 'arrays.npz'
  np.savez(path, other=np.eye(3))
  done = run('center_quality', f'--similarity={path}')
  assert done.returncode == 1
  assert 'has no array "similarity"' in done.stderr
  assert done.stderr.count('\n') == 1


def test_seeds_together_beside_one_after_another():
  done = run('seeds', '--config=tests/configs/small.py', '--seeds=2')
  assert done.returncode == 0, done.stderr
  assert 'adalabelhash, 2 seeds, 6 steps, cpu: together' in done.stdout
  assert 'times as fast' in done.stdout
