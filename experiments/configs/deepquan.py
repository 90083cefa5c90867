"""DeepQuan (Chen, Cheung, Wang; IJCAI 2018), a reconstruction, without labels.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/deepquan.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_unsupervised    mAP@1000 .732 +- .016

No scores of the paper are known.

val mAP@1000 of seed 0 with alpha .1 and 1: .746, .734; with beta 1 and 10:
.746, .742; with 50, 100 and 200 neighbours: .746, .746, .744.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(setting, {'name': 'deepquan'})
