"""CIBHash (Qiu et al.; IJCAI 2021), without labels, of two views.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/cibhash.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_unsupervised    mAP@1000 .687 +- .013

The paper's scores were not at hand.

val mAP@1000 of seed 0 with the two views as they are, and with noise of .3, .5
and 1: .644, .685, .705, .703.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  augment = {'noise': 0.5} if setting == 'cifar10_unsupervised' else {}
  changes = {'pipeline': {'views': 2, 'augment': augment}}
  return common.make_config(setting, {'name': 'cibhash'}, changes)
