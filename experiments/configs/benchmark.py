"""Tables of methods x bits x seeds, for `python -m experiments.benchmark`.

  digits                  a few methods on the digits, offline
  cifar10_features        protocol I                   --arrays=FOLDER
  tiny_imagenet_features  mAP@ALL and mAHP@250         --arrays=FOLDER

A table has the configs of its methods, which are those of
`experiments/configs/METHOD.py` unless it says otherwise here, the bits, the
number of seeds, shallow references on the same splits, and the scores to be
tabulated, each as the path of a number in a cell's results.
"""

from typing import Any

from ml_collections import ConfigDict

from experiments.configs import (
  adalabelhash,
  class_bits,
  cross_entropy,
  csq,
  dch,
  dhe,
  dhn,
  dpn,
  dpsh,
  dsh,
  dtsh,
  greedyhash,
  hashnet,
  idhn,
  mdsh,
  orthohash,
  shc,
  shrewd,
)
from jaxhash import training

__all__ = ['get_config']

METHODS = {
  'adalabelhash': adalabelhash,
  'class_bits': class_bits,
  'cross_entropy': cross_entropy,
  'csq': csq,
  'dch': dch,
  'dhe': dhe,
  'dhn': dhn,
  'dpn': dpn,
  'dpsh': dpsh,
  'dsh': dsh,
  'dtsh': dtsh,
  'greedyhash': greedyhash,
  'hashnet': hashnet,
  'idhn': idhn,
  'mdsh': mdsh,
  'orthohash': orthohash,
  'shc': shc,
  'shrewd': shrewd,
}
# Rows that are a method with other settings.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
  'cross_entropy_bn': ('cross_entropy', {'encoder': {'head': 'bn'}}),
}
DATABASE = 'query_database'
MAP = f'{DATABASE}.mAP'
LEAVE_ONE_OUT = f'evaluations.leave_one_out.{DATABASE}'
TABLES: dict[str, dict[str, Any]] = {
  'digits': {
    'methods': ('adalabelhash', 'orthohash', 'csq'),
    'bits': (16, 32),
    'seeds': 3,
    'scores': {'mAP@ALL': MAP},
  },
  'cifar10_features': {
    'methods': (*METHODS, *VARIANTS),
    'bits': (16, 32, 64),
    'seeds': 5,
    'scores': {
      'mAP@ALL': MAP,
      'mAP@ALL, train not searched': 'query_database_without_train.mAP',
      'mAP@ALL of val': 'val.mAP',
    },
  },
  # Barz and Denzler's protocol for mAHP: the validation rows search each other.
  'tiny_imagenet_features': {
    'methods': (
      'adalabelhash',
      'class_bits',
      'cross_entropy',
      'cross_entropy_bn',
      'csq',
      'mdsh',
      'orthohash',
      'shc',
    ),
    'bits': (16, 32, 64),
    'seeds': 5,
    'scores': {
      'mAHP@250, leave one out': f'{LEAVE_ONE_OUT}.mAHP@250',
      'mAP@ALL': MAP,
      'mAP@ALL of val': 'val.mAP',
    },
    'changes': {
      'taxonomy': 'data/tiny-imagenet-200/wordnet_tree.json',
      'evaluations': {
        'leave_one_out': {
          'protocol': {'name': 'leave_one_out'},
          'measures': {'hierarchical_at': (250,)},
        },
      },
    },
  },
}


def get_config(setting: str = 'digits') -> ConfigDict:
  """One of the tables above."""
  if setting not in TABLES:
    raise ValueError(f'unknown table {setting!r}; known: {", ".join(TABLES)}')
  table = TABLES[setting]
  methods = {}
  for name in table['methods']:
    method, changes = VARIANTS.get(name, (name, {}))
    config = METHODS[method].get_config(setting)
    training.merge(config, changes)
    training.merge(config, table.get('changes', {}))
    methods[name] = config
  return ConfigDict(
    {
      'methods': methods,
      'bits': table['bits'],
      'seeds': table['seeds'],
      'shallow': ('lsh', 'itq'),
      'scores': table['scores'],
    }
  )
