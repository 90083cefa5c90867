"""SHREWD, a RECONSTRUCTION (Arponen, Bishop; LLD at ICLR 2019).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/shrewd.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_features        mAP@ALL .785 +- .003
  tiny_imagenet_features  mAP@ALL .275 +- .005, mAHP@250 .689
  coco18_features         not measured
  cifar10                 not measured: wants a GPU

Without a classifier, `--config.method.classification_weight=0`:
tiny_imagenet_features mAP@ALL .173 +- .002, mAHP@250 .713. Without a class
tree, on CIFAR-10 and the digits, two classes are alike or they are not.

The paper's scores are on top of jaxhash/methods/shrewd.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  tree = setting == 'tiny_imagenet_features'
  method = {
    'name': 'shrewd',
    'similarity': 'taxonomy' if tree else 'labels',
  }
  return common.make_config(setting, method, common.pairs(setting))
