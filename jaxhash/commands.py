"""What all commands share: flags and no arguments, and one line of error."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags, logging

from jaxhash.lookup import suggest

__all__ = ['fail', 'flag_error', 'parse', 'run', 'say']

# A wrong value as absl words it, and what is said in its place.
GIVEN = r'flag --([\w.]+)=(.*): '
WANTED = {
  GIVEN + r'invalid literal for int\(.*': 'a whole number',
  GIVEN + 'could not convert string to float.*': 'a number',
  GIVEN + r"\('Non-boolean argument.*": 'true or false',
}
ONE_OF = GIVEN + 'value should be one of <(.*)>'


def run(
  main: Callable[[], None],
  *,
  flags_parser: Callable[[list[str]], list[str]] | None = None,
) -> None:
  """Parses the flags of a command and runs it.

  Args:
    main: what the command does.
    flags_parser: `parse` by default.
  """

  def with_flags_alone(argv: list[str]) -> None:
    if len(argv) > 1:
      fail(f'there are only flags, no arguments; got {argv[1:]}')
    logging.set_verbosity(logging.ERROR)  # JAX tells which platforms are absent
    main()

  app.run(with_flags_alone, flags_parser=flags_parser or parse)


def parse(argv: list[str]) -> list[str]:
  """Parses flags; a wrong one ends the program with one line.

  Args:
    argv: the name of the program, and what it was given.

  Returns:
    The name of the program, and what was no flag.
  """
  try:
    return flags.FLAGS(argv)
  except (flags.Error, ValueError) as e:
    fail(f'a flag is wrong: {flag_error(e)}')


def flag_error(error: Exception) -> str:
  """What absl found wrong with a flag, in one plain line.

  Args:
    error: that absl raised.

  Returns:
    Text that names the flag, what was given and what was wanted.

  Example:
    >>> said = 'flag --k=2x: invalid literal for int() with base 10'
    >>> flag_error(flags.IllegalFlagValueError(said))
    "--k must be a whole number, got '2x'"
  """
  if isinstance(error, flags.UnrecognizedFlagError):
    known = list(flags.FLAGS)
    known += [f'no{name}' for name in known if flags.FLAGS[name].boolean]
    name = error.flagname
    return f'there is no flag {name!r}{suggest(name, known)}; see --help'
  text = ' '.join(str(error).split())
  for wrong, wanted in WANTED.items():
    found = re.fullmatch(wrong, text)
    if found:
      return f'--{found[1]} must be {wanted}, got {found[2]!r}'
  found = re.fullmatch(ONE_OF, text)
  if found:
    name, value, known = found[1], found[2], found[3].split('|')
    return (
      f'--{name} must be one of {", ".join(known)}, got {value!r}'
      f'{suggest(value, known)}'
    )
  return text.removeprefix('flag ')


def say(text: str) -> None:
  """A line for the user, apart from the results on standard output."""
  print(text, file=sys.stderr, flush=True)


def fail(message: str) -> NoReturn:
  """Ends the program with one clear error."""
  say(f'error: {message}')
  sys.exit(1)
