r"""DSDH: pairs, and discrete codes that a linear classifier can read.

Qi Li, Zhenan Sun, Ran He and Tieniu Tan, "Deep Supervised Discrete Hashing",
NeurIPS 2017 :cite:p:`li2017dsdh`. The equations are read from the code in
DeepHash-pytorch (github.com/swuxyj/DeepHash-pytorch, MIT).

With logits u of the last visit of every train row, theta_ij = <u_i, u_j> / 2,
codes B in {-1, 1}^(n x K) and a classifier W,

.. math::

  &L = \operatorname{mean}_{ij} \left[ \log(1 + e^{\theta_{ij}})
    - s_{ij} \theta_{ij} \right] + \alpha \operatorname{mean} (u - b)^2 \\
  &\min_{B, W} \; \mu \|Y - B W\|_F^2 + \nu \|W\|_F^2 + \eta \|B - U\|_F^2.

The network is trained by L with B fixed; at the end of a round (by default an
epoch) W = (B^T B + nu / mu I)^-1 B^T Y and a sweep over the bits of B
(`discrete.coordinate_descent`) alternate.

What that code does: mu = nu = 1, eta = 55; 10 of these sweeps at every step; B
from zeros; rows that were never seen have no label; the parts of the loss with
B and W are constants of the network, so that the likelihood alone trains it
(alpha = 0).

Departures: the sweeps come at the end of a round. alpha is a hyper-parameter of
its own, .1 as in DPSH, where the paper has eta for both; rows that have no code
yet have no penalty. Rows that have not been seen yet are in no pair and have no
code; a row is in a pair with itself, as there. sign(0) is +1. The time of a
step and the memory grow with the number of train rows.

Published numbers (DeepHash-pytorch, AlexNet, 48 bits): CIFAR-10, 59,000 in the
database, .790; NUS-WIDE-21 mAP@5000 .833; ImageNet100 mAP@1000 .300; MIRFlickr
.765.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.core import (
  Aux,
  Batch,
  HashMethod,
  Info,
  Outputs,
  PyTree,
  Variables,
)
from jaxhash.discrete import coordinate_descent, ridge_regression
from jaxhash.losses import has_label, multi_hot, safe_reduce
from jaxhash.methods import _common
from jaxhash.methods._bank import empty_bank, pairs_with, written
from jaxhash.methods._pairs import likelihood

__all__ = ['dsdh']


def dsdh(
  num_bits: int,
  *,
  quantization_weight: float = 0.1,
  classification_weight: float = 1.0,
  regularization_weight: float = 1.0,
  discrete_weight: float = 55.0,
  num_sweeps: int = 10,
) -> HashMethod:
  """DSDH, single-label and multi-label.

  Rows without a label contribute nothing. Metrics: `loss`, `pair_loss`,
  `quantization_loss` (before its weight), `mean_abs_code`.

  Args:
    num_bits: bits of a code, at least 1.
    quantization_weight: alpha, at least 0.
    classification_weight: mu, above 0.
    regularization_weight: nu, above 0.
    discrete_weight: eta, at least 0.
    num_sweeps: of W and the bits of B, at the end of a round, at least 1.

  Returns:
    The method; its `state` has the last logits and the codes of all train
    rows, 0 until the first round ends.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> method = dsdh(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> method.init(jax.random.key(0), info).state['codes'].shape
    (4, 16)
  """
  check_int('num_bits', num_bits, 1)
  check_int('num_sweeps', num_sweeps, 1)
  check_not_negative(
    quantization_weight=quantization_weight, discrete_weight=discrete_weight
  )
  check_positive(
    classification_weight=classification_weight,
    regularization_weight=regularization_weight,
  )

  def init(key: jax.Array, info: Info) -> Variables:
    del key
    _common.check_views(info, 1)
    shape = (len(info.labels), num_bits)
    return Variables(
      state={
        'bank': empty_bank(info, num_bits),
        'codes': jnp.zeros(shape),
        'targets': multi_hot(jnp.asarray(info.labels), info.num_classes),
      }
    )

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    labels, index, state = batch['labels'], batch['index'], variables.state
    rows = has_label(labels)
    logits = _common.zero_unlabelled(outputs.logits, labels)
    logits = logits.astype(jnp.float32)
    bank = written(state['bank'], logits, labels, index)
    pair = likelihood(logits, bank['codes'], pairs_with(bank, labels))
    codes = state['codes'][index]
    errors = jnp.square(logits - codes).mean(axis=1)
    error = safe_reduce(errors, rows & codes.any(axis=1))
    value = pair + quantization_weight * error
    metrics = {
      'loss': value,
      'pair_loss': pair,
      'quantization_loss': error,
      'mean_abs_code': safe_reduce(jnp.abs(logits).mean(axis=1), rows),
    }
    return value, Aux(metrics, bank)

  def update(
    variables: Variables,
    outputs: Outputs,
    aux: Aux,
    batch: Batch,
    *,
    key: jax.Array,
    step: jax.Array,
  ) -> PyTree:
    del outputs, batch, key, step
    return {**variables.state, 'bank': aux.arrays}

  def solve(variables: Variables, *, key: jax.Array, step: jax.Array) -> PyTree:
    del key, step
    state = variables.state
    bank = state['bank']
    seen = bank['seen'][:, None].astype(jnp.float32)
    logits = jnp.where(seen > 0, bank['codes'], 0.0)
    targets = seen * state['targets'].astype(jnp.float32)
    known = targets.max(axis=1, keepdims=True)

    def sweep(_: Array, codes: Array) -> Array:
      w = ridge_regression(
        codes, targets, regularization_weight / classification_weight
      )
      linear = jnp.matmul(targets, w.T, precision='highest')
      linear += discrete_weight / classification_weight * logits
      gram = jnp.matmul(w, w.T, precision='highest')
      return known * coordinate_descent(codes, gram, linear)

    codes = jax.lax.fori_loop(0, num_sweeps, sweep, state['codes'])
    return {**state, 'codes': codes}

  return HashMethod(
    width=num_bits, init=init, loss=loss, update=update, solve=solve
  )
