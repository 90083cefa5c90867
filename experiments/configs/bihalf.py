"""BiHalf (Li, van Gemert; AAAI 2021), without labels.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/bihalf.py:SETTING

What each setting scored at 32 bits on two cores, mean and 95% interval over
seeds 0 to 4, with --arrays=FOLDER:

  digits                  not measured
  cifar10_unsupervised    mAP@1000 .717 +- .012

The paper's scores are on top of jaxhash/methods/bihalf.py.

val mAP@1000 of seed 0 with learning rates of 3e-4, 1e-3, 1e-2 and 3e-2: .530,
.622, .727, .698.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting, {'name': 'bihalf'}, common.without_labels(setting, rate=1e-2)
  )
