"""GreedyHash (Su et al.; NeurIPS 2018).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/greedyhash.py:SETTING

SCORES
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'greedyhash'},
    common.rates(setting, cifar=1e-2, tiny=1e-2),
  )
