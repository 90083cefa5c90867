"""SHC (Chen et al.; TOIS 2025): classifier, centers and codes in one command.

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/shc.py:SETTING

SCORES

The settings are those of CSQ, whose loss it has; the classifier before it is
trained at a rate of its own. `--set=method.num_annealing_sweeps=0
--set=method.num_polishing_sweeps=0` gives the centers of the paper's search.
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
