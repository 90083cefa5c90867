"""Tables over seeds, and cells that are never run twice."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from experiments import benchmark

ROOT = pathlib.Path(__file__).parents[2]


def cells(values, **more):
  return [{'query_database': {'mAP': v}, **more} for v in values]


def test_the_interval_is_that_of_scipy():
  values = [0.7, 0.8, 0.75, 0.9]
  low, high = stats.t.interval(
    0.95, 3, loc=np.mean(values), scale=stats.sem(values)
  )
  assert benchmark.interval(values) == pytest.approx((high - low) / 2)
  assert benchmark.interval([0.5]) == 0


def test_differences_are_paired_by_seed():
  text = benchmark.table(
    {
      'a': cells([0.1, 0.5, 0.9]),
      'b': cells([0.2, 0.6, 1.0], reconstruction='x'),
    }
  )
  rows = text.splitlines()
  assert '0.5000' in rows[2] and '0.6000' in rows[3]
  assert '+0.1000 +- 0.0000' in rows[3]  # although the seeds differ a lot
  assert '(reconstruction)' in rows[3] and '(reconstruction)' not in rows[2]


def run(workdir, *arguments):
  return subprocess.run(
    [
      sys.executable,
      '-m',
      'experiments.benchmark',
      '--configs=tests/configs/small.py',
      f'--workdir={workdir}',
      '--noprogress',
      *arguments,
    ],
    cwd=ROOT,
    env={**os.environ, 'XLA_FLAGS': ''},
    capture_output=True,
    text=True,
    check=False,
  )


def test_a_finished_cell_is_not_run_again(tmp_path):
  first = run(tmp_path, '--seeds=2', '--shallow=lsh', '--set=epochs=2')
  assert first.returncode == 0, first.stderr
  assert first.stderr.count('seed0') == 2  # the method and its reference
  results = tmp_path / 'small' / 'seed0' / 'results.json'
  before = results.stat().st_mtime_ns
  again = run(tmp_path, '--seeds=2', '--shallow=lsh', '--set=epochs=2')
  assert again.stdout == first.stdout
  assert again.stderr == ''
  assert results.stat().st_mtime_ns == before
  assert (tmp_path / 'table.md').read_text() == first.stdout


def test_what_is_wrong_is_one_line(tmp_path):
  for arguments, message in (
    (['--set=epoch=2'], 'epoch'),
    (['--set=method.num_bits=0'], 'num_bits'),
    (['--shallow=itq', '--set=method.num_bits=16'], 'features of length 6'),
    (['--shallow=pcaa'], "unknown shallow method 'pcaa'"),
    (['--configs=none.py'], "no config file 'none.py'"),
  ):
    done = run(tmp_path / 'x', '--seeds=1', *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count('\n') == 1
    assert not (tmp_path / 'x').exists()
