"""Tables of methods x bits x seeds, for `python -m experiments.benchmark`.

  digits                  a few methods on the digits, offline
  cifar10_features        protocol I, the whole field    --arrays=FOLDER
  cifar10_short_codes     the same, 8 to 16 bits         --arrays=FOLDER
  cifar10_unsupervised    no labels, 5,000 train rows    --arrays=FOLDER
  cifar10_database        all database labels known      --arrays=FOLDER
  cifar10_schn            SCHN without its parts         --arrays=FOLDER
  tiny_imagenet_features  mAP@ALL and mAHP@250           --arrays=FOLDER
  tiny_imagenet_pairs     the same, methods on pairs     --arrays=FOLDER
  coco18_features         multi-label, mAP and NDCG      --arrays=FOLDER

A table has the configs of its methods, which are those of
`experiments/configs/METHOD.py` unless it says otherwise here, the bits, the
number of seeds, shallow references on the same splits, and the scores to be
tabulated, each as the path of a number in a cell's results.
"""

from typing import Any

from ml_collections import ConfigDict

from experiments.configs import (
  adalabelhash,
  adsh,
  bihalf,
  cibhash,
  class_bits,
  cross_entropy,
  csq,
  dch,
  deepquan,
  dhe,
  dhn,
  dpn,
  dpsh,
  dsdh,
  dsh,
  dtsh,
  greedyhash,
  greedyhash_unsupervised,
  hashnet,
  idhn,
  mdsh,
  orthohash,
  schn,
  shc,
  shrewd,
  ssdh,
)
from jaxhash import lookup, training

__all__ = ['get_config']

