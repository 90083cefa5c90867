"""Optimisers from a config, with groups of parameters of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import optax

from jaxhash.core import PyTree
from jaxhash.lookup import check_known

__all__ = ['make_optimizer']

ARGUMENTS = {
  'name': 'adam',
  'learning_rate': 1e-3,
  'schedule': 'cosine',
  'warmup_steps': 0,
  'weight_decay': 0.0,
  'momentum': 0.9,
  'clip_norm': None,
}


def make_optimizer(
  config: Mapping[str, Any], params: PyTree, num_steps: int
) -> optax.GradientTransformation:
  """Builds an optax transformation from a config.

  Weight decay is added to the gradient before the optimiser sees it, as in
  torch's Adam, SGD and RMSprop, not decoupled as in AdamW.

  Args:
    config: `name` (adam, sgd, rmsprop), `learning_rate`, `schedule` (cosine,
      constant), `warmup_steps`, `weight_decay`, `momentum` (of sgd),
      `clip_norm` (global norm of each group, or None) and `groups`: a mapping
      from a prefix of a parameter's path, such as `method/codewords`, to the
      settings that differ there. The longest prefix that fits counts.
    params: the parameters, or their shapes, as nested dicts.
    num_steps: length of the schedule.

  Returns:
    A transformation for `params`.

  Raises:
    ValueError: an unknown name or setting, or a group that fits no parameter.

  Example:
    >>> params = {'encoder': {'w': 1.0}, 'method': {'codewords': 2.0}}
    >>> config = {'groups': {'method/codewords': {'learning_rate': 1e-2}}}
    >>> state = make_optimizer(config, params, 10).init(params)
    >>> sorted(state.inner_states)
    ['', 'method/codewords']
  """
  settings = dict(config)
  groups = {k: dict(v or {}) for k, v in settings.pop('groups', {}).items()}
  settings = ARGUMENTS | settings
  transforms = {'': _transform(settings, num_steps)}
  for prefix, changes in groups.items():
    transforms[prefix] = _transform({**settings, **changes}, num_steps)
  paths = jax.tree_util.tree_map_with_path(
    lambda path, _: '/'.join(_name(entry) for entry in path), params
  )
  labels = jax.tree.map(lambda path: _longest_prefix(path, groups), paths)
  unused = set(groups) - set(jax.tree.leaves(labels))
  if unused:
    raise ValueError(
      f'optimizer group {sorted(unused)[0]!r} fits no parameter; there are '
      f'{", ".join(sorted(jax.tree.leaves(paths)))}'
    )
  return optax.partition(transforms, labels)


def _name(entry: Any) -> str:
  for attribute in ('key', 'name', 'idx'):
    if hasattr(entry, attribute):
      return str(getattr(entry, attribute))
  return str(entry)


def _longest_prefix(path: str, prefixes: Mapping[str, Any]) -> str:
  fits = [p for p in prefixes if path == p or path.startswith(p + '/')]
  return max(fits, key=len, default='')


def _transform(
  settings: Mapping[str, Any], num_steps: int
) -> optax.GradientTransformation:
  for setting in settings:
    check_known('optimizer setting', setting, ARGUMENTS, other=', groups')
  scale_by = {
    'adam': optax.scale_by_adam,
    'sgd': lambda: optax.trace(settings['momentum'], nesterov=True),
    # torch's RMSprop: decay .99, epsilon outside the square root.
    'rmsprop': lambda: optax.scale_by_rms(0.99, 1e-8, eps_in_sqrt=False),
  }
  check_known('optimizer', settings['name'], scale_by)
  clip, decay = settings['clip_norm'], settings['weight_decay']
  if not decay >= 0:
    raise ValueError(f'weight_decay must not be negative, got {decay}')
  return optax.chain(
    *([optax.clip_by_global_norm(clip)] if clip else []),
    *([optax.add_decayed_weights(decay)] if decay else []),
    scale_by[settings['name']](),
    optax.scale_by_learning_rate(_schedule(settings, num_steps)),
  )


def _schedule(settings: Mapping[str, Any], num_steps: int) -> optax.Schedule:
  peak, warmup = settings['learning_rate'], settings['warmup_steps']
  if not peak >= 0 or not 0 <= warmup <= num_steps:
    raise ValueError(
      'learning_rate must not be negative and warmup_steps must be from 0 to '
      f'the {num_steps} steps of the run, got {peak} and {warmup}'
    )
  schedules = {
    'cosine': lambda: optax.cosine_decay_schedule(
      peak, max(1, num_steps - warmup)
    ),
    'constant': lambda: optax.constant_schedule(peak),
  }
  check_known('schedule', settings['schedule'], schedules)
  return optax.join_schedules(
    [
      optax.linear_schedule(0.0, peak, warmup),
      schedules[settings['schedule']](),
    ],
    [warmup],
  )
