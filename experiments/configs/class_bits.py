"""The predicted class as a number (Sablayrolles et al.; ICASSP 2017).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/class_bits.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4 (digits: mean over 0 to 2):

  digits                  mAP@ALL .979
  cifar10_features        mAP@ALL .756 +- .008   --arrays=FOLDER
  tiny_imagenet_features  mAP@ALL .510 +- .005, mAHP@250 .622
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/class_bits.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'class_bits'},
    common.rates(setting, cifar=3e-3, tiny=3e-3),
  )
