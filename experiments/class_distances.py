"""Are the codes of alike classes near each other? A picture, by a class tree.

  python -m experiments.class_distances --taxonomy=wordnet_tree.json \\
      --runs='SHREWD=runs/table/runs/shrewd_weak/64/seeds-0-1-2-3-4' \\
      --runs='HashNet=runs/table/runs/hashnet/64/seeds-0-1-2-3-4' \\
      --seed=0 --output=class_distances.png

on runs of this table:

  python -m experiments.benchmark --workdir=runs/table --arrays=FOLDER \\
      --config=experiments/configs/benchmark.py:tiny_imagenet_pairs \\
      --methods=shrewd_weak,hashnet --set=taxonomy=wordnet_tree.json

For each finished run the mean Hamming distance between the codes of each pair
of classes, of the database rows that trained nothing, beside the distance of
the classes in the tree, `jaxhash.taxonomy.distances`. Classes are in the order
of the tree; white lines are between groups that have a node of the tree in
common. Writes the picture, and prints Spearman's rank correlation of the two
distances over all pairs of different classes, and the mean distance in bits
within a class and between classes.
"""

from __future__ import annotations

import pathlib

import numpy as np
from absl import flags
from scipy import stats

from experiments import command_line, finished
from jaxhash import metrics, plots, taxonomy, training

RUNS, SEED = finished.runs_flag(), finished.seed_flag()
TAXONOMY = finished.taxonomy_flag()
for name in ('arrays', 'debug', 'runs', 'seed', 'taxonomy'):
  flags.declare_key_flag(name)
GROUPS = flags.DEFINE_integer(
  'groups',
  12,
  'Most groups of classes that the picture names.',
  lower_bound=1,
)
OUTPUT = flags.DEFINE_string(
  'output', 'class_distances.png', 'File of the picture to write.'
)

__all__ = ['main']


def main() -> None:
  """Prints one line for each run, and draws all of them."""
  if not RUNS.value or TAXONOMY.value is None:
    command_line.fail('--runs=TITLE=WORKDIR and --taxonomy=FILE are needed')
  if command_line.SET.value:
    command_line.fail('--set: a run is looked at as it was trained')
  command_line.prepare(plots.check_installed)
  folders = finished.titled_folders(RUNS.value)
  path = pathlib.Path(TAXONOMY.value)
  tree = command_line.prepare(lambda: taxonomy.read_taxonomy(path))
  of_tree = taxonomy.distances(tree)
  matrices = {}
  for title, folder in folders.items():
    name, matrix = _named_matrix(title, folder, tree.classes)
    matrices[name] = matrix
  groups = plots.leaf_groups(tree, GROUPS.value)
  order = np.concatenate([classes for _, classes in groups])
  shown = {'distance in the tree': of_tree}
  shown |= {f'{title}, bits': matrix for title, matrix in matrices.items()}
  plots.distance_matrices(
    {title: m[np.ix_(order, order)] for title, m in shown.items()},
    [(name.replace('_', ' '), len(classes)) for name, classes in groups],
    OUTPUT.value,
  )
  print('run, rank correlation with the tree, within a class, between classes')
  pairs = np.triu_indices(len(of_tree), 1)
  for title, matrix in matrices.items():
    rho = stats.spearmanr(matrix[pairs], of_tree[pairs], nan_policy='omit')[0]
    print(
      f'{title}, {rho:.3f}, {np.nanmean(matrix.diagonal()):.2f}, '
      f'{np.nanmean(matrix[pairs]):.2f}'
    )
  print(OUTPUT.value)


def _named_matrix(
  title: str, folder: pathlib.Path, classes: tuple[str, ...]
) -> tuple[str, np.ndarray]:
  """Mean distances between the classes of a run, under a title.

  That of a reconstruction says so.
  """
  seed = finished.chosen_seed(folder, SEED.value)
  experiment, state = finished.finished_run(folder, seed)
  finished.check_classes(experiment, classes, folder)
  dataset = experiment.dataset
  rows = finished.unseen_rows(experiment)
  codes = training.RowEncoder(experiment)(state, rows).codes
  matrix = command_line.prepare(
    lambda: metrics.class_distances(
      codes, dataset.labels[rows], dataset.num_classes
    )
  )
  if experiment.method.reconstruction and 'reconstruction' not in title:
    title = f'{title} (reconstruction)'
  return title, matrix


if __name__ == '__main__':
  command_line.run(main)
