"""What is printed of a run is what its codes are."""

import re

import numpy as np
import pytest
from absl.testing import flagsaver

from benchmarks import shrewd_divergence
from jaxhash import training
from tests.method_suite import experiment_of


def test_before_and_after(tmp_path, capsys):
  method = {'name': 'shrewd', 'num_bits': 8, 'similarity': 'labels'}
  experiment = experiment_of(method, optimizer={'learning_rate': 0.5})
  state = training.train(experiment, tmp_path / 'run')
  with flagsaver.flagsaver(runs=[f'weak={tmp_path / "run"}']):
    shrewd_divergence.main()
  _, before, after = capsys.readouterr().out.splitlines()
  assert before.startswith('weak, before') and after.startswith('weak, after')
  rows = np.setdiff1d(experiment.split.database, experiment.split.train)
  kept = experiment.method._replace(encode=lambda _, outputs: outputs.logits)
  encode = training.RowEncoder(experiment._replace(method=kept))
  for line, of in (
    (before, training.initial_state(experiment)),
    (after, state),
  ):
    logits = encode(of, rows).codes
    near = (abs(np.tanh(logits / 2)) >= 0.8).mean()  # z in [0, .1] or [.9, 1]
    uneven = abs((2.0 * (logits >= 0) - 1).mean(axis=0)).mean()
    found = re.findall(r'(\d\.\d{3}) \(', line)
    np.testing.assert_allclose(np.float64(found), [near, uneven], atol=6e-4)
  assert before.split('before')[1] != after.split('after')[1]


def test_wrong_flags_are_one_line(capsys):
  for runs, message in (([], 'is needed'), (['x'], "TITLE=WORKDIR, got 'x'")):
    with flagsaver.flagsaver(runs=runs), pytest.raises(SystemExit):
      shrewd_divergence.main()
    assert message in capsys.readouterr().err
