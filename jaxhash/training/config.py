"""The settings that every run has."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict, config_dict

from jaxhash import lookup
from jaxhash.data.augment import augment
from jaxhash.data.pipeline import make_pipeline

__all__ = ['check_config', 'default_config', 'fill_defaults', 'merge']

NAMED = {
  'dataset': ('jaxhash.data.sources', 'data set'),
  'protocol': ('jaxhash.data.protocols', 'protocol'),
  'method': ('jaxhash.methods', 'method'),
  'encoder': ('jaxhash.encoders', 'encoder'),
}
BLOCKS = (
  *NAMED,
  'pipeline',
  'optimizer',
  'evaluation',
  'measures',
  'evaluations',
  'stages',
)
LEAST = {
  'seed': 0,
  'batch_size': 1,
  'epochs': 1,
  'log_every': 1,
  'eval_every': 1,
  'checkpoint_every': 1,
  'keep_checkpoints': 2,  # so that a damaged one has one before it
}
TYPES = {'int': int, 'float': float, 'str': str, 'bool': bool}


def default_config() -> ConfigDict:
  """A config that trains AdaLabelHash on the digits; start from it.

  `dataset`, `protocol`, `method` and `encoder` hold a `name` and the
  arguments of the function of that name; the other blocks hold arguments of
  `data.pipeline.make_pipeline`, `training.make_optimizer`,
  `metrics.EvaluationProtocol` and `metrics.Measures`.

  Returns:
    A new config, free to be changed.

  Example:
    >>> default_config().method.to_dict()
    {'name': 'adalabelhash', 'num_bits': 32}
  """
  return ConfigDict(
    {
      'seed': 0,  # draws the split, the initial state and the data order
      'dataset': {'name': 'digits'},
      'protocol': {'name': 'digits'},
      'method': {'name': 'adalabelhash', 'num_bits': 32},
      'encoder': {'name': 'cnn'},
      'pipeline': {'normalize': 'channel', 'augment': {}},
      'batch_size': 128,
      'epochs': 30,
      'optimizer': {
        'name': 'adam',
        'learning_rate': 1e-3,
        'schedule': 'cosine',
        'warmup_steps': 0,
        'weight_decay': 0.0,
        'momentum': 0.9,  # of sgd
        'clip_norm': config_dict.placeholder(float),
        'groups': {},
      },
      'evaluation': {
        'at': config_dict.placeholder(int),  # R of mAP@R; None: all
        'denominator': 'retrieved',
        'empty': 'zero',
        'ties': 'expected',
      },
      'measures': {  # beside mAP
        'precision_at': (1, 10, 100),
        'ndcg_at': (),
        'hierarchical_at': (),  # mAHP, wants a taxonomy
        'radius': 2,
      },
      'ignored_labels': (),  # multi-label: those that make nothing relevant
      'taxonomy': config_dict.placeholder(str),  # file of a class hierarchy
      'evaluations': {},  # more of them, by name, each with blocks as these
      'stages': {},  # changes of this config for a stage of the method
      'log_every': 50,  # steps
      'eval_every': 500,  # steps, on val
      'checkpoint_every': 500,  # steps
      'keep_checkpoints': 2,
      'deterministic': True,  # XLA's deterministic operations on a GPU
    }
  )


def merge(config: ConfigDict, changes: Mapping[str, Any]) -> None:
  """Changes a config in place, block by block.

  A block keeps what the changes do not say; but a data set, protocol, method or
  encoder that gets another `name` loses the arguments of the one before.

  Args:
    config: changed in place.
    changes: new values, of blocks or of what is in them.

  Raises:
    ValueError: a value is of another type than the one that it replaces.

  Example:
    >>> config = ConfigDict({'encoder': {'name': 'mlp', 'hidden': [8]}})
    >>> merge(config, {'encoder': {'hidden': [9]}})
    >>> config.encoder.to_dict()
    {'hidden': [9], 'name': 'mlp'}
    >>> merge(config, {'encoder': {'name': 'cnn'}})
    >>> config.encoder.to_dict()
    {'name': 'cnn'}
  """
  for name, value in changes.items():
    block = config.get(name)
    of_settings = isinstance(value, Mapping | ConfigDict)
    if isinstance(block, ConfigDict) and not of_settings:
      raise ValueError(f'{name} must hold settings, got {value!r}')
    if isinstance(block, ConfigDict) and not (
      name in NAMED and value.get('name', block.get('name')) != block['name']
    ):
      merge(block, value)
      continue
    try:
      with config.unlocked():
        config[name] = ConfigDict(dict(value)) if of_settings else value
    except TypeError as e:
      raise ValueError(f'{name} cannot become {value!r}: {e}') from e


def fill_defaults(config: ConfigDict) -> ConfigDict:
  """Adds the arguments that a config leaves at their defaults.

  So that each can be changed from the command line, and is in the workdir's
  config even if a later version has another default.

  Args:
    config: changed in place; what it has is kept.

  Returns:
    The config.

  Raises:
    ValueError: a name is unknown.

  Example:
    >>> fill_defaults(default_config()).method.floor_negatives
    True
  """
  with config.unlocked():
    for block, (package, kind) in NAMED.items():
      function = lookup.find(config[block].name, package=package, kind=kind)
      _fill(config[block], function)
    _fill(config.pipeline, make_pipeline)
    config.pipeline.augment = config.pipeline.augment or ConfigDict()
    _fill(config.pipeline.augment, augment)
  return config


def _fill(block: ConfigDict, function: Callable[..., Any]) -> None:
  for name, parameter in inspect.signature(function).parameters.items():
    default = parameter.default
    if name in block or name == 'seed' or default is inspect.Parameter.empty:
      continue
    if default is None:  # of the first type that its annotation names
      words = str(parameter.annotation).replace('|', ' ').split()
      kinds = [TYPES[word] for word in words if word in TYPES]
      if kinds:
        block[name] = config_dict.placeholder(kinds[0])
    else:
      block[name] = default


def check_config(config: Mapping[str, Any]) -> None:
  """Raises where a setting is missing, unknown, or out of its range.

  The arguments of the blocks are checked by the functions that take them.

  Args:
    config: nested plain values.

  Raises:
    ValueError: says which setting, what was given and what was wanted.

  Example:
    >>> check_config({**default_config().to_dict(), 'epochs': 0})
    Traceback (most recent call last):
    ValueError: epochs must be a whole number of at least 1, got 0
  """
  known = [*default_config(), 'setting']
  for name in config:
    lookup.check_known('config entry', name, known)
  missing = [name for name in known if name not in config]
  if set(missing) - {'setting'}:
    raise ValueError(f'the config lacks {", ".join(missing)}')
  for name in BLOCKS:
    if not isinstance(config[name], Mapping):
      raise ValueError(f'{name} must hold settings, got {config[name]!r}')
  for name, least in LEAST.items():
    value = config[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
      raise ValueError(
        f'{name} must be a whole number of at least {least}, got {value!r}'
      )
