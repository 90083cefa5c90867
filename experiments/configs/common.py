"""What the configs of all methods share: data, encoder and optimiser.

So that the methods of a table differ in the method, and where a method wants
it in the head of the encoder and the optimiser, and in nothing else.
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from jaxhash import lookup
from jaxhash.training import default_config, fill_defaults, merge

__all__ = [
  'SETTINGS',
  'features',
  'make_config',
  'pairs',
  'rates',
  'rounds',
  'without_labels',
]


def features(folder: str, protocol: dict[str, Any], **changes: Any) -> dict:
  """A perceptron with one hidden layer on frozen features.

  Noise on the inputs in place of dropout: of four settings of both, this had
  the best val mAP on CIFAR-10 with CSQ, DPN and AdaLabelHash, and lost less
  than .004 with OrthoHash, GreedyHash and class bits, .017 with cross-entropy.
  """
  return {
    'dataset': {'name': 'arrays', 'folder': f'data/{folder}'},
    'protocol': protocol,
    'encoder': {'name': 'mlp', 'hidden': [512]},
    'pipeline': {'normalize': 'scalar', 'augment': {'noise': 0.5}},
    'batch_size': 256,
    'epochs': 40,
    **changes,
  }


SETTINGS: dict[str, dict[str, Any]] = {
  'digits': {
    'encoder': {'name': 'cnn', 'channels': [64, 128], 'hidden': 256},
    'pipeline': {'augment': {'pad': 1}},
    'batch_size': 128,
    'epochs': 100,
    'eval_every': 100,
    'optimizer': {'learning_rate': 2e-3},
  },
  'cifar10_features': features('cifar10', {'name': 'cifar10_i'}),
  # 2,000 of the official validation rows search train and the other 8,000.
  'tiny_imagenet_features': features(
    'tiny-imagenet-200',
    {'name': 'held_out_queries', 'num_query': 2000, 'num_val': 1000},
    epochs=20,
  ),
  # 18 labels, of which the first is on more than half of the photos.
  'coco18_features': features(
    'coco18',
    {
      'name': 'random_rows',
      'num_query': 1000,
      'num_train': 5000,
      'num_val': 1000,
    },
    evaluation={'at': 5000},
    measures={'ndcg_at': (1000,)},
  ),
  # All 59,000 labels of the database are known: for transductive methods.
  'cifar10_database': features(
    'cifar10', {'name': 'cifar10_i_database'}, epochs=10
  ),
  # 5,000 rows that have two views train, without their labels.
  'cifar10_unsupervised': features(
    'cifar10',
    {'name': 'train_with_views', 'num_query': 1000, 'num_val': 1000},
    evaluation={'at': 1000},
    evaluations={'all': {'evaluation': {'at': None}}},
    pipeline={'normalize': 'scalar'},
  ),
  'cifar10': {
    'dataset': {'name': 'cifar10'},
    'protocol': {'name': 'cifar10_ii'},
    'encoder': {'name': 'resnet18', 'dtype': 'bfloat16'},
    'pipeline': {'augment': {'pad': 4, 'flip': True}},
    'batch_size': 128,
    'epochs': 100,
    'eval_every': 5000,
  },
}


def make_config(
  setting: str,
  method: dict[str, Any],
  changes: dict[str, Any] | None = None,
  *,
  settings: dict[str, dict[str, Any]] | None = None,
) -> ConfigDict:
  """A config of a method on one of the settings.

  Args:
    setting: a name in `settings`.
    method: the block `method`; 32 bits unless it says otherwise.
    changes: blocks that the method wants to be otherwise.
    settings: by name; `SETTINGS` if not given.

  Returns:
    The config, with all defaults filled in.

  Raises:
    ValueError: an unknown setting.
  """
  known = SETTINGS if settings is None else settings
  lookup.check_known('setting', setting, known)
  config = default_config()
  config.setting = setting
  merge(config, known[setting])
  config.method = ConfigDict({'num_bits': 32, **method})
  merge(config, changes or {})
  return fill_defaults(config)


def rates(
  setting: str,
  *,
  cifar: float = 1e-3,
  tiny: float = 1e-3,
  coco: float = 1e-3,
) -> dict[str, Any]:
  """The learning rates of a method on features, chosen on val."""
  chosen = {
    'cifar10_features': cifar,
    'cifar10_database': cifar,
    'tiny_imagenet_features': tiny,
    'coco18_features': coco,
  }
  if setting not in chosen:
    return {}
  return {'optimizer': {'learning_rate': chosen[setting]}}


def pairs(
  setting: str,
  *,
  rows_per_class: int | None = None,
  cifar_head: str = 'bn',
  coco_head: str = 'bn',
  **chosen: float,
) -> dict[str, Any]:
  """What the methods on pairs share, chosen on val.

  A head with batch normalisation had the better val mAP of most of them (DPSH
  on Tiny ImageNet .211, without .114). In a batch of 256 rows of 200 classes
  hardly any pair is similar: on Tiny ImageNet each class comes with several
  rows (DPSH .216 with 32, .158 with one).

  Args:
    setting: a name in `SETTINGS`.
    rows_per_class: of a batch, on Tiny ImageNet.
    cifar_head: of the encoder, on CIFAR-10's features.
    coco_head: the same on COCO's.
    **chosen: the learning rates, as for `rates`.
  """
  heads = {'cifar10_features': cifar_head, 'coco18_features': coco_head}
  head = heads.get(setting, 'bn')
  changes: dict[str, Any] = {'encoder': {'head': head}}
  if setting == 'tiny_imagenet_features':
    changes['pipeline'] = {'rows_per_class': rows_per_class}
  default = {'cifar': 1e-2, 'tiny': 3e-2, 'coco': 1e-2}
  return {**changes, **rates(setting, **{**default, **chosen})}


def without_labels(setting: str, *, rate: float = 1e-3) -> dict[str, Any]:
  """What the methods share that keep the cosines of features.

  On features one linear layer, as in the papers: with a hidden one the val mAP
  was lower.

  Args:
    setting: a name in `SETTINGS`.
    rate: the learning rate on CIFAR-10's features, chosen on val.
  """
  if setting != 'cifar10_unsupervised':
    return {}
  return {'encoder': {'hidden': ()}, 'optimizer': {'learning_rate': rate}}


def rounds(setting: str) -> dict[str, Any]:
  """Rounds of the methods that learn database codes in closed form.

  Three epochs, as in the papers; of a large database over a part of it, of
  5,000 rows over all.

  Args:
    setting: a name in `SETTINGS`.
  """
  rows = 5120 if setting == 'cifar10_database' else None
  return {'pipeline': {'rows_per_round': rows, 'epochs_per_round': 3}}
