"""Four devices, for the tests of losses across them."""

import jax
import pytest
from jax.sharding import AxisType

DEVICES = 4
NEEDS = [
  pytest.mark.skipif(jax.device_count() < DEVICES, reason='needs four devices'),
  pytest.mark.usefixtures('little_optimization'),
]


def mesh_of_four():
  return jax.make_mesh(
    (DEVICES,),
    ('data',),
    axis_types=(AxisType.Auto,),
    devices=jax.devices()[:DEVICES],
  )


def shards(arrays):
  """Arrays of rows as those of each device, for `jax.pmap`."""
  return [a.reshape(DEVICES, -1, *a.shape[1:]) for a in arrays]
