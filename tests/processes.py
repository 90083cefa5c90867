"""Commands in processes of their own, without the time of their imports.

`python -m` imports for longer than a small run computes. Here each command is a
fork of one process, which has imported what is heavy and used nothing of it: it
has no flags and no devices yet. `tests/training/test_interruptions.py` starts
commands as users do.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile

__all__ = ['ONE_DEVICE', 'ROOT', 'run', 'run_code']

ROOT = pathlib.Path(__file__).parents[1]
# As the tests compile, but without their four virtual devices.
ONE_DEVICE = os.environ.get('XLA_FLAGS', '').replace(
  '--xla_force_host_platform_device_count=4', ''
)
HEAVY = [
  'jaxhash.plots',
  'jaxhash.shallow',
  'jaxhash.training',
  'matplotlib.pyplot',
  'ml_collections.config_flags',
  'orbax.checkpoint.experimental.v1',
  'scipy.stats',
]
CONTEXT = multiprocessing.get_context('forkserver')
CONTEXT.set_forkserver_preload(HEAVY)


def run(module, *arguments, **environment):
  """What `python -m MODULE ARGUMENTS` does in the repository's folder.

  Args:
    module: its name.
    *arguments: its flags.
    **environment: variables that differ from those of the tests. There is one
      device unless `XLA_FLAGS` says otherwise.

  Returns:
    A `subprocess.CompletedProcess`.
  """
  return _run(_run_module, [module, *arguments], environment)


def run_code(code, *arguments, **environment):
  """The same of `python -c CODE ARGUMENTS`."""
  return _run(_run_code, [code, *arguments], environment)


def _run(target, command, environment):
  environment = {'XLA_FLAGS': ONE_DEVICE, **environment}
  with tempfile.TemporaryDirectory() as folder:
    files = [pathlib.Path(folder, name) for name in ('out', 'err')]
    process = CONTEXT.Process(
      target=_in_process, args=(target, command, environment, files)
    )
    process.start()
    process.join()
    out, err = (file.read_text() if file.exists() else '' for file in files)
  return subprocess.CompletedProcess(command, process.exitcode, out, err)


def _in_process(target, command, environment, files):
  os.chdir(ROOT)
  os.environ.update(environment)
  for stream, file in zip((sys.stdout, sys.stderr), files):
    os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream.fileno())
  sys.path.insert(0, str(ROOT))
  target(command)


def _run_module(command):
  sys.argv = list(command)
  runpy.run_module(command[0], run_name='__main__', alter_sys=True)


def _run_code(command):
  sys.argv = ['-c', *command[1:]]
  exec(command[0], {'__name__': '__main__'})
