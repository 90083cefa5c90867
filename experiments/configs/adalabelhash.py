"""AdaLabelHash (Yang, Tu, Chen; ICIP 2019, CVPRW 2019).

  python -m experiments.train --workdir=runs/NAME \\
      --config=experiments/configs/adalabelhash.py:SETTING

What each setting scored, mAP@ALL at 32 bits, mean and 95% interval over seeds
0 to 4 (two cores of a CPU, seconds for training and scoring one seed):

  digits                        .987 +- .009   15 s
  cifar10_features              .845 +- .005    5 s   --arrays=FOLDER
  tiny_imagenet_features        .241 +- .011   10 s   --arrays=FOLDER
  cifar10_features_few_labels   .745 +- .011    4 s   --arrays=FOLDER
  cifar10_features_semi         .769 +- .007    4 s   --arrays=FOLDER
  cifar10_small                 .352, seed 0    13 min --arrays=FOLDER
  cifar10                       not measured: wants a GPU

cifar10_small ran at 300 to 400 images/s; ITQ on the raw pixels has .135 there.
The paper's own scores could not be found. Settings were chosen on val. Where
the method's margin is left open here it is num_bits / 2; the authors' is 1.
"""

from ml_collections import ConfigDict, config_dict

from experiments.configs import common

__all__ = ['get_config']

# 50 labels a class: all else is the same with and without the unlabelled rows.
FEW_LABELS = {
  **common.features('cifar10', {'name': 'cifar10_i', 'num_labelled': 50}),
  'encoder': {'name': 'mlp', 'hidden': [512], 'dropout': 0.5},
  'pipeline': {'normalize': 'scalar'},
}

SETTINGS = {
  **common.SETTINGS,
  'cifar10_features_few_labels': FEW_LABELS,
  'cifar10_features_semi': FEW_LABELS,
  'cifar10_small': {
    **common.SETTINGS['cifar10'],
    'protocol': {'name': 'cifar10_i'},
    'encoder': {'name': 'resnet18', 'width_multiplier': 0.25},
    'batch_size': 32,
    'epochs': 30,
  },
}
# CIFAR-10 from scratch. Until the encoder tells classes apart, the hardest
# negative outscores the own codeword and the loss stays at the margin, for
# about 2,000 steps. Codewords that start apart and move slowly bring it to an
# end; SGD did not.
FROM_SCRATCH = ('cifar10_small', 'cifar10')


def get_config(setting: str = 'digits') -> ConfigDict:
  """The config of one of the settings in the table above."""
  scratch = setting in FROM_SCRATCH
  method = {
    'name': 'adalabelhash',
    'margin': config_dict.placeholder(float),  # num_bits / 2
    'codeword_scale': 1.0 if scratch else 0.05,
  }
  if setting == 'cifar10_features_semi':
    method |= {'name': 'adalabelhash_semi', 'confidence_gap': 4.0}
  codewords = {'learning_rate': 1e-3 if scratch else 1e-2}
  rates = common.rates(setting, cifar=3e-3, tiny=3e-3).get('optimizer', {})
  optimizer = {**rates, 'groups': {'method/codewords': codewords}}
  return common.make_config(
    setting, method, {'optimizer': optimizer}, settings=SETTINGS
  )
