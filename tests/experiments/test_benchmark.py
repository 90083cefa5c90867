"""Tables over seeds, and cells that are never run twice."""

import json
import shutil
import signal

import numpy as np
import pytest

from jaxhash.training import workdir
from tests import processes

# Kills the process as the nth file is about to take its place, or has taken it.
KILLED = """
import os, pathlib, signal
left = [int(os.environ['WRITES'])]
replace = pathlib.Path.replace
def replace_or_die(self, target):
  left[0] -= 1
  if not left[0] and os.environ['WHEN'] == 'before':
    os.kill(os.getpid(), signal.SIGKILL)
  done = replace(self, target)
  if not left[0]:
    os.kill(os.getpid(), signal.SIGKILL)
  return done
pathlib.Path.replace = replace_or_die
from experiments import benchmark, command_line
command_line.run(benchmark.main)
"""

TABLE = '--config=tests/configs/small_table.py'


def run(workdir, *arguments):
  flags = (TABLE, f'--workdir={workdir}', '--noprogress', *arguments)
  return processes.run('experiments.benchmark', *flags)


def test_a_finished_cell_is_not_run_again(tmp_path):
  first = run(tmp_path)
  assert first.returncode == 0, first.stderr
  said = first.stderr.splitlines()
  assert 'shc, 8 bits, seeds 0, 1' in said and 'lsh, 4 bits, seeds 0, 1' in said
  assert 'shc, 4 bits, seeds 0, 1' in said
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
  # The table has what is finished for all the seeds asked for.
  assert '| shc |' in more.stdout and '3 seeds' in more.stdout
  assert 'lsh' not in more.stdout
  assert all(p.stat().st_mtime_ns == t for p, t in times.items() if p != cell)

  # A shallow method does not depend on the encoder, nor on the epochs.
  other = run(tmp_path, '--set=epochs=1')
  assert other.returncode == 1
  assert 'is of another config' in other.stderr and 'epochs' in other.stderr
  assert 'lsh' not in other.stderr
  cell.write_text('{"config": ')
  torn = run(tmp_path)
  assert torn.returncode == 1
  assert f'{cell} cannot be read' in torn.stderr
  assert torn.stderr.count('\n') == 1


def test_some_rows_of_a_table(tmp_path):
  first = run(tmp_path, '--methods=lsh', '--config.bits=(4,)')
  assert first.returncode == 0, first.stderr
  more = run(
    tmp_path, '--methods=cross_entropy', '--config.bits=(4,)', '--together=1'
  )
  assert more.returncode == 0, more.stderr
  assert 'cross_entropy, 4 bits, seeds 0\n' in more.stderr
  assert 'cross_entropy, 4 bits, seeds 1\n' in more.stderr
  # What was finished before stays in the table.
  assert '| lsh |' in more.stdout and '| cross_entropy |' in more.stdout
  assert (tmp_path / 'table.md').read_text() == more.stdout


def test_a_loss_that_is_not_finite_spares_the_other_cells(tmp_path):
  done = run(
    tmp_path,
    '--methods=cross_entropy,lsh',
    '--config.bits=(4,)',
    '--config.methods.cross_entropy.optimizer.learning_rate=1e38',
  )
  assert done.returncode == 1
  assert '| lsh |' in done.stdout and '| cross_entropy |' not in done.stdout
  assert (
    'cross_entropy, 4 bits: seed 0: the loss or its gradient' in done.stderr
  )
  assert (tmp_path / 'table.md').read_text() == done.stdout


def test_a_score_that_no_cell_has(tmp_path):
  score = '--config.scores.x=query_database.map'
  done = run(tmp_path, '--config.bits=(4,)', score)
  assert done.returncode == 1
  assert "score 'x' is query_database.map; query_database has" in done.stderr
  assert 'mAP_best' in done.stderr
  # It is noticed with the first cell, and with none the next time.
  assert len(list((tmp_path / 'cells').rglob('*.json'))) == 2
  again = run(tmp_path, '--config.bits=(4,)', score)
  assert again.returncode == 1 and again.stderr.count('\n') == 1


def test_a_score_that_no_method_has(tmp_path):
  score = '--config.scores.x=transductive.mAP'
  done = run(tmp_path, '--config.bits=(4,)', '--methods=lsh', score)
  assert done.returncode == 0  # other methods, or splits, may have it
  assert '| lsh |' in done.stdout
  assert "no cell has the score 'x', transductive.mAP" in done.stderr


