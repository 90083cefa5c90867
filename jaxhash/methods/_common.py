"""What several methods share: metrics, classifiers, target codes."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8

from jaxhash.codewords.majority import majority
from jaxhash.core import Info, Variables
from jaxhash.losses import codeword_cosines, has_label, multi_hot, safe_reduce

__all__: list[str] = []


def accuracy(
  scores: Float[Array, 'batch classes'], labels: Array
) -> Float[Array, '']:
  """Share of the labelled rows whose best score is a class of their own."""
  own = multi_hot(labels, scores.shape[1])
  best = jax.lax.stop_gradient(scores).argmax(axis=-1, keepdims=True)
  hits = jnp.take_along_axis(own, best, axis=-1)[:, 0]
  return safe_reduce(hits.astype(jnp.float32), own.any(axis=-1))


def zero_unlabelled(
  outputs: Float[Array, 'batch width'], labels: Array
) -> Float[Array, 'batch width']:
  """Zeros in rows without a label: a NaN there reaches no parameter."""
  return jnp.where(has_label(labels)[:, None], outputs, 0.0)


def load_array(path: str, what: str) -> np.ndarray:
  """The array of a .npy file; what cannot be read is a ValueError."""
  file = pathlib.Path(path).expanduser()
  try:
    return np.load(file)
  except (OSError, ValueError, EOFError) as e:
    raise ValueError(f'{what} {file} cannot be read: {e}') from e


def check_views(info: Info, wanted: int) -> None:
  """Raises a ValueError where the batches of a run have other views.

  Pairs are of rows, and several views of a row have its one label.
  """
  if info.views != wanted:
    views = '1 view' if wanted == 1 else f'{wanted} views'
    raise ValueError(
      f'this method takes {views} of a row, got {info.views}: set '
      f'pipeline.views to {wanted}'
    )


def fixed_codewords(variables: Variables) -> Int8[Array, 'classes bits']:
  """The codewords of a method that keeps them in its state."""
  return variables.state['codewords']


def target_codes(
  variables: Variables, labels: Array
) -> Int8[Array, 'batch bits']:
  """The codeword of each row; of several labels the majority, bit by bit.

  Ties are broken by the code in the state, in the same way at every step. A
  row without a label gets a code that means nothing.
  """
  codewords = variables.state['codewords']
  if labels.ndim == 1:
    return codewords[jnp.clip(labels, 0)]
  return majority(codewords, labels, variables.state['tie_break'])


def code_metrics(
  codes: Float[Array, 'batch bits'], codewords: Array, labels: Array
) -> dict[str, Array]:
  """`accuracy` of the nearest codeword and `mean_abs_code`, 1 if binary."""
  codes = jax.lax.stop_gradient(codes)
  return {
    'accuracy': accuracy(codeword_cosines(codes, codewords), labels),
    'mean_abs_code': jnp.abs(codes).mean(),
  }


def init_classifier(
  key: jax.Array, num_inputs: int, num_classes: int
) -> dict[str, Array]:
  """A linear classifier; weights from LeCun's normal, no bias to begin with."""
  kernel = jax.nn.initializers.lecun_normal()(key, (num_inputs, num_classes))
  return {'kernel': kernel, 'bias': jnp.zeros(num_classes)}


def classify(
  classifier: dict[str, Array], inputs: Float[Array, 'batch inputs']
) -> Float[Array, 'batch classes']:
  """Scores of the classes, float32."""
  inputs = inputs.astype(jnp.float32)
  return inputs @ classifier['kernel'] + classifier['bias'][None]
