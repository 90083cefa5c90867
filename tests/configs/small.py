"""Six steps on clusters of features, saved every third."""

from ml_collections import ConfigDict

from jaxhash.training import default_config

__all__ = ['get_config']


def get_config(setting: str = 'small') -> ConfigDict:
  config = default_config()
  config.setting = setting
  config.update(
    {
      'dataset': {
        'name': 'clusters',
        'num_classes': 3,
        'num_per_class': 40,
        'num_features': 6,
      },
      'protocol': {
        'name': 'per_class',
        'num_query': 6,
        'num_train': 16,
        'num_val': 4,
      },
      'encoder': {'name': 'mlp', 'hidden': [256]},
      'pipeline': {'normalize': 'scalar'},
      'method': {'num_bits': 8},
      'batch_size': 24,
      'epochs': 3,
      'log_every': 1,
      'eval_every': 2,
      'checkpoint_every': 3,
      'optimizer': {'learning_rate': 1e-2},
    }
  )
  if setting == 'long':
    config.update({'epochs': 10**6, 'checkpoint_every': 10**6})
  return config
