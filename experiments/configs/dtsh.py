"""DTSH (Wang, Shi, Kitani; ACCV 2016).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/dtsh.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_features        mAP@ALL .839 +- .008
  tiny_imagenet_features  mAP@ALL .192 +- .005, mAHP@250 .666
  coco18_features         not measured
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/dtsh.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  changes = common.pairs(
    setting, rows_per_class=4, cifar_head='linear', tiny=3e-3
  )
  if setting in ('cifar10_features', 'tiny_imagenet_features'):
    changes['batch_size'] = 64  # 64^3 triplets, not 256^3
  return common.make_config(setting, {'name': 'dtsh'}, changes)
