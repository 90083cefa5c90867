"""Every Python block of the README runs and prints what stands below it."""

import contextlib
import io
import pathlib
import re

README = pathlib.Path(__file__).parents[1] / 'README.md'
BLOCK = re.compile(
  r'```python\n(.*?)```(?:\s+prints\s+```text\n(.*?)```)?', re.S
)


def test_python_blocks_print_what_they_say():
  blocks = BLOCK.findall(README.read_text())
  assert blocks
  for code, expected in blocks:
    assert expected
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
      exec(compile(code, 'README.md', 'exec'), {})
    assert printed.getvalue() == expected
