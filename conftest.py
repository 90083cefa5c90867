"""Settings of every test: strict JAX, four virtual CPU devices, real data."""

import os

os.environ['XLA_FLAGS'] = (
  os.environ.get('XLA_FLAGS', '') + ' --xla_force_host_platform_device_count=4'
)
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
# The threads of XLA's pool, else as many as cores. A collective holds one for
# each device until all have come: a program of several at once can starve.
os.environ.setdefault('NPROC', '16')

import atexit
import hashlib
import itertools
import pathlib
import shutil
import tempfile

# Many tests, and the processes that they start, compile the same programs. JAX
# never heals a file that was torn by kill -9: a new folder for every session.
if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
  os.environ['JAX_COMPILATION_CACHE_DIR'] = tempfile.mkdtemp(
    prefix='jaxhash-xla-'
  )
  atexit.register(
    shutil.rmtree, os.environ['JAX_COMPILATION_CACHE_DIR'], ignore_errors=True
  )
# What pyproject.toml ignores here, for the processes that tests start.
os.environ['PYTHONWARNINGS'] = ','.join(
  f'ignore:Error {verb} persistent compilation cache:UserWarning'
  for verb in ('reading', 'writing')
)
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES', '-1')

import hypothesis
import jax
import pytest
from absl import flags

# Numba looks for changes in the file of a function, not in those it calls.
KERNELS = pathlib.Path(__file__).parent.glob('jaxhash/search/native/*.py')
DIGEST = hashlib.sha256(b''.join(p.read_bytes() for p in sorted(KERNELS)))
os.environ.setdefault(
  'NUMBA_CACHE_DIR',
  f'{tempfile.gettempdir()}/jaxhash-{os.getuid()}-numba-'
  + DIGEST.hexdigest()[:12],
)

jax.config.update('jax_numpy_rank_promotion', 'raise')
flags.FLAGS.mark_as_parsed()  # tfds reads flags even outside an absl app

# Compilation counts into the first example's time; the same examples always.
hypothesis.settings.register_profile('jaxhash', deadline=None, derandomize=True)
hypothesis.settings.load_profile('jaxhash')

STRICT = (
  'losses',
  'codewords',
  'methods',
  'metrics',
  'search',
  'shallow',
  'test_binarize.py',
  'test_discrete.py',
  'test_pair_statistics.py',
  'test_quantizers.py',
  'test_similarity.py',
)


@pytest.fixture(autouse=True)
def strict_dtypes(request):
  """Strict dtype promotion for the parts that people reuse.

  Flax's BatchNorm in bfloat16 and some optax schedules raise under it.
  """
  inside = pathlib.Path(request.path).relative_to(pathlib.Path(__file__).parent)
  if any(part in STRICT for part in inside.parts):
    with jax.numpy_dtype_promotion('strict'):
      yield
  else:
    yield


MODULES = itertools.count(1)


@pytest.fixture(autouse=True, scope='module')
def little_memory():
  """Forgets the compiled programs of some modules; gigabytes in the end."""
  yield
  if next(MODULES) % 5 == 0:
    jax.clear_caches()


@pytest.fixture(scope='session')
def real_data():
  """The folder of real data that `JAXHASH_DATA` names."""
  folder = os.environ.get('JAXHASH_DATA')
  if not folder:
    pytest.skip('JAXHASH_DATA is not set: no real data to run on')
  return pathlib.Path(folder)
