import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxhash.data.sampler import (
  class_sampler,
  epoch_sampler,
  semi_supervised_sampler,
)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5))
def test_an_epoch_is_a_permutation_without_what_is_left(rows, batch, epoch):
  if batch > rows:
    return
  sampler = epoch_sampler(rows, batch, seed=3)
  steps = rows // batch
  seen = np.concatenate([sampler(epoch * steps + i) for i in range(steps)])
  assert len(np.unique(seen)) == steps * batch
  assert seen.dtype == np.int32
  assert seen.min() >= 0 and seen.max() < rows


@settings(deadline=None)
@given(st.lists(st.integers(0, 200), min_size=1, max_size=20))
def test_a_step_does_not_depend_on_the_calls_before(steps):
  used, labelled = epoch_sampler(10, 3, seed=1), np.arange(10) < 4
  mixed = semi_supervised_sampler(labelled, 2, 4, seed=1)
  for step in steps:
    fresh = epoch_sampler(10, 3, seed=1)
    np.testing.assert_array_equal(used(step), fresh(step))
    again = semi_supervised_sampler(labelled, 2, 4, seed=1)
    np.testing.assert_array_equal(mixed(step), again(step))


def test_epochs_and_seeds_differ():
  a, b = (epoch_sampler(100, 100, seed=s) for s in (0, 1))
  assert not np.array_equal(a(0), a(1))
  assert not np.array_equal(a(0), b(0))


def test_each_batch_has_so_many_labelled_rows():
  labelled = np.zeros(20, bool)
  labelled[[3, 5, 8, 13]] = True
  sampler = semi_supervised_sampler(labelled, 2, 6, seed=0)
  for step in range(10):
    batch = sampler(step)
    np.testing.assert_array_equal(labelled[batch], [1, 1, 0, 0, 0, 0])
  seen = np.concatenate([sampler(s)[:2] for s in (0, 1)])
  assert set(seen) == {3, 5, 8, 13}


def test_a_batch_that_is_written_into_changes_no_other():
  sampler = epoch_sampler(6, 3, seed=0)
  before = sampler(0).copy()
  sampler(0)[:] = 99
  np.testing.assert_array_equal(sampler(0), before)


def test_refuses():
  with pytest.raises(ValueError, match='at least 0, got -1'):
    epoch_sampler(3, 2, seed=0)(-1)
  with pytest.raises(ValueError, match='the 3 rows there are, got 4'):
    epoch_sampler(3, 4, seed=0)
  with pytest.raises(ValueError, match='got 0'):
    epoch_sampler(3, 0, seed=0)
  labelled = np.array([True, False])
  with pytest.raises(ValueError, match='2 labelled rows; there are 1'):
    semi_supervised_sampler(labelled, 2, 3, seed=0)


@settings(deadline=None)
@given(
  st.lists(st.integers(4, 9), min_size=2, max_size=6),
  st.integers(1, 4),
  st.integers(1, 3),
  st.integers(0, 4),
)
def test_rows_of_a_class_come_together(sizes, group, groups, epoch):
  labels = np.random.default_rng(0).permutation(
    np.repeat(np.arange(len(sizes)), sizes)
  )
  available = sum(size // group for size in sizes)
  if groups > available:
    return
  sampler = class_sampler(labels, group, group * groups, seed=2)
  steps = available // groups
  batches = [sampler(epoch * steps + i) for i in range(steps)]
  for batch in batches:
    assert batch.dtype == np.int32
    classes = labels[batch].reshape(groups, group)
    assert (classes == classes[:, :1]).all()
  seen = np.concatenate(batches)
  assert len(np.unique(seen)) == len(seen) == steps * groups * group


def test_the_groups_of_a_class_are_other_rows_in_each_epoch():
  labels = np.repeat([0, 1], 8)
  a, b = (class_sampler(labels, 4, 16, seed=s) for s in (0, 1))

  def groups(batch):
    return {frozenset(group) for group in batch.reshape(-1, 4).tolist()}

  assert groups(a(0)) != groups(a(1))
  assert groups(a(0)) != groups(b(0))
  again = class_sampler(labels, 4, 16, seed=0)
  for step in (5, 0, 5, 1):  # whatever was asked before
    np.testing.assert_array_equal(a(step), again(step))


def test_groups_are_refused():
  labels = np.array([0, 0, 0, 1, 1])
  with pytest.raises(ValueError, match='2 rows of the smallest class, got 3'):
    class_sampler(labels, 3, 3, seed=0)
  with pytest.raises(ValueError, match='batch_size 3 is not a multiple of'):
    class_sampler(labels, 2, 3, seed=0)
  with pytest.raises(ValueError, match=r'int labels, .* got labels \[2, 2\]'):
    class_sampler(np.eye(2, dtype=int), 1, 1, seed=0)
  with pytest.raises(ValueError, match='the 2 rows there are, got 3'):
    class_sampler(labels, 2, 6, seed=0)
  with pytest.raises(ValueError, match='needs a label of every row'):
    class_sampler(np.array([0, -1]), 1, 1, seed=0)
