"""Runs commands in forks of one process, which has imported what is heavy.

  python tests/experiments/commands.py < COMMANDS.json > RESULTS.json

A command is a list of a module and its flags; its result is the exit code and
what it wrote to standard output and standard error.
"""

import contextlib
import io
import json
import multiprocessing
import runpy
import sys

import scipy.stats  # noqa: F401

import jaxhash.plots
import jaxhash.training  # noqa: F401


def run(command):
  sys.argv = command
  out, err = io.StringIO(), io.StringIO()
  code = 0
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    try:
      runpy.run_module(command[0], run_name='__main__', alter_sys=True)
    except SystemExit as e:
      code = e.code or 0
  return code, out.getvalue(), err.getvalue()


if __name__ == '__main__':
  # A process each: the flags of two commands cannot be in one.
  context = multiprocessing.get_context('fork')
  with context.Pool(1, maxtasksperchild=1) as pool:
    json.dump(pool.map(run, json.load(sys.stdin), chunksize=1), sys.stdout)
