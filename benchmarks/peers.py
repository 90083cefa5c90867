"""Public evaluators, taken from clones that the user made.

Their files import much that has nothing to do with evaluation, so that only
the functions wanted are taken from them, unmodified.
"""

from __future__ import annotations

import ast
import contextlib
import io
import pathlib
import types
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ['PEERS', 'load_peer', 'plain_numpy']

# Name: clone, and its files with the functions to take.
PEERS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
  'deephash_pytorch': (
    'DeepHash-pytorch',
    {'utils/tools.py': ('CalcHammingDist', 'CalcTopMap')},
  ),
  'orthohash': (
    'orthohash',
    {'functions/hashing.py': ('calculate_mAP',)},
  ),
  'hashnet': (
    'HashNet',
    {'pytorch/src/test.py': ('mean_average_precision',)},
  ),
  'thulab': (
    'DeepHash',
    {
      'DeepHash/distance/npversion.py': ('inner_product', 'distance'),
      'DeepHash/evaluation/__init__.py': ('get_mAPs',),
    },
  ),
}

Evaluator = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], Any]


class StableNumpy(types.ModuleType):
  """NumPy of which all sorts are stable."""

  def __init__(self) -> None:
    super().__init__('numpy')

  def __getattr__(self, name: str) -> Any:
    return getattr(np, name)

  @staticmethod
  def argsort(array: np.ndarray, axis: int = -1) -> np.ndarray:
    """Indices of a stable sort."""
    return np.argsort(array, axis=axis, kind='stable')

  @staticmethod
  def argpartition(array: np.ndarray, kth: int) -> np.ndarray:
    """Indices of a stable sort, which is a partition too."""
    return np.argsort(array, axis=-1, kind='stable')


def load_peer(
  name: str, clones: pathlib.Path, *, stable: bool = False
) -> Evaluator:
  """An evaluator of query, database, their labels and R, by a peer's code.

  Args:
    name: of `PEERS`.
    clones: folder of the clones.
    stable: give it a stable sort.

  Returns:
    Takes codes -1/+1 and multi-hot labels, and gives mAP@R.

  Raises:
    FileNotFoundError: the clone is not there.
    ImportError: it needs PyTorch.
  """
  folder, files = PEERS[name]
  space: dict[str, Any] = {'np': StableNumpy() if stable else np}
  if name == 'deephash_pytorch':
    space['tqdm'] = lambda x: x
  if name == 'orthohash':
    space |= _torch_names(stable)
  for file, wanted in files.items():
    tree = ast.parse((clones / folder / file).read_text())
    tree.body = [
      node
      for node in tree.body
      if isinstance(node, ast.FunctionDef) and node.name in wanted
    ]
    exec(compile(tree, str(clones / folder / file), 'exec'), space)
  return _evaluator(name, space)


def _evaluator(name: str, space: dict[str, Any]) -> Evaluator:
  def evaluate(query, database, query_labels, labels, at):
    # Some write into the labels they are given.
    query_labels = query_labels.copy()
    if name == 'deephash_pytorch':
      return space['CalcTopMap'](database, query, labels, query_labels, at)
    if name == 'hashnet':
      params = {
        'database_code': database,
        'test_code': query,
        'database_labels': labels,
        'test_labels': query_labels,
      }
      return space['mean_average_precision'](params, at)
    if name == 'thulab':
      args = (query, query_labels, database, labels, at, 'inner_product')
      return space['get_mAPs'](*args)
    tensor = space['torch'].from_numpy
    tensors = [tensor(x) for x in (database, labels, query, query_labels)]
    with contextlib.redirect_stdout(io.StringIO()):
      return space['calculate_mAP'](*tensors, at)

  return evaluate


def _torch_names(stable: bool) -> dict[str, Any]:
  """What OrthoHash's evaluator takes from its own modules and PyTorch."""
  import logging

  import torch
  from torch.utils import data

  class Timer:
    total = 0.0

    def tick(self) -> None:
      """Nothing: the benchmark has its own clock."""

    def toc(self) -> None:
      """Nothing."""

  configs = types.SimpleNamespace(
    tensor_to_dataset=lambda x: x,
    dataloader=lambda x, size, *_: data.DataLoader(x, size, shuffle=False),
  )
  names = {'torch': torch, 'configs': configs, 'Timer': Timer}
  if stable:

    def top_k(x: Any, k: int, dim: int, largest: bool) -> Any:
      return [y[:, :k] for y in torch.sort(x, dim=dim, stable=True)]

    names['torch'] = types.SimpleNamespace(
      topk=top_k,
      **{
        name: getattr(torch, name)
        for name in ('cat', 'from_numpy', 'matmul', 'no_grad', 'sign')
      },
    )
  return names | {'logging': logging}


def plain_numpy(
  query: np.ndarray,
  database: np.ndarray,
  query_labels: np.ndarray,
  labels: np.ndarray,
  at: int,
) -> float:
  """mAP@R as it is mostly written: a product and an argsort a query."""
  total = 0.0
  for code, label in zip(query, query_labels):
    relevant = labels @ label > 0
    distances = (query.shape[1] - database @ code) / 2
    hits = relevant[np.argsort(distances)[:at]]
    ranks = np.flatnonzero(hits) + 1
    if len(ranks):
      total += (np.arange(1, len(ranks) + 1) / ranks).mean()
  return total / len(query)