SUPERVISED = {
  'adalabelhash': adalabelhash,
  'adsh': adsh,
  'class_bits': class_bits,
  'cross_entropy': cross_entropy,
  'csq': csq,
  'dch': dch,
  'dhe': dhe,
  'dhn': dhn,
  'dpn': dpn,
  'dpsh': dpsh,
  'dsdh': dsdh,
  'dsh': dsh,
  'dtsh': dtsh,
  'greedyhash': greedyhash,
  'hashnet': hashnet,
  'idhn': idhn,
  'mdsh': mdsh,
  'orthohash': orthohash,
  'schn': schn,
  'shc': shc,
  'shrewd': shrewd,
}
UNSUPERVISED = {
  'bihalf': bihalf,
  'cibhash': cibhash,
  'deepquan': deepquan,
  'greedyhash_unsupervised': greedyhash_unsupervised,
  'ssdh': ssdh,
}
METHODS = {**SUPERVISED, **UNSUPERVISED}
# Rows that are a method with other settings.
WEAK = {'classification_weight': 0.0}
MMASIA = {'version': 'mmasia'}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
  'cross_entropy_bn': ('cross_entropy', {'encoder': {'head': 'bn'}}),
  'deepquan_no_triplets': ('deepquan', {'method': {'triplet_weight': 0.0}}),
  'deepquan_no_quantization': (
    'deepquan',
    {'method': {'quantization_weight': 0.0}},
  ),
  'dpsh_bank': ('dpsh', {'method': {'bank': True}}),
  'schn_no_cycle': (
    'schn',
    {'method': {'cycle_weight': 0.0, 'adversarial_weight': 0.0}},
  ),
  'schn_no_adversary': ('schn', {'method': {'adversarial_weight': 0.0}}),
  'schn_mmasia': ('schn', {'method': MMASIA}),
  'schn_mmasia_no_cycle': (
    'schn',
    {'method': {**MMASIA, 'cycle_weight': 0.0}},
  ),
  'schn_sign': ('schn', {'method': {'bank_start': 'sign'}}),
  'schn_tanh': ('schn', {'method': {'latent_activation': 'tanh'}}),
  'shrewd_weak': ('shrewd', {'method': WEAK}),
  'shrewd_weak_no_kl': ('shrewd', {'method': {**WEAK, 'kl_weight': 0.0}}),
}
DATABASE = 'query_database'
MAP = f'{DATABASE}.mAP'
LEAVE_ONE_OUT = f'evaluations.leave_one_out.{DATABASE}'
WITHOUT_PERSON = f'evaluations.without_person.{DATABASE}'
# Barz and Denzler's protocol for mAHP: the validation rows search each other.
TINY_IMAGENET: dict[str, Any] = {
  'setting': 'tiny_imagenet_features',
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
}
TABLES: dict[str, dict[str, Any]] = {
  'digits': {
    'methods': ('adalabelhash', 'orthohash', 'csq'),
    'bits': (16, 32),
    'seeds': 3,
    'scores': {'mAP@ALL': MAP},
  },
  'cifar10_features': {
    'methods': (
      *SUPERVISED,
      'cross_entropy_bn',
      'dpsh_bank',
      'schn_mmasia',
    ),
    'shallow': ('lsh', 'itq', 'ksh', 'sdh'),
    'bits': (16, 32, 64),
    'seeds': 5,
    'scores': {
      'mAP@ALL': MAP,
      'mAP@ALL, transductive: learnt codes of train rows': 'transductive.mAP',
      'mAP@ALL, train not searched': 'query_database_without_train.mAP',
      'mAP@ALL of val': 'val.mAP',
    },
  },
  # The rows that train have two views, which CIBHash alone looks at.
  'cifar10_unsupervised': {
    'methods': (
      *UNSUPERVISED,
      'deepquan_no_triplets',
      'deepquan_no_quantization',
    ),
    'shallow': ('cosine', 'lsh', 'pcah', 'itq', 'sh', 'pq', 'opq'),
    'bits': (16, 32, 64),
    'seeds': 5,
    'scores': {
      'mAP@1000, PQ, OPQ and DeepQuan by ADC': MAP,
      'mAP@ALL': f'evaluations.all.{MAP}',
      'mAP@1000, these by SDC': 'symmetric.mAP',
      'mAP@1000 of val': 'val.mAP',
    },
  },
  # The same queries and database as in `cifar10_features`, of the same seed.
  'cifar10_database': {
    'methods': ('adsh', 'schn', 'csq', 'orthohash'),
    'bits': (16, 32, 64),
    'seeds': 5,
    'scores': {
      'mAP@ALL, transductive': 'transductive.mAP',
      'mAP@ALL': MAP,
    },
  },
  'cifar10_schn': {
    'setting': 'cifar10_features',
    'methods': (
      'schn',
      'schn_no_adversary',
      'schn_no_cycle',
      'schn_mmasia',
      'schn_mmasia_no_cycle',
      'schn_sign',
      'schn_tanh',
    ),
    'bits': (16, 32, 64),
    'seeds': 5,
    'scores': {
      'mAP@ALL': MAP,
      'mAP@ALL, transductive: learnt codes of train rows': 'transductive.mAP',
      'mAP@ALL of val': 'val.mAP',
    },
  },
  'cifar10_short_codes': {
    'setting': 'cifar10_features',
    'methods': ('dhe', 'dpsh', 'dpsh_bank', 'hashnet', 'class_bits'),
    'bits': (8, 12, 16),
    'seeds': 5,
    'scores': {'mAP@ALL': MAP, 'mAP@ALL of val': 'val.mAP'},
  },
  'tiny_imagenet_features': {
    **TINY_IMAGENET,
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
  },
  'tiny_imagenet_pairs': {
    **TINY_IMAGENET,
    'methods': (
      'shrewd',
      'shrewd_weak',
      'shrewd_weak_no_kl',
      'dhe',
      'hashnet',
      'dch',
      'dtsh',
      'dpsh',
      'orthohash',
      'shc',
    ),
  },
  # Every photo has a label beside `person`, which is on more than half of them.
  'coco18_features': {
    'methods': ('hashnet', 'dch', 'idhn', 'dpsh', 'orthohash', 'csq'),
    'bits': (16, 32, 64),
    'seeds': 5,
    'scores': {
      'mAP@5000': MAP,
      'NDCG@1000': f'{DATABASE}.NDCG@1000',
      'mAP@5000, without person': f'{WITHOUT_PERSON}.mAP',
      'NDCG@1000, without person': f'{WITHOUT_PERSON}.NDCG@1000',
      'mAP@5000 of val': 'val.mAP',
    },
    'changes': {
      'evaluations': {
        'without_person': {'ignored_labels': (0,)},  # person
      },
    },
  },
}


def get_config(setting: str = 'digits') -> ConfigDict:
  """One of the tables above."""
  lookup.check_known('table', setting, TABLES)
  table = TABLES[setting]
  methods = {}
  for name in table['methods']:
    method, changes = VARIANTS.get(name, (name, {}))
    config = METHODS[method].get_config(table.get('setting', setting))
    training.merge(config, changes)
    training.merge(config, table.get('changes', {}))
    methods[name] = config
  return ConfigDict(
    {
      'methods': methods,
      'bits': table['bits'],
      'seeds': table['seeds'],
      'shallow': table.get('shallow', ('lsh', 'itq')),
      'scores': table['scores'],
    }
  )
