"""Tables over seeds, and cells that are never run twice."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def run(workdir, *arguments):
  return subprocess.run(
    [
      sys.executable,
      '-m',
      'experiments.benchmark',
      '--config=tests/configs/small_table.py',
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
  first = run(tmp_path)
  assert first.returncode == 0, first.stderr
  said = first.stderr.splitlines()
  assert 'shc, 8 bits, seeds 0, 1' in said and 'lsh, 4 bits, seeds 0, 1' in said
  # The classifier before SHC does not depend on the bits; its centers do.
  assert sum('stage classifier' in line for line in said) == 1
  assert sum('stage centers' in line for line in said) == 2
  cell = tmp_path / 'cells' / 'shc' / '8' / 'seed1.json'
  results = json.loads(cell.read_text())
  assert results['config']['seed'] == results['seed'] == 1
  assert results['stages']['centers']['least_distance'] >= 1
  assert set(results['evaluations']) == {'again'}
  times = {
    p: p.stat().st_mtime_ns for p in (tmp_path / 'cells').rglob('*.json')
  }
  assert len(times) == 2 * 2 * 3  # bits, seeds, rows
  again = run(tmp_path)
  assert again.stdout == first.stdout and again.stderr == ''
  assert all(p.stat().st_mtime_ns == t for p, t in times.items())
  assert (tmp_path / 'table.md').read_text() == first.stdout
  header = (tmp_path / 'table.csv').read_text().splitlines()[0]
  assert header.startswith('score,method,bits,seeds,values,mean')

  # A lost cell is scored anew from the trained state; one more seed joins.
  cell.unlink()
  more = run(tmp_path, '--config.seeds=3', '--methods=shc')
  assert more.returncode == 0, more.stderr
  assert 'shc, 8 bits, seeds 0, 1' in more.stderr
  assert 'shc, 8 bits, seeds 2' in more.stderr
  assert json.loads(cell.read_text()) == results
  assert 'lsh' not in more.stdout and '3 seeds' in more.stdout
  assert all(p.stat().st_mtime_ns == t for p, t in times.items() if p != cell)

  other = run(tmp_path, '--set=epochs=1')
  assert other.returncode == 1
  assert 'is of another config' in other.stderr and 'epochs' in other.stderr


def test_an_interrupted_group_goes_on(tmp_path):
  arguments = ('--methods=cross_entropy', '--config.bits=(8,)')
  whole = run(tmp_path / 'whole', *arguments)
  assert whole.returncode == 0, whole.stderr
  # As if it had been killed after the checkpoint of step 3 of 6.
  group = tmp_path / 'parts' / 'runs' / 'cross_entropy' / '8' / 'seeds-0-1'
  group.parent.mkdir(parents=True)
  shutil.copytree(
    tmp_path / 'whole' / 'runs' / 'cross_entropy' / '8' / 'seeds-0-1', group
  )
  shutil.rmtree(group / 'checkpoints' / '6')
  # More seeds are asked for meanwhile: the begun group goes on as it was.
  parts = run(tmp_path / 'parts', *arguments, '--config.seeds=3')
  assert parts.returncode == 0, parts.stderr
  assert 'going on from step 3' in parts.stderr
  for seed in (0, 1):
    cells = [
      json.loads(
        (tmp_path / part / f'cells/cross_entropy/8/seed{seed}.json').read_text()
      )
      for part in ('whole', 'parts')
    ]
    assert cells[0] == cells[1]


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--set=epoch=2'], 'epoch'),
    (['--config.bits=(0,)'], 'num_bits'),
    (['--config.bits=()'], 'at least one of bits'),
    (['--config.seeds=0'], 'seeds must be at least 1'),
    (['--config.shallow=("itq",)', '--config.bits=(16,)'], 'length 6'),
    (['--config.shallow=("pcaa",)'], "unknown shallow method 'pcaa'"),
    (['--config=none.py'], 'none.py'),
    (['--methods=csq'], "no 'csq'; it has cross_entropy, shc, lsh"),
  ],
)
def test_what_is_wrong_is_one_line(arguments, message, tmp_path):
  done = run(tmp_path / 'x', *arguments)
  assert done.returncode == 1
  assert message in done.stderr
  assert done.stderr.count('\n') == 1
  assert not (tmp_path / 'x').exists()
