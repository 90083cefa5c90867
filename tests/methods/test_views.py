"""How many views of a row a method takes is said before it trains."""

import jax
import jax.numpy as jnp
import pytest

from jaxhash import methods
from jaxhash.core import Info, Outputs

PAIRS = ['dch', 'dhe', 'dhn', 'dpsh', 'dsh', 'dtsh', 'hashnet', 'idhn']
OTHERS = ['adsh', 'bihalf', 'dsdh', 'greedyhash_unsupervised', 'schn', 'shrewd']
ONE_VIEW = [*PAIRS, *OTHERS]


@pytest.mark.parametrize('name', [*ONE_VIEW, 'cibhash'])
def test_other_views_than_a_method_takes(name):
  wanted = 2 if name == 'cibhash' else 1
  row = jax.ShapeDtypeStruct((4, 8), jnp.float32)
  info = Info(row, Outputs(row, row), 3, jnp.zeros(9, jnp.int32))
  with pytest.raises(
    ValueError, match=f'takes {wanted} view.*set pipeline.views to {wanted}'
  ):
    methods.get(name)(8).init(
      jax.random.key(0), info._replace(views=3 - wanted)
    )