def test_a_stage_of_a_seed_that_diverges_spares_the_others(tmp_path):
  arguments = (
    '--methods=cross_entropy',
    '--config.bits=(4,)',
    '--config.seeds=4',
    '--set=method.name=tests.training.test_stages:bad_stage',
    '--set=stages={"first": {"checkpoint_every": 1}}',
  )
  for _ in range(2):  # and the next time
    done = run(tmp_path, *arguments)
    assert done.returncode == 1
    finished = {p.stem for p in (tmp_path / 'cells').rglob('*.json')}
    assert 0 < len(finished) < 4
    last = done.stderr.splitlines()[-1]
    for seed in range(4):
      assert (f'seed{seed}' in finished) != (f'seed {seed}: ' in last)


def test_a_group_begun_with_another_config_is_noticed_at_once(tmp_path):
  arguments = ('--methods=cross_entropy', '--config.bits=(4,)')
  first = run(tmp_path, *arguments)
  assert first.returncode == 0, first.stderr
  shutil.rmtree(tmp_path / 'cells')
  folder = tmp_path / 'runs' / 'cross_entropy' / '4' / 'seeds-0-1'
  (folder.parent / 'seeds-0-1.bak').mkdir()
  other = run(tmp_path, '--config.bits=(4,)', '--set=epochs=1')
  assert other.returncode == 1
  assert f'{folder} is of another config' in other.stderr
  assert not (tmp_path / 'cells').exists()


def test_a_seed_that_diverges_spares_the_others(tmp_path):
  done = run(
    tmp_path,
    '--methods=cross_entropy',
    '--config.bits=(4,)',
    '--config.seeds=4',
    '--together=2',
    '--set=method.name=tests.training.test_stages:bad_seed',
  )
  assert done.returncode == 1
  assert 'each seed is trained alone' in done.stderr
  finished = {p.stem for p in (tmp_path / 'cells').rglob('*.json')}
  assert 0 < len(finished) < 4
  last = done.stderr.splitlines()[-1]
  for seed in range(4):
    assert (f'seed{seed}' in finished) != (f'seed {seed}: ' in last)


def test_kill_9_at_any_file_gives_the_same_table(tmp_path):
  arguments = ('--methods=shc,lsh', '--config.bits=(8,)')
  whole = run(tmp_path / 'whole', *arguments)
  assert whole.returncode == 0, whole.stderr
  codes = []
  for i in range(12):
    done = processes.run_code(
      KILLED,
      TABLE,
      f'--workdir={tmp_path / "parts"}',
      '--noprogress',
      *arguments,
      WRITES=str(3 + 2 * i),
      WHEN=('before', 'after')[i % 2],
    )
    codes.append(done.returncode)
    if done.returncode == 0:
      break
  assert codes[-1] == 0 and len(codes) > 3, done.stderr
  assert set(codes[:-1]) == {-signal.SIGKILL}
  assert done.stdout == whole.stdout
  for path in (tmp_path / 'whole' / 'cells').rglob('*.json'):
    part = tmp_path / 'parts' / path.relative_to(tmp_path / 'whole')
    assert json.loads(part.read_text()) == json.loads(path.read_text())


def test_one_process_works_on_a_table(tmp_path):
  with workdir.locked(tmp_path):
    done = run(tmp_path, '--methods=lsh')
  assert done.returncode == 1
  assert f'another process works in {tmp_path}' in done.stderr


@pytest.mark.parametrize('change', ['labels', 'inputs'])
def test_cells_of_other_data_are_not_joined(tmp_path, change):
  data = tmp_path / 'data'
  data.mkdir()
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(120, 6)).astype(np.float32)
  labels = np.repeat(np.arange(3), 40)
  np.save(data / 'inputs.npy', inputs)
  np.save(data / 'labels.npy', labels)
  arguments = (f'--arrays={data}', '--config.bits=(4,)')
  first = run(tmp_path / 'table', '--methods=lsh', *arguments)
  assert first.returncode == 0, first.stderr
  if change == 'labels':
    np.save(data / 'labels.npy', labels[::-1].copy())
  else:
    np.save(data / 'inputs.npy', inputs + 1)
  more = run(tmp_path / 'table', '--methods=cross_entropy', *arguments)
  assert more.returncode == 1
  assert 'was scored on other data' in more.stderr
  assert not (tmp_path / 'table' / 'runs').exists()


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
    (['--config.scores.x=typo.mAP'], "scores.x is 'typo.mAP'"),
    (['--config.scores.x=query_database'], "scores.x is 'query_database'"),
    (
      ['--config.methods.shc.protocol.num_query=5'],
      'cross_entropy and shc would be scored on other rows',
    ),
    (
      ['--config.scores.x=evaluations.agian.query_database.mAP'],
      'further evaluations: again',
    ),
  ],
)
def test_what_is_wrong_is_one_line(arguments, message, tmp_path):
  done = run(tmp_path / 'x', *arguments)
  assert done.returncode == 1
  assert message in done.stderr
  assert done.stderr.count('\n') == 1
  assert not (tmp_path / 'x').exists()
