"""What an entry point prints when a run fails."""

import subprocess
import sys

import pytest

# What Orbax leaves behind where a disk is full, without its timing.
LEFT_OVER = """
import threading
from experiments import command_line
from jaxhash.training import RunError

async def coroutine(): pass

def main():
  coroutine()
  thread = threading.Thread(target=lambda: 1 / 0)
  thread.start()
  thread.join()
  raise RunError('the disk is full')

command_line.run(main)
"""


@pytest.mark.parametrize('debug', [False, True])
def test_a_failed_run_is_one_line_unless_debugged(debug):
  finished = subprocess.run(
    [sys.executable, '-c', LEFT_OVER, *(['--debug'] if debug else [])],
    capture_output=True,
    text=True,
    env={'JAX_PLATFORMS': 'cpu'},
    check=False,
  )
  assert finished.returncode == 1
  if debug:
    assert 'never awaited' in finished.stderr
    assert 'ZeroDivisionError' in finished.stderr
    assert 'RunError: the disk is full' in finished.stderr
  else:
    assert finished.stderr == 'error: the disk is full\n'
