"""What all entry points share: one clear error, plain configs, exit codes."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from jaxhash.training import InterruptedRunError, RunError
from jaxhash.training.config import NAMED

DETERMINISTIC = '--xla_gpu_deterministic_ops=true'

DEBUG = flags.DEFINE_bool(
  'debug', False, 'Show the whole traceback of an error, not only its message.'
)

ARRAYS = flags.DEFINE_string(
  'arrays',
  None,
  "Folder of .npy files to use in place of the config's data set: inputs.npy "
  'and labels.npy, or train_images.npy, train_labels.npy, test_images.npy, '
  'test_labels.npy (images, features or inputs).',
)
SET = flags.DEFINE_multi_string(
  'set',
  [],
  'BLOCK.NAME=VALUE changes or adds an argument, such as method.margin=4.0 or '
  'evaluation.at=1000; the name of a data set, protocol, method or encoder '
  'also drops the arguments of what it takes the place of. VALUE is JSON, or '
  'text. May be given several times.',
)
WRONG_FLAG = (
  AttributeError,
  KeyError,
  OSError,
  SyntaxError,
  TypeError,
  ValueError,
  flags.Error,
)

__all__ = ['config_flag', 'fail', 'folder', 'plain', 'prepare', 'run', 'say']


def config_flag(default: str) -> flags.FlagHolder:
  """Defines `--config`; a wrong value of a config is one line of error.

  ml_collections reads the overrides of the default config right here.
  """
  try:
    return config_flags.DEFINE_config_file(
      'config', default, 'Config file, and after a colon which of its settings.'
    )
  except WRONG_FLAG as e:
    fail(f'a flag is wrong: {_one_line(e)}')


def run(main: Callable[[], None]) -> None:
  """Runs an entry point; a `RunError` is one line and an exit code."""

  def guarded(argv: list[str]) -> None:
    if len(argv) > 1:
      fail(f'there are only flags, no arguments; got {argv[1:]}')
    # Orbax reports a failed save by many tracebacks, some of them later and
    # from other threads; the error has it all.
    logging.set_verbosity(logging.INFO if DEBUG.value else logging.FATAL)
    if not DEBUG.value:
      _silence_what_is_left_over()
    try:
      main()
    except InterruptedRunError as e:
      say(str(e))
      sys.exit(128 + e.signal)
    except KeyboardInterrupt:
      sys.exit(128 + signal.SIGINT)
    except RunError as e:
      if DEBUG.value:
        raise
      fail(str(e))

  app.run(guarded, flags_parser=_parse)


def _silence_what_is_left_over() -> None:
  """What is raised outside of the main thread is not printed.

  Nor is a word on the coroutines that a failed save leaves behind.
  """
  warnings.filterwarnings('ignore', 'coroutine .* was never awaited')

  def only_in_main(hook: Callable[..., Any]) -> Callable[..., Any]:
    def quiet(*args: Any) -> None:
      if threading.current_thread() is threading.main_thread():
        hook(*args)

    return quiet

  sys.excepthook = only_in_main(sys.excepthook)
  sys.unraisablehook = only_in_main(sys.unraisablehook)
  threading.excepthook = only_in_main(threading.excepthook)


def _parse(argv: list[str]) -> list[str]:
  """Parses flags; a wrong value of a config is one line too."""
  try:
    return flags.FLAGS(argv)
  except WRONG_FLAG as e:
    fail(f'a flag is wrong: {_one_line(e)}')


def _one_line(error: BaseException) -> str:
  text = str(error).replace('\\n', ' ')
  lines = [line.strip() for line in text.splitlines() if line.strip()]
  line = lines[-1] if 'Traceback' in text else ' '.join(lines)
  line = line.replace("\\'", "'")
  missing = re.fullmatch(r'[\'"]*([\w.]+)[\'"]*', line)
  if missing:  # all that ml_collections says
    return (
      f'the config has no {missing[1]!r}; --set=BLOCK.NAME=VALUE adds an '
      'argument'
    )
  return line


def prepare(build: Callable[[], Any]) -> Any:
  """Calls what turns a config into a run; what it raises is the user's."""
  try:
    return build()
  except (ImportError, OSError, SyntaxError, ValueError) as e:
    if DEBUG.value:
      raise
    fail(_one_line(e))


def plain(config: ConfigDict) -> dict[str, Any]:
  """A config as the nested plain values that JSON gives back.

  With the changes of `--set`, and the data set of `--arrays` in place of the
  config's own. It also asks XLA for deterministic operations on a GPU where
  the config wants them; that has to happen before JAX sees its devices.
  """
  given = os.environ.get('XLA_FLAGS', '')
  if config.get('deterministic') and DETERMINISTIC not in given:
    os.environ['XLA_FLAGS'] = f'{given} {DETERMINISTIC}'
  for change in SET.value:
    _set(config, change)
  values = json.loads(json.dumps(config.to_dict()))
  if ARRAYS.value is not None:
    values['dataset'] = {'name': 'arrays', 'folder': ARRAYS.value}
  return values


def _set(config: ConfigDict, change: str) -> None:
  key, equals, text = change.partition('=')
  *outer, last = key.split('.')
  try:
    value = json.loads(text)
  except json.JSONDecodeError:
    value = text
  block: Any = config
  for name in outer:
    block = block.get(name) if isinstance(block, ConfigDict) else None
  if not equals or not isinstance(block, ConfigDict):
    fail(f'--set={change}: wanted NAME=VALUE or BLOCK.NAME=VALUE')
  if block is config and last not in config:
    fail(f'--set={change}: the config has no {last!r}; it has {list(config)}')
  with block.unlocked():
    if last == 'name' and outer and outer[-1] in NAMED:
      for old in list(block):
        del block[old]
    try:
      block[last] = value
    except TypeError as e:
      fail(f'--set={change}: {_one_line(e)}')


def folder(workdir: flags.FlagHolder) -> pathlib.Path:
  """The value of `--workdir`, without which nothing can be done."""
  if not workdir.value:
    fail('--workdir=FOLDER is needed: where the run is, or is to be, written')
  return pathlib.Path(workdir.value)


def say(text: str) -> None:
  """A line for the user, apart from the results on standard output."""
  print(text, file=sys.stderr, flush=True)


def fail(message: str) -> NoReturn:
  """Ends the program with one clear error."""
  say(f'error: {message}')
  sys.exit(1)
