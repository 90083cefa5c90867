"""SHC (Chen et al.; TOIS 2025): classifier, centers and codes in one command.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/shc.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4 (digits: mean over 0 to 2):

  digits                  mAP@ALL .989
  cifar10_features        mAP@ALL .846 +- .005   --arrays=FOLDER
  tiny_imagenet_features  mAP@ALL .512 +- .005, mAHP@250 .696
  cifar10                 not measured: wants a GPU

The paper's scores are on top of jaxhash/methods/shc.py.

The settings are those of CSQ, whose loss it has; on tiny_imagenet_features the
classifier before it is trained at a rate of its own. The centers of the paper's
search: `--set=method.start=mdsh --set=method.num_annealing_sweeps=0
--set=method.num_polishing_sweeps=0`.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  changes = common.rates(setting, tiny=3e-2)
  if setting == 'tiny_imagenet_features':
    changes['stages'] = {'classifier': common.rates(setting, tiny=3e-3)}
  return common.make_config(setting, {'name': 'shc'}, changes)
