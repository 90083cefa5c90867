"""A small class tree, and runs on its classes."""

import json

from tests.method_suite import experiment_of

# Of unequal depth over the classes of `clusters`; height(root) is 3.
CHAINS = {
  'class 00': ['class 00', 'feline', 'animal', 'entity'],
  'class 01': ['class 01', 'feline', 'animal', 'entity'],
  'class 10': ['class 10', 'animal', 'entity'],
  'class 11': ['class 11', 'entity'],
}
# Heights of the subsumers of 01, 02, 03, 12, 13, 23: feline 1, animal 2,
# entity 3; the distances are a third of them.
HEIGHTS = [1, 2, 3, 2, 3, 3]


def run_of(method, **options):
  """A run of a method on the classes of the tree."""
  return experiment_of(
    {'name': method, 'num_bits': 8}, dataset={'num_classes': 4}, **options
  )


def write_tree(folder, classes=tuple(CHAINS)):
  """The file of the tree, or of one with other classes."""
  path = folder / 'tree.json'
  path.write_text(json.dumps({'classes': list(classes), 'chains': CHAINS}))
  return path
