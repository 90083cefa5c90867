"""ADSH (Jiang, Li; AAAI 2018).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/adsh.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_features        mAP@ALL .844 +- .008 (transductive .846)
  tiny_imagenet_features  not measured
  coco18_features         not measured
  cifar10_database        not measured
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/adsh.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(setting, {'name': 'adsh'}, common.rounds(setting))
