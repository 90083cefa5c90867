"""What may happen to a run: kill -9, signals, a full disk, damaged files."""

import gc
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import training
from jaxhash.core import Aux, HashMethod, Variables
from jaxhash.training import signals
from tests.configs import small
from tests.method_suite import assert_bitwise_equal, experiment_of

# Orbax leaves threads' event loops and coroutines behind where a damaged
# checkpoint cannot be read; they are collected here, not in the next test.
pytestmark = pytest.mark.filterwarnings(
  'ignore::pytest.PytestUnraisableExceptionWarning'
)

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = 'tests/configs/small.py'
KILLED_AT_3 = """
import os, signal, sys
from jaxhash.training import checkpoints
save = checkpoints.Checkpoints.save
def save_and_die(self, state):
  save(self, state)
  if int(state.step) == 3:
    os.kill(os.getpid(), signal.SIGKILL)
checkpoints.Checkpoints.save = save_and_die
from experiments import command_line, train
command_line.run(train.main)
"""


@pytest.fixture(autouse=True)
def collected():
  yield
  gc.collect()


def start(workdir, *, code=None, config=CONFIG, devices=1, limit=None):
  command = ['-c', code] if code else ['-m', 'experiments.train']
  process = subprocess.Popen(
    [
      sys.executable,
      *command,
      f'--config={config}',
      f'--workdir={workdir}',
      '--noprogress',
      '--nopictures',
    ],
    cwd=ROOT,
    env={
      **os.environ,
      'XLA_FLAGS': os.environ['XLA_FLAGS'].replace(
        'device_count=4', f'device_count={devices}'
      ),
      'JAX_PLATFORMS': 'cpu',
      # A limit of the size of files would tear those of the cache, too.
      'JAX_ENABLE_COMPILATION_CACHE': str(limit is None),
    },
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  if (
    limit is not None
  ):  # a file size limit stands for a full disk, for root too
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
  return process


def finish(process):
  out, err = process.communicate(timeout=300)
  return process.returncode, out, err


def final_state(workdir, devices):
  config = training.read_config(workdir)
  experiment = training.build(
    config, mesh=training.make_mesh(jax.devices()[:devices])
  )
  return training.restore(experiment, workdir)


@pytest.mark.parametrize('devices', [1, 4])
def test_kill_9_and_restart_give_the_same_bits(tmp_path, devices):
  whole, parts = tmp_path / 'whole', tmp_path / 'parts'
  assert finish(start(whole, devices=devices))[0] == 0
  code, _, _ = finish(start(parts, code=KILLED_AT_3, devices=devices))
  assert code == -signal.SIGKILL
  assert not (parts / 'results.json').exists()
  # A torn line, as if the process had died while writing it.
  with (parts / 'metrics.jsonl').open('a') as f:
    f.write('{"step": 4, "lo')
  code, out, err = finish(start(parts, devices=devices))
  assert code == 0
  assert 'going on from step 3' in err
  assert 'mAP' in out
  for name in ('metrics.jsonl', 'results.json', 'config.json'):
    assert (whole / name).read_text() == (parts / name).read_text()
  assert_bitwise_equal(final_state(whole, devices), final_state(parts, devices))


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_exits(tmp_path, number):
  process = start(tmp_path, config=f'{CONFIG}:long')
  for _ in range(600):
    if (tmp_path / 'metrics.jsonl').exists():
      break
    time.sleep(0.1)
  process.send_signal(number)
  code, _, err = finish(process)
  assert code == 128 + number
  assert 'the state is saved' in err
  assert 'Traceback' not in err
  (step,) = training.Checkpoints(tmp_path / 'checkpoints').steps()
  lines = (tmp_path / 'metrics.jsonl').read_text().splitlines()
  assert json.loads(lines[-1])['step'] <= step


def test_the_second_signal_is_not_waited_for():
  before = signal.getsignal(signal.SIGINT)  # a shell's background ignores it
  with signals.stop_signals() as received:
    os.kill(os.getpid(), signal.SIGTERM)
    assert received == [signal.SIGTERM]
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
  assert signal.getsignal(signal.SIGINT) is before


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path):
  assert finish(start(tmp_path, code=KILLED_AT_3))[0] == -signal.SIGKILL
  code, _, err = finish(start(tmp_path, limit=8192))
  assert code == 1
  assert 'cannot save the checkpoint of step 6' in err
  assert 'the one of step 3 is kept' in err
  assert 'Traceback' not in err
  assert training.Checkpoints(tmp_path / 'checkpoints').steps() == [3]
  assert finish(start(tmp_path))[0] == 0


@pytest.mark.parametrize('limit', [0, 1024, 1400, 2048, 4096])
def test_a_full_disk_is_one_line(tmp_path, limit):
  code, _, err = finish(start(tmp_path, limit=limit))
  assert code == 1
  assert 'error: cannot' in err
  assert 'Traceback' not in err
  assert err.count('\n') == 1


