"""What all entry points share: one clear error, plain configs, exit codes."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from experiments import config_errors
from jaxhash import commands
from jaxhash.commands import fail, say
from jaxhash.training import InterruptedRunError, RunError
from jaxhash.training.config import NAMED, default_config

DETERMINISTIC = '--xla_gpu_deterministic_ops=true'

DEBUG = flags.DEFINE_bool(
  'debug', False, 'Show the whole traceback of an error, not only its message.'
)

ARRAYS = flags.DEFINE_string(
  'arrays',
  None,
  "Folder of .npy files to use in place of the config's data set: inputs.npy "
  'and labels.npy, or train_inputs.npy, train_labels.npy, test_inputs.npy and '
  'test_labels.npy; images or features may stand for inputs in the names. '
  "Default: the config's data set.",
)
SET = flags.DEFINE_multi_string(
  'set',
  [],
  'BLOCK.NAME=VALUE changes or adds a value of the config, such as '
  'method.margin=4.0 or evaluation.at=1000. Another name of a data set, '
  'protocol, method or encoder, as in encoder.name=mlp, also drops the '
  'arguments of the one before. VALUE is JSON, or else text',
)
ENTRIES = (
  f'{", ".join(default_config())}; those that are blocks have values of their '
  'own, as in --config.method.num_bits=16.'
)
WRONG_FLAG = (
  AttributeError,
  ImportError,
  KeyError,
  OSError,
  SyntaxError,
  TypeError,
  ValueError,
  flags.Error,
)

__all__ = [
  'change',
  'config_flag',
  'fail',
  'folder',
  'one_line',
  'plain',
  'prepare',
  'printed',
  'run',
  'say',
]


def config_flag(default: str, entries: str = ENTRIES) -> flags.FlagHolder:
  """Defines `--config`, of which a wrong value is one line of error, and
  `--print_config`; ml_collections reads overrides of the default right here.

  Args:
    default: a file, a colon, and one of its settings.
    entries: says which values the config has.
  """
  flags.DEFINE_bool(
    'print_config', False, 'Print all values of the config as JSON, and end.'
  )
  try:
    return config_flags.DEFINE_config_file(
      'config',
      default,
      'Python file of a config, and after a colon which of its settings; the '
      'first lines of the file list them. Behind it --config.NAME=VALUE '
      f'changes a value, and --print_config shows all. NAME: {entries}',
    )
  except WRONG_FLAG as e:
    fail(f'a flag is wrong: {_explained(e, sys.argv, default)}')


def run(main: Callable[[], None]) -> None:
  """Runs an entry point; a `RunError` is one line and an exit code."""

  def guarded() -> None:
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

  commands.run(guarded, flags_parser=_parse)


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
  default = None
  if 'config' in flags.FLAGS:
    default = str(flags.FLAGS['config'].default_as_str).strip("'")
  try:
    rest = flags.FLAGS(argv)
  except WRONG_FLAG as e:
    fail(f'a flag is wrong: {_explained(e, argv, default)}')
  if default:
    given = config_flags.get_config_filename(flags.FLAGS['config'])
    missing = config_errors.missing_file(given, default)
    if missing:
      fail(f'a flag is wrong: {missing}')
  return rest


def _explained(error: Exception, argv: list[str], default: str | None) -> str:
  """One line on a wrong flag, or on a config that is wrong in itself."""
  if isinstance(error, flags.UnrecognizedFlagError):
    return commands.flag_error(error)
  try:
    wrong = config_errors.explain(argv, default) if default else None
  except WRONG_FLAG as e:
    return one_line(e)
  if wrong is None and isinstance(error, flags.Error):
    return commands.flag_error(error)
  return wrong or one_line(error)


def one_line(error: BaseException) -> str:
  """The message of an error without line breaks, and of no traceback in it."""
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  if 'Traceback (most' not in str(error):
    line = ' '.join(lines)
    return f'KeyError: {line}' if isinstance(error, KeyError) else line
  return lines[-1].removeprefix('ValueError: ')


def prepare(build: Callable[[], Any]) -> Any:
  """Calls what turns a config into a run; what it raises is the user's."""
  try:
    return build()
  except (ImportError, OSError, SyntaxError, ValueError) as e:
    if DEBUG.value:
      raise
    fail(one_line(e))


def plain(config: ConfigDict) -> dict[str, Any]:
  """A config as the nested plain values that JSON gives back.

  With the changes of `--set`, and the data set of `--arrays` in place of the
  config's own. It also asks XLA for deterministic operations on a GPU where
  the config wants them; that has to happen before JAX sees its devices.
  """
  given = os.environ.get('XLA_FLAGS', '')
  if config.get('deterministic') and DETERMINISTIC not in given:
    os.environ['XLA_FLAGS'] = f'{given} {DETERMINISTIC}'
  for text in SET.value:
    change(config, text)
  values = json.loads(json.dumps(config.to_dict()))
  if ARRAYS.value is not None:
    values['dataset'] = {'name': 'arrays', 'folder': ARRAYS.value}
  return values


def change(config: ConfigDict, text: str) -> None:
  """Makes a change of `--set` in a config; a wrong one ends the program.

  Args:
    config: changed in place.
    text: `BLOCK.NAME=VALUE`; a block may get a name that it has not.
  """
  key, equals, given = text.partition('=')
  if not equals:
    fail(f'--set={text}: wanted NAME=VALUE or BLOCK.NAME=VALUE')
  wrong = config_errors.no_entry(config, key, addable=True)
  if wrong:
    fail(f'--set={text}: {wrong}')
  try:
    value = json.loads(given)
  except json.JSONDecodeError:
    value = given
  *outer, last = key.split('.')
  block: Any = config
  for name in outer:
    block = block[name]
  with block.unlocked():
    if last == 'name' and outer and outer[-1] in NAMED:
      for old in list(block):
        del block[old]
    try:
      block[last] = value
    except TypeError as e:
      fail(f'--set={text}: {one_line(e)}')


def printed(values: dict[str, Any]) -> bool:
  """Prints a config where `--print_config` asks for it, and says whether."""
  if flags.FLAGS.print_config:
    print(json.dumps(values, indent=2))
  return flags.FLAGS.print_config


def folder(workdir: flags.FlagHolder) -> pathlib.Path:
  """The value of `--workdir`, without which nothing can be done."""
  if not workdir.value:
    fail('--workdir=FOLDER is needed: where the run is, or is to be, written')
  return pathlib.Path(workdir.value)
