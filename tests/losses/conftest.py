import jax
import pytest


@pytest.fixture(scope='module')
def little_optimization():
  """For programs that take far longer to compile than to run."""
  before = jax.config.read('jax_disable_most_optimizations')
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', before)
