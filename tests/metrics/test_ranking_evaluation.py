"""Rankings are scored in threads, and distances asked for in the caller's."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import metrics
from jaxhash.metrics import ranking_evaluation


def test_distances_are_asked_for_in_the_context_of_the_caller(monkeypatch):
  """A function of JAX may be called under enable_x64, on a device, ..."""
  monkeypatch.setattr(ranking_evaluation, 'PAIRS_AT_A_TIME', 12)
  rng = np.random.default_rng(0)
  distances, labels = rng.random((9, 6)), rng.integers(0, 2, 9)
  threads, dtypes = set(), set()

  def rows(part):
    threads.add(threading.get_ident())
    block = jnp.asarray(distances[part])
    dtypes.add(str(block.dtype))
    return block

  with jax.enable_x64(True):
    scores = metrics.evaluate_ranking(rows, labels, labels[:6])
  assert threads == {threading.get_ident()} and dtypes == {'float64'}
  monkeypatch.setattr(ranking_evaluation, '_num_cores', lambda: 1)
  assert scores == metrics.evaluate_ranking(rows, labels, labels[:6])


def test_a_wrong_block_is_an_error_all_the_same(monkeypatch):
  monkeypatch.setattr(ranking_evaluation, 'PAIRS_AT_A_TIME', 12)
  labels = np.zeros(9, int)

  def rows(part):
    return np.zeros((part.stop - part.start, 6 if part.start < 4 else 5))

  with pytest.raises(ValueError, match=r'\[query, 6\], got \[2, 5\]'):
    metrics.evaluate_ranking(rows, labels, labels[:6])
