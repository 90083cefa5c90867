"""Do the codewords that a method learns know which classes are alike?

  python -m experiments.codeword_semantics --taxonomy=wordnet_tree.json \\
      --workdirs='runs/table/runs/adalabelhash/32/seeds-*'

on runs of this table:

  python -m experiments.benchmark --workdir=runs/table --arrays=FOLDER \\
      --config=experiments/configs/benchmark.py:tiny_imagenet_features \\
      --methods=adalabelhash --set=taxonomy=wordnet_tree.json

For each trained run, and each seed of several that were trained together,
prints Spearman's rank correlation, over all pairs of classes, of the Hamming
distance of their codewords with (a) their distance in a class taxonomy,
`jaxhash.taxonomy.distances`, and (b) minus the confusion of a plain classifier,
multinomial logistic regression on the same inputs of the same train rows, its
mean predicted probabilities on val rows, symmetrised. Beside it the central 95%
of the same correlation for random codewords. No file is written.
"""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from experiments import command_line, finished
from jaxhash import taxonomy, training
from jaxhash.codewords import rank_correlation

WORKDIRS = flags.DEFINE_string(
  'workdirs', None, 'Folders of finished runs, as a quoted glob; needed.'
)
TAXONOMY = finished.taxonomy_flag()
for name in ('arrays', 'debug', 'taxonomy'):
  flags.declare_key_flag(name)
NUM_RANDOM = flags.DEFINE_integer(
  'num_random',
  100,
  'Random codebooks from which the central 95% are taken.',
  lower_bound=20,
)

__all__ = ['confusion', 'main']


def main() -> None:
  """Prints one line for each run, and their mean."""
  if WORKDIRS.value is None or TAXONOMY.value is None:
    command_line.fail('--workdirs=GLOB and --taxonomy=FILE are needed')
  if command_line.SET.value:
    command_line.fail('--set: a run is looked at as it was trained')
  folders = finished.folders_of(WORKDIRS.value)
  path = pathlib.Path(TAXONOMY.value)
  tree = command_line.prepare(lambda: taxonomy.read_taxonomy(path))
  tree_distances = taxonomy.distances(tree)
  rhos = []
  print('run, rho with taxonomy (95% of random), rho with confusion (...)')
  for folder, seed in [(f, s) for f in folders for s in training.seeds_of(f)]:
    name = f'{folder}, seed {seed}'
    experiment, state = finished.finished_run(folder, seed)
    finished.check_classes(experiment, tree.classes, folder)
    if experiment.method.codewords is None:
      command_line.fail(f'the method of {folder} has no codewords')
    codewords = experiment.method.codewords(training.method_variables(state))
    targets = (-tree_distances, confusion(experiment))
    rng = np.random.default_rng(seed)
    random = [
      rng.choice(np.array([-1, 1], np.int8), codewords.shape)
      for _ in range(NUM_RANDOM.value)
    ]
    rho = [_correlation(codewords, target) for target in targets]
    ranges = [
      np.quantile([_correlation(r, target) for r in random], [0.025, 0.975])
      for target in targets
    ]
    rhos.append(rho)
    print(
      f'{name}, '
      + ', '.join(
        f'{r:.3f} ({a:.3f} to {b:.3f})' for r, (a, b) in zip(rho, ranges)
      )
    )
  print('mean, ' + ', '.join(f'{r:.3f}' for r in np.mean(rhos, axis=0)))


def confusion(experiment: training.Experiment) -> np.ndarray:
  """How much a plain classifier confuses each pair of classes.

  Args:
    experiment: its train rows fit the classifier, its val rows (or queries
      where it has none) are classified.

  Returns:
    float64 `[classes, classes]`, symmetric: the mean of the probability of
    one class on the rows of the other, both ways.
  """
  from sklearn.linear_model import LogisticRegression

  dataset, split = experiment.dataset, experiment.split
  rows = split.val if len(split.val) else split.query

  def features(rows: np.ndarray) -> np.ndarray:
    inputs = experiment.pipeline.preprocess(
      experiment.pipeline.data, np.asarray(dataset.inputs[rows])
    )
    return np.asarray(jax.device_get(inputs)).reshape(len(rows), -1)

  classifier = LogisticRegression(max_iter=50, C=0.1)
  classifier.fit(features(split.train), dataset.labels[split.train])
  predicted = classifier.predict_proba(features(rows))
  means = np.stack(
    [
      predicted[dataset.labels[rows] == c].mean(0)
      for c in range(dataset.num_classes)
    ]
  )
  return (means + means.T) / 2


def _correlation(codewords: Any, similarity: np.ndarray) -> float:
  return rank_correlation(jnp.asarray(codewords), jnp.asarray(similarity))


if __name__ == '__main__':
  command_line.run(main)
