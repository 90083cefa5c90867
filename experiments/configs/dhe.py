"""DHE, a RECONSTRUCTION (PR&AI 2020).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/dhe.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_features        mAP@ALL .835 +- .009
  tiny_imagenet_features  mAP@ALL .188 +- .012, mAHP@250 .679
  coco18_features         not measured
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/dhe.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'dhe'},
    common.pairs(setting, rows_per_class=32, tiny=1e-2),
  )
