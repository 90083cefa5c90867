"""The predicted class as a number (Sablayrolles et al.; ICASSP 2017).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/class_bits.py:SETTING

SCORES
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'class_bits'},
    common.rates(setting, cifar=3e-3, tiny=3e-3),
  )
