"""Rounds: a few epochs over a part of the rows, then another part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.data.pipeline import make_pipeline
from jaxhash.data.protocols.general import per_class
from jaxhash.data.sampler import round_sampler
from jaxhash.data.sources.synthetic import clusters


@given(
  batches=st.integers(1, 4),
  batch=st.integers(1, 5),
  epochs=st.integers(1, 3),
  number=st.integers(0, 5),
  spare=st.integers(0, 7),
)
def test_each_epoch_of_a_round_has_the_same_rows(
  batches, batch, epochs, number, spare
):
  rows = batches * batch
  sampler = round_sampler(rows + spare, rows, epochs, batch, seed=1)
  first = number * epochs * batches
  seen = [
    np.concatenate([sampler(first + e * batches + b) for b in range(batches)])
    for e in range(epochs)
  ]
  for epoch in seen:
    assert len(set(epoch.tolist())) == rows
    assert set(epoch.tolist()) == set(seen[0].tolist())
    assert epoch.min() >= 0 and epoch.max() < rows + spare


def test_rounds_epochs_and_seeds_differ():
  sampler = round_sampler(1000, 100, 2, 100, seed=0)
  parts = [set(sampler(step).tolist()) for step in (0, 2, 4)]
  assert len(parts[0] & parts[1]) < 50 and parts[1] != parts[2]
  assert not np.array_equal(sampler(0), sampler(1))
  other = round_sampler(1000, 100, 2, 100, seed=1)
  assert parts[0] != set(other(0).tolist())
  again = round_sampler(1000, 100, 2, 100, seed=0)
  np.testing.assert_array_equal(again(5), sampler(5))


def test_a_batch_that_is_written_into_changes_no_other():
  sampler = round_sampler(10, 4, 1, 4, seed=0)
  before = sampler(0).copy()
  sampler(0)[:] = 99
  np.testing.assert_array_equal(sampler(0), before)


@pytest.mark.parametrize(
  ('rows', 'epochs', 'message'),
  [
    (12, 1, 'at most the 10 rows there are, got 12'),
    (6, 1, 'multiple of batch_size 4'),
    (0, 1, 'multiple of batch_size 4'),
    (8, 0, 'epochs_per_round must be at least 1'),
  ],
)
def test_refuses(rows, epochs, message):
  with pytest.raises(ValueError, match=message):
    round_sampler(10, rows, epochs, 4, seed=0)
  with pytest.raises(ValueError, match='step must be at least 0'):
    round_sampler(10, 8, 1, 4, seed=0)(-1)


def test_a_pipeline_says_how_long_a_round_is():
  dataset = clusters(num_classes=4, num_per_class=20)
  split = per_class(dataset, num_query=1, num_train=16)

  def rounds(**options):
    p = make_pipeline(dataset, split, batch_size=5, **options)
    return p.rows_per_round, p.steps_per_round, p.steps_per_epoch

  assert rounds() == (60, 12, 12)  # 4 of the 64 rows are left
  assert rounds(epochs_per_round=3) == (60, 36, 12)
  assert rounds(rows_per_round=20, epochs_per_round=3) == (20, 12, 12)
  with pytest.raises(ValueError, match='does not go together with'):
    rounds(rows_per_round=20, rows_per_class=5)
  with pytest.raises(ValueError, match='epochs_per_round must be an int'):
    rounds(epochs_per_round=0)
