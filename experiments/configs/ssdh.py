"""SSDH (Yang et al.; IJCAI 2018), without labels.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/ssdh.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_unsupervised    mAP@1000 .713 +- .015

The paper's scores were not at hand.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  # By val of 2 (the paper's), 2.5, 3 and 3.5 standard deviations.
  method = {'factor': 3.0} if setting == 'cifar10_unsupervised' else {}
  return common.make_config(
    setting, {'name': 'ssdh', **method}, common.without_labels(setting)
  )
