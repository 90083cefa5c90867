"""GreedyHash (Su et al.; NeurIPS 2018).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/greedyhash.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4 (digits: mean over 0 to 2):

  digits                  mAP@ALL .984
  cifar10_features        mAP@ALL .825 +- .005   --arrays=FOLDER
  tiny_imagenet_features  not measured
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/greedyhash.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'greedyhash'},
    common.rates(setting, cifar=1e-2, tiny=1e-2),
  )
