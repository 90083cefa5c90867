"""What the README and the guides say was measured is what the results say."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('**/*.md'))]
RECONSTRUCTIONS = re.compile(r'\b(DHE|DeepQuan|SHREWD)\b')
NUMBER = re.compile(r'\.\d{3}')
# Rows of the README's table that are called otherwise in the results.
CIFAR = {
  'class bits': 'class bits (4 bits)',
  'SHREWD': 'SHREWD (reconstruction), no class tree',
}
TINY = {
  'class bits': 'class bits (8 bits)',
  'SHREWD': 'SHREWD without a classifier (reconstruction)',
}


def tables(text):
  """The tables of a page, as lists of rows of cells."""
  found = re.findall(r'(?:^\|.*\n)+', text, re.MULTILINE)
  return [
    [
      [cell.strip() for cell in line.strip('|\n').split('|')]
      for line in table.splitlines()
    ]
    for table in found
  ]


def results(*columns):
  """Cells of the results by the name of the row, of tables of these columns."""
  found = {}
  for head, _, *rows in tables((ROOT / 'docs' / 'results.md').read_text()):
    if tuple(head[1:]) == columns:
      found |= {name: cells for name, *cells in rows}
  return found


def mean_and_bold(cell):
  return NUMBER.search(cell)[0], cell.startswith('**')


@pytest.mark.parametrize(
  ('column', 'names', 'columns', 'part'),
  [
    (1, CIFAR, ('mAP@ALL, 16 bits', '32 bits', '64 bits'), slice(3)),
    (2, TINY, None, slice(3, 6)),
    (3, TINY, None, slice(3)),
  ],
)
def test_the_table_of_the_readme_is_that_of_the_results(
  column, names, columns, part
):
  columns = columns or (
    *('mAHP@250, 16 bits', '32 bits', '64 bits'),
    *('mAP@ALL, 16 bits', '32 bits', '64 bits'),
  )
  measured = results(*columns)
  (table,) = (
    table
    for table in tables((ROOT / 'README.md').read_text())
    if table[0][0] == '5 seeds'
  )
  seen = 0
  for name, *cells in table[2:]:
    if not cells[column - 1]:
      continue
    short = name.partition(' (reconstruction)')[0]
    row = measured[names.get(short, name)]
    said = [mean_and_bold(cell) for cell in cells[column - 1].split(' / ')]
    wanted = [mean_and_bold(cell) for cell in row[part]]
    assert [mean for mean, _ in said] == [mean for mean, _ in wanted], name
    if columns[0].startswith('mAP'):  # else there are two tables of them
      assert said == wanted, name
    seen += 1
  assert seen > 5


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_reconstructions_are_called_so_in_every_table(page):
  """Of a table that has numbers, every cell that names one."""
  for table in tables(page.read_text()):
    for row in table[2:]:
      if not any(NUMBER.search(cell) for cell in row):
        continue
      for cell in row:
        if RECONSTRUCTIONS.search(cell):
          assert 'reconstruction' in cell, cell
