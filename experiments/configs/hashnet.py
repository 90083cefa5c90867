"""HashNet (Cao et al.; ICCV 2017).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/hashnet.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_features        mAP@ALL .845 +- .007
  tiny_imagenet_features  mAP@ALL .236 +- .004, mAHP@250 .687
  coco18_features         mAP@5000 .773 +- .011
  cifar10                 not measured: wants a GPU

On features the tanh hardly becomes a sign: beta ends at 2.0 on CIFAR-10 and
COCO, after 760 steps, and at 2.8 on Tiny ImageNet, after 1,560.

The paper's scores are on top of jaxhash/methods/hashnet.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'hashnet'},
    common.pairs(setting, rows_per_class=8, cifar_head='linear'),
  )
