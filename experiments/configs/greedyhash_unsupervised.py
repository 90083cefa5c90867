"""GreedyHash (Su et al.; NeurIPS 2018), without labels.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/greedyhash_unsupervised.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_unsupervised    mAP@1000 .640 +- .012

The paper's scores are on top of jaxhash/methods/greedyhash_unsupervised.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'greedyhash_unsupervised'},
    common.without_labels(setting, rate=3e-3),
  )
