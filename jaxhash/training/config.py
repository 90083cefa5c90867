"""The settings that every run has."""

from __future__ import annotations

from ml_collections import ConfigDict

__all__ = ['default_config']


def default_config() -> ConfigDict:
  """A config that trains AdaLabelHash on the digits; start from it.

  `dataset`, `protocol`, `method` and `encoder` hold a `name` and the
  arguments of the function of that name; the other blocks hold arguments of
  `data.pipeline.make_pipeline`, `training.make_optimizer` and
  `metrics.EvaluationProtocol`.

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
        'groups': {},
      },
      'evaluation': {
        'at': None,
        'denominator': 'retrieved',
        'empty': 'zero',
        'ties': 'expected',
      },
      'log_every': 50,  # steps
      'eval_every': 500,  # steps, on val
      'checkpoint_every': 500,  # steps
      'keep_checkpoints': 2,
      'deterministic': True,  # XLA's deterministic operations on a GPU
    }
  )
