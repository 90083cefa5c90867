"""Cross-entropy and sign; `--config.encoder.head=bn` is CE+BN.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/cross_entropy.py:SETTING

SCORES
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'cross_entropy'},
    common.rates(setting, cifar=1e-2, tiny=3e-2),
  )
