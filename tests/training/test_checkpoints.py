"""Checkpoints in isolation; damage is in test_interruptions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.training import (
  CheckpointError,
  Checkpoints,
  TrainState,
  state_digest,
)


def state_at(step):
  return TrainState(
    step=jnp.int32(step),
    params={'encoder': {'w': jnp.full((3, 2), step, jnp.bfloat16)}},
    encoder_state={},
    method_state={'bank': jnp.full(4, step, jnp.int8)},
    opt_state=({'mu': jnp.full((3, 2), step / 3)}, ()),
    key=jax.random.key(step),
    failed_step=jnp.int32(-1),
  )


def test_what_is_saved_comes_back(tmp_path):
  with Checkpoints(tmp_path / 'c') as checkpoints:
    checkpoints.save(state_at(5))
  restored, notes = Checkpoints(tmp_path / 'c').restore(state_at(0))
  assert notes == []
  assert jax.tree.structure(restored) == jax.tree.structure(state_at(5))
  np.testing.assert_array_equal(
    state_digest(restored), state_digest(state_at(5))
  )
  assert restored.params['encoder']['w'].dtype == jnp.bfloat16


def test_the_latest_ones_are_kept(tmp_path):
  with Checkpoints(tmp_path / 'c', keep=2) as checkpoints:
    for step in (1, 2, 3):
      checkpoints.save(state_at(step))
    checkpoints.save(state_at(3))  # again: nothing happens
    assert checkpoints.steps() == [2, 3]
    state, _ = checkpoints.restore(state_at(0), step=2)
    assert int(state.step) == 2


def test_nothing_saved_is_no_error(tmp_path):
  assert Checkpoints(tmp_path / 'none').restore(state_at(0)) == (None, [])


def test_a_step_that_is_not_there(tmp_path):
  with Checkpoints(tmp_path / 'c') as checkpoints:
    checkpoints.save(state_at(1))
    with pytest.raises(
      CheckpointError, match=r'no checkpoint of step 7.*\[1\]'
    ):
      checkpoints.restore(state_at(0), step=7)


def test_fewer_than_two_are_refused(tmp_path):
  with pytest.raises(ValueError, match='at least 2, got 1'):
    Checkpoints(tmp_path, keep=1)


def test_the_digest_sees_values_shapes_and_dtypes():
  state = state_at(1)
  digests = {
    state_digest(s).tobytes()
    for s in (
      state,
      state._replace(step=jnp.int32(2)),
      state._replace(key=jax.random.key(9)),
      state._replace(failed_step=jnp.uint32(2**32 - 1)),
      state._replace(method_state={'bank': jnp.ones((2, 2), jnp.int8)}),
    )
  }
  assert len(digests) == 5
