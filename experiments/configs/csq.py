"""CSQ (Yuan et al.; CVPR 2020).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/csq.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4 (digits: mean over 0 to 2):

  digits                  mAP@ALL .985
  cifar10_features        mAP@ALL .841 +- .008   --arrays=FOLDER
  tiny_imagenet_features  mAP@ALL .474 +- .007, mAHP@250 .587
  coco18_features         mAP@5000 .784 +- .008
  cifar10_database        not measured
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/csq.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting, {'name': 'csq'}, common.rates(setting, tiny=3e-2, coco=1e-2)
  )
