"""DCH (Cao et al.; CVPR 2018).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/dch.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_features        mAP@ALL .838 +- .009
  tiny_imagenet_features  mAP@ALL .190 +- .003, mAHP@250 .680
  coco18_features         mAP@5000 .690 +- .014
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/dch.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'dch'},
    common.pairs(setting, rows_per_class=8, cifar_head='linear'),
  )