def test_a_full_disk_spares_the_pictures(tmp_path):
  experiment, state = trained(tmp_path)
  encode = training.RowEncoder(experiment)
  training.write_report(experiment, state, encode, tmp_path)
  path = tmp_path / 'pr_curve.png'
  before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (16384, limits[1]))
  try:
    with pytest.raises(training.RunError, match=r'cannot write .*pr_curve'):
      training.write_report(experiment, state, encode, tmp_path)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert path.read_bytes() == before


def test_two_processes_do_not_train_in_one_workdir(tmp_path):
  experiment, _ = trained(tmp_path)
  with (
    training.workdir.locked(tmp_path),
    pytest.raises(training.WorkdirError, match='another process works'),
  ):
    training.train(experiment, tmp_path)


def test_looking_at_a_run_leaves_its_unfinished_checkpoint_alone(tmp_path):
  experiment, _ = trained(tmp_path)
  checkpoints = tmp_path / 'checkpoints'
  unfinished = checkpoints / '7.orbax-checkpoint-tmp'
  shutil.copytree(checkpoints / '6', unfinished)
  training.restore(experiment, tmp_path)
  assert unfinished.exists()


@pytest.mark.parametrize(
  'change', ['order', 'labels', 'inputs', 'protocol', 'file']
)
def test_other_data_are_noticed(tmp_path, change):
  experiment, _ = trained(tmp_path)
  labels = experiment.dataset.labels
  if change in ('order', 'labels'):
    other = labels[::-1] if change == 'order' else (labels + 1) % 3
    experiment = experiment._replace(
      dataset=experiment.dataset._replace(labels=other)
    )
  elif change == 'inputs':
    inputs = experiment.dataset.inputs + 1
    experiment = experiment._replace(
      dataset=experiment.dataset._replace(inputs=inputs)
    )
  elif change == 'protocol':
    split = experiment.split
    experiment = experiment._replace(
      split=split._replace(query=split.query[1:])
    )
  else:
    (tmp_path / 'split.npz').write_bytes(b'rows')
  for look in (training.train, training.restore):
    with pytest.raises(training.WorkdirError, match=r'other data|cannot be'):
      look(experiment, tmp_path)


def trained(tmp_path):
  config = small.get_config().to_dict()
  mesh = training.make_mesh(jax.devices()[:1])
  experiment = training.build(config, mesh=mesh)
  return experiment, training.train(experiment, tmp_path)


def largest_file(folder):
  files = [p for p in folder.rglob('*') if p.is_file()]
  return max(files, key=lambda p: p.stat().st_size)


@pytest.mark.parametrize('damage', ['truncated', 'one byte', 'missing'])
def test_a_damaged_checkpoint_falls_back(tmp_path, damage):
  experiment, before = trained(tmp_path)
  path = largest_file(tmp_path / 'checkpoints' / '6')
  content = bytearray(path.read_bytes())
  if damage == 'truncated':
    path.write_bytes(content[: len(content) // 2])
  elif damage == 'one byte':
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
  else:
    path.unlink()
  said = []
  after = training.train(experiment, tmp_path, say=said.append)
  assert 'the checkpoint of step 6' in said[0]
  assert 'going on from step 3' in said[1]
  assert_bitwise_equal(before, after)
  aside = list((tmp_path / 'unreadable').iterdir())
  assert len(aside) == 1  # moved, not deleted
  assert training.Checkpoints(tmp_path / 'checkpoints').steps() == [3, 6]


def test_no_readable_checkpoint_is_an_error(tmp_path):
  experiment, _ = trained(tmp_path)
  for step in (3, 6):
    largest_file(tmp_path / 'checkpoints' / str(step)).write_bytes(b'x')
  with pytest.raises(training.CheckpointError, match=r'step 6.*step 3'):
    training.train(experiment, tmp_path)
  assert training.Checkpoints(tmp_path / 'checkpoints').steps() == [3, 6]


def poisoned(num_bits):
  """A method whose loss is NaN at step 4."""

  def loss(variables, outputs, batch, *, key, step):
    value = jnp.square(outputs.logits - 1).mean()
    return jnp.where(step == 4, jnp.nan, value), Aux({'clean': value})

  return HashMethod(num_bits, lambda key, info: Variables(), loss)


@pytest.mark.parametrize('log_every', [1, 4])
def test_a_non_finite_loss_stops_the_run(tmp_path, log_every):
  method = {'name': f'{__name__}:poisoned', 'num_bits': 8}
  experiment = experiment_of(
    method, devices=1, log_every=log_every, checkpoint_every=3
  )
  with pytest.raises(training.NonFiniteLossError) as error:
    training.train(experiment, tmp_path)
  message = str(error.value)
  assert 'at step 4' in message
  assert 'loss nan' in message
  assert 'clean 0' in message or 'clean 1' in message
  assert 'the checkpoint of step 3 is kept' in message
  index = experiment.pipeline.batch(4)['index']
  assert str(experiment.split.train[index][0]) in message
  state = training.restore(experiment, tmp_path)
  assert int(state.step) == 3
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(state.params))
