"""A table of two methods, one of them in stages, and a shallow reference."""

from ml_collections import ConfigDict

from jaxhash import training
from tests.configs import small

__all__ = ['get_config']


def get_config() -> ConfigDict:
  methods = {}
  for name in ('cross_entropy', 'shc'):
    config = small.get_config()
    training.merge(
      config,
      {
        'method': {'name': name, 'num_bits': 8},
        'encoder': {'name': 'mlp', 'hidden': (16,)},
        'evaluations': {'again': {'evaluation': {'at': 5}}},
      },
    )
    methods[name] = config
  # Of the first method, on whose data the shallow one is: not for that.
  training.merge(methods['cross_entropy'], {'pipeline': {'rows_per_class': 2}})
  return ConfigDict(
    {
      'methods': methods,
      'bits': (4, 8),
      'seeds': 2,
      'shallow': ('lsh',),
      'scores': {'mAP@ALL': 'query_database.mAP', 'x': 'query_database.mAP'},
    }
  )
