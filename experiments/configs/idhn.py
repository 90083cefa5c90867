"""IDHN (Zhang et al.; IEEE TMM 2020).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/idhn.py:SETTING

Not measured yet.

The paper's scores are on top of jaxhash/methods/idhn.py.
"""

from ml_collections import ConfigDict

from experiments.configs import common

__all__ = ['get_config']


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  return common.make_config(
    setting,
    {'name': 'idhn'},
    common.pairs(setting, rows_per_class=32, coco_head='linear'),
  )
