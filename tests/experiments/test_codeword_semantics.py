"""The whole command, the confusion of classes, and their correlation."""

import numpy as np
import pytest
from absl.testing import flagsaver
from scipy import stats

from experiments import codeword_semantics
from experiments.codeword_semantics import confusion
from jaxhash import training
from tests.experiments.tree import CHAINS, HEIGHTS, run_of, write_tree
from tests.method_suite import experiment_of


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs') / 'seed0'
  experiment = run_of('adalabelhash')
  return folder, experiment, training.train(experiment, folder)


def run(folder, classes, tmp_path):
  tree = write_tree(tmp_path, classes)
  with flagsaver.flagsaver(
    workdirs=str(folder), taxonomy=str(tree), num_random=20
  ):
    codeword_semantics.main()


def test_the_command_compares_with_the_heights_of_subsumers(
  finished, tmp_path, capsys
):
  folder, experiment, state = finished
  run(folder, list(CHAINS), tmp_path)
  codes = np.asarray(
    experiment.method.codewords(training.method_variables(state))
  )
  upper = np.triu_indices(4, 1)
  hamming = (codes[:, None] != codes[None]).sum(axis=-1)[upper]
  assert len(set(hamming)) > 1
  rho = stats.spearmanr(hamming, HEIGHTS)[0]
  title, line, mean = capsys.readouterr().out.splitlines()
  assert title.startswith('run, rho with taxonomy')
  assert line.startswith(f'{folder}, seed 0, {rho:.3f} (')
  assert mean.startswith(f'mean, {rho:.3f}, ')


def test_the_classes_must_be_those_of_the_run(finished, tmp_path, capsys):
  with pytest.raises(SystemExit):
    run(finished[0], list(CHAINS)[::-1], tmp_path)
  assert 'or not in the same order' in capsys.readouterr().err


def test_a_file_that_is_no_taxonomy_is_one_line(finished, tmp_path, capsys):
  with pytest.raises(SystemExit):
    run(finished[0], ['class 00', 'no class'], tmp_path)
  error = capsys.readouterr().err
  assert "class 'no class' is not a node" in error and error.count('\n') == 1


def test_the_nearest_classes_are_confused_most():
  experiment = experiment_of(
    {'name': 'adalabelhash', 'num_bits': 8},
    dataset={'num_classes': 4, 'num_per_class': 60, 'spread': 1.5},
    protocol={'num_query': 6, 'num_train': 30, 'num_val': 20},
  )
  c = confusion(experiment)
  np.testing.assert_allclose(c, c.T)
  siblings = c[0, 1] + c[2, 3]
  others = c[0, 2] + c[0, 3] + c[1, 2] + c[1, 3]
  assert siblings / 2 > others / 4
