"""Compiles without optimisation: these tests compile much and compute little.

The suite of this folder takes less than half of the time.
"""

import jax
import pytest


@pytest.fixture(autouse=True, scope='module')
def quick_compilation():
  before = jax.config.read('jax_disable_most_optimizations')
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', before)
