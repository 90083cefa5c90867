"""CSQ (Yuan et al.; CVPR 2020).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/csq.py:SETTING

SCORES
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting, {'name': 'csq'}, common.rates(setting, tiny=3e-2)
  )
