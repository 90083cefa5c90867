"""DCH (Cao et al.; CVPR 2018).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/dch.py:SETTING

Not measured yet.

The paper's scores are on top of jaxhash/methods/dch.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'dch'},
    common.pairs(setting, rows_per_class=8, cifar_head='linear'),
  )
