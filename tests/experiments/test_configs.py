"""The configs that come with the package: complete, and of one mould."""

import pathlib

import pytest

from experiments import table_config
from experiments.configs import benchmark as benchmarks
from jaxhash import lookup, training

CONFIGS = pathlib.Path(benchmarks.__file__).parent
METHODS = sorted(benchmarks.METHODS)


def test_every_config_of_a_method_is_in_the_tables():
  files = {p.stem for p in CONFIGS.glob('[!_]*.py')}
  assert files - {'benchmark', 'common'} == set(METHODS)
  known = set(lookup.known('jaxhash.methods'))
  assert known - set(METHODS) == {'adalabelhash_semi'}


@pytest.mark.parametrize('setting', sorted(benchmarks.TABLES))
def test_a_table_is_complete(setting, monkeypatch):
  config = benchmarks.get_config(setting)
  table = table_config.read_table(config)  # scores are in results there are
  of_runs = benchmarks.TABLES[setting].get('setting', setting)
  assert table['methods']
  for name, run in table['methods'].items():
    training.check_config(run)
    method, changes = benchmarks.VARIANTS.get(name, (name, {}))
    assert run['method']['name'] == method
    for block, values in changes.items():
      assert values.items() <= run[block].items()
    assert run['setting'] == of_runs
    method = training.experiment.build_method(run)
    assert method.width >= 1
    assert set(run['stages']) <= {stage.name for stage in method.stages}
  # What is not of a method is the same for all of a table.
  runs = table['methods'].values()
  for block in ('dataset', 'protocol', 'epochs', 'measures', 'evaluations'):
    assert len({str(run[block]) for run in runs}) == 1
  assert len({run['pipeline']['normalize'] for run in runs}) == 1
  # CIBHash compares two augmentations.
  one_view = [run for run in runs if run['method']['name'] != 'cibhash']
  for name in ('augment', 'views'):
    assert len({str(run['pipeline'][name]) for run in one_view}) == 1
  # DTSH forms all triplets of a batch.
  sizes = {run['batch_size'] for run in runs if run['method']['name'] != 'dtsh'}
  assert len(sizes) == 1
