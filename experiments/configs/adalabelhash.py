"""AdaLabelHash (Yang, Tu, Chen; ICIP 2019, CVPRW 2019).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/adalabelhash.py:SETTING

SCORES
"""

from ml_collections import ConfigDict, config_dict

from jaxhash.training import default_config

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  if setting not in SETTINGS:
    raise ValueError(
      f'unknown setting {setting!r}; known: {", ".join(SETTINGS)}'
    )
  config = default_config()
  config.setting = setting
  config.optimizer.groups = {'method/codewords': {'learning_rate': 1e-2}}
  config.method.margin = config_dict.placeholder(float)  # num_bits / 2
  config.update(SETTINGS[setting])
  return config


def _features(folder: str, protocol: str) -> dict:
  return {
    'dataset': {'name': 'arrays', 'folder': f'data/{folder}'},
    'protocol': {'name': protocol},
    'encoder': {'name': 'mlp', 'hidden': [512], 'dropout': 0.5},
    'pipeline': {'normalize': 'scalar'},
    'batch_size': 256,
    'epochs': 60,
    'eval_every': 10**9,
  }


SETTINGS = {
  'digits': {
    'encoder': {'name': 'cnn'},
    'pipeline': {'augment': {'pad': 1}},
    'batch_size': 128,
    'epochs': 100,
  },
  'cifar10_features': _features('cifar10', 'cifar10_i'),
  'tiny_imagenet_features': _features('tiny-imagenet-200', 'official'),
}
