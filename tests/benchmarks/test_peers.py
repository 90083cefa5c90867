import sys

import numpy as np
import pytest

from benchmarks import measure, peers
from jaxhash import metrics
from tests.metrics import problems
from tests.oracles import evaluators

CLONE = """
import a_module_that_nobody_has

def CalcHammingDist(B1, B2):
  return 0.5 * (B2.shape[1] - np.dot(B1, B2.transpose()))

def CalcTopMap(rB, qB, retrievalL, queryL, topk):
  total = 0
  for q in tqdm(range(len(qB))):
    relevant = np.dot(queryL[q], retrievalL.transpose()) > 0
    hits = relevant[np.argsort(CalcHammingDist(qB[q], rB))][:topk]
    ranks = np.flatnonzero(hits) + 1
    total += np.mean(np.arange(1, len(ranks) + 1) / ranks)
  return total / len(qB)

raise RuntimeError('only functions are taken')
"""


def problem():
  labels = [
    np.eye(4, dtype=np.float32)[problems.labels(seed, n, 'single')]
    for seed, n in ((2, 9), (3, 80))
  ]
  codes = [
    problems.codes(i, n, 8).astype(np.float32) for i, n in enumerate((9, 80))
  ]
  return *codes, *labels, 30


def test_functions_of_a_clone_with_its_own_sort_and_a_stable_one(tmp_path):
  file = tmp_path / 'DeepHash-pytorch' / 'utils' / 'tools.py'
  file.parent.mkdir(parents=True)
  file.write_text(CLONE)
  args = problem()
  plain = peers.load_peer('deephash_pytorch', tmp_path)(*args)
  stable = peers.load_peer('deephash_pytorch', tmp_path, stable=True)(*args)
  for found, sort in (
    (plain, evaluators.unstable),
    (stable, evaluators.stable),
  ):
    expected = evaluators.deephash_pytorch(*args, sort)
    assert found == pytest.approx(expected, rel=1e-12)
  protocol = metrics.published_protocol('deephash_pytorch', 30)
  assert metrics.evaluate(*args[:4], protocol)['mAP'] == pytest.approx(stable)
  with pytest.raises(FileNotFoundError):
    peers.load_peer('hashnet', tmp_path)


def test_plain_numpy():
  args = problem()
  expected = evaluators.deephash_pytorch(*args, evaluators.unstable)
  assert peers.plain_numpy(*args) == pytest.approx(expected)


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_peak_memory_is_of_the_call():
  held = np.ones(10**7)  # not counted
  found = measure.measure(lambda: np.ones(5 * 10**6).sum())
  assert found.result == 5e6 and len(held) == 10**7
  assert 35 < found.megabytes < 60
  assert found.seconds > 0


def test_table():
  lines = measure.table(['a', 'long name'], [[1, 'x'], [22, 'y']]).splitlines()
  assert lines[0] == '| a  | long name |'
  assert lines[1] == '|----|-----------|'
  assert len({len(line) for line in lines}) == 1
