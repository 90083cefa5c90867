"""SHREWD, a RECONSTRUCTION (Arponen, Bishop; LLD at ICLR 2019).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/shrewd.py:SETTING

Not measured yet.

The paper's scores are on top of jaxhash/methods/shrewd.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  tree = setting == 'tiny_imagenet_features'
  method = {
    'name': 'shrewd',
    'similarity': 'taxonomy' if tree else 'labels',
  }
  return common.make_config(setting, method, common.pairs(setting))
