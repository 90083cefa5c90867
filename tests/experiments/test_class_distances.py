"""The whole command: distances of codes beside those of a tree."""

import numpy as np
import pytest
from absl.testing import flagsaver
from scipy import stats

from experiments import class_distances
from jaxhash import metrics, training
from tests.experiments.tree import CHAINS, HEIGHTS, run_of, write_tree


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs') / 'seed0'
  experiment = run_of('hashnet')
  return folder, experiment, training.train(experiment, folder)


def run(runs, classes, tmp_path):
  tree = write_tree(tmp_path, classes)
  with flagsaver.flagsaver(
    runs=runs, taxonomy=str(tree), output=str(tmp_path / 'classes.png')
  ):
    class_distances.main()


def test_distances_of_the_rows_that_were_not_trained_on(
  finished, tmp_path, capsys
):
  folder, experiment, state = finished
  run([f'HashNet={folder}', f'again={folder}'], list(CHAINS), tmp_path)
  rows = np.setdiff1d(experiment.split.database, experiment.split.train)
  assert 0 < len(rows) < len(experiment.split.database)
  matrix = metrics.class_distances(
    training.RowEncoder(experiment)(state, rows).codes,
    experiment.dataset.labels[rows],
  )
  upper = np.triu_indices(4, 1)
  rho = stats.spearmanr(matrix[upper], HEIGHTS)[0]
  title, first, second, path = capsys.readouterr().out.splitlines()
  assert title.startswith('run, rank correlation')
  within, between = matrix.diagonal().mean(), matrix[upper].mean()
  assert first == f'HashNet, {rho:.3f}, {within:.2f}, {between:.2f}'
  assert second == first.replace('HashNet', 'again')
  assert path == str(tmp_path / 'classes.png')
  assert (tmp_path / 'classes.png').stat().st_size > 10_000


def test_one_of_several_seeds(tmp_path, capsys):
  folder = tmp_path / 'seeds-3-4'
  experiments = [run_of('hashnet', seed=seed) for seed in (3, 4)]
  training.train_seeds(experiments, folder)
  said = []
  for seed in (3, 4):
    with flagsaver.flagsaver(seed=seed):
      run([f'HashNet={folder}'], list(CHAINS), tmp_path)
    said.append(capsys.readouterr().out.splitlines()[1])
  assert said[0] != said[1]
  for seed in (5, None):
    with flagsaver.flagsaver(seed=seed), pytest.raises(SystemExit):
      run([f'HashNet={folder}'], list(CHAINS), tmp_path)
    assert 'choose one by --seed' in capsys.readouterr().err


@pytest.mark.parametrize(
  ('runs', 'classes', 'message'),
  [
    (['a=FOLDER', 'a=FOLDER'], list(CHAINS), "has the title 'a' twice"),
    (['HashNet'], list(CHAINS), "must be TITLE=WORKDIR, got 'HashNet'"),
    ([], list(CHAINS), 'are needed'),
    (['a=FOLDER'], list(CHAINS)[::-1], 'or not in the same order'),
    (['a=FOLDER'], ['class 00', 'no class'], 'is not a node'),
    (['a=nowhere'], list(CHAINS), 'nowhere'),
  ],
)
def test_wrong_flags_are_one_line(
  finished, runs, classes, message, tmp_path, capsys
):
  runs = [given.replace('FOLDER', str(finished[0])) for given in runs]
  with pytest.raises((SystemExit, training.RunError)) as error:
    run(runs, classes, tmp_path)
  said = capsys.readouterr().err or str(error.value)
  assert message in said and said.strip().count('\n') == 0
