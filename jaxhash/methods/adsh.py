r"""ADSH: a network for queries, and codes of the database learnt directly.

Qing-Yuan Jiang and Wu-Jun Li, "Asymmetric Deep Supervised Hashing", AAAI 2018
:cite:p:`jiang2018adsh`. The equations are read from the authors' released code
(github.com/jiangqy/ADSH-AAAI2018).

With u = tanh(logits) of the rows Omega that a round samples, codes V in
{-1, 1}^(n x K) of all train rows, and S = 1 for a label in common and -n1 / n0
otherwise (n1 similar pairs, n0 others),

.. math::

  L = \frac{\|U V^\top - K S\|_F^2 + \gamma \|V_\Omega - U\|_F^2}
    {|\Omega| \, n}.

A round trains the network by L over `|Omega| n` pairs with V fixed, a few
epochs; then V is minimised bit by bit with U fixed
(`discrete.coordinate_descent`).

What the authors' PyTorch code does: gamma = 200, 2,000 rows a round, 3 epochs
of it, 50 rounds, batches of 64, SGD with weight decay 5e-4 and a tenth of the
learning rate after every 10 rounds; their MATLAB code has 100 and 1,000. V
starts from zeros, so that the first round has nothing to fit but -K S and pulls
U to 0.

Departures: n1 / n0 is that of all pairs of train rows, not of a round's; sums
over the database are sums over groups of rows with the same labels, so that no
matrix of batch by database is ever made. sign(0) is +1.

How it is evaluated: with the codes of the network for queries and database, as
any other method; and, as the authors do, with V for the database rows that
trained, whose labels V has seen (`transductive` in results and tables). The
two do not compare. Rounds are the pipeline's (`pipeline.rows_per_round`,
`epochs_per_round`).

Published numbers, transductive (the authors' README, PyTorch, ResNet-50, at 12,
24, 32 and 48 bits, all labels of the database known): CIFAR-10 .9473 .9636
.9632 .9605; NUS-WIDE .7964 .8304 .8314 .8376, mAP@5000 .8732 .9049 .9088 .9119.
With the network's codes on both sides (DeepHash-pytorch, AlexNet, 48 bits, the
same labels known): CIFAR-10 .921.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int8

from jaxhash._checks import check_int, check_not_negative
from jaxhash.core import (
  Aux,
  Batch,
  HashMethod,
  Info,
  Outputs,
  PyTree,
  Variables,
)
from jaxhash.discrete import coordinate_descent
from jaxhash.losses import has_label, safe_reduce
from jaxhash.methods import _common, _rounds

__all__ = ['adsh']


def adsh(num_bits: int, *, quantization_weight: float = 200.0) -> HashMethod:
  """ADSH, single-label and multi-label.

  Rows without a label contribute nothing, and have no learnt codes. Metrics:
  `loss`, `pair_loss`, `quantization_loss` (before its weight),
  `mean_abs_code`.

  Args:
    num_bits: K, at least 1.
    quantization_weight: gamma, at least 0.

  Returns:
    The method; its `state` has the learnt codes of all train rows, float32
    `[num_train, num_bits]`, 0 until the first round ends.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> method = adsh(16)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(logits, logits), 10, jnp.zeros(4, int))
    >>> method.bank(method.init(jax.random.key(0), info)).shape
    (4, 16)
  """
  check_int('num_bits', num_bits, 1)
  check_not_negative(quantization_weight=quantization_weight)

  def init(key: jax.Array, info: Info) -> Variables:
    del key
    _common.check_views(info, 1)
    groups = _rounds.label_groups(info)
    state = {
      'groups': groups,
      'ratio': _rounds.soft_ratio(groups),
      'sample': _rounds.empty_sample(info, codes=num_bits),
    }
    codes = jnp.zeros((len(info.labels), num_bits))
    return Variables(state={**state, **_database(state, codes)})

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del key, step
    labels, index = batch['labels'], batch['index']
    rows = has_label(labels)
    logits = _common.zero_unlabelled(outputs.logits, labels)
    codes = jnp.tanh(logits.astype(jnp.float32))
    database, count = variables.state['codes'], variables.state['count']
    pair = safe_reduce(_pair_losses(variables.state, codes, index), rows)
    errors = jnp.square(database[index] - codes).sum(axis=1)
    error = safe_reduce(errors, rows) / count
    value = pair + quantization_weight * error
    metrics = {
      'loss': value,
      'pair_loss': pair,
      'quantization_loss': error,
      'mean_abs_code': safe_reduce(jnp.abs(codes).mean(axis=1), rows),
    }
    return value, Aux(metrics, codes)

  def update(
    variables: Variables,
    outputs: Outputs,
    aux: Aux,
    batch: Batch,
    *,
    key: jax.Array,
    step: jax.Array,
  ) -> PyTree:
    del outputs, key
    sample = _rounds.sampled(
      variables.state['sample'], batch['index'], step, codes=aux.arrays
    )
    return {**variables.state, 'sample': sample}

  def solve(variables: Variables, *, key: jax.Array, step: jax.Array) -> PyTree:
    del key, step
    state = variables.state
    return {**state, **_database(state, _solve(state, quantization_weight))}

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    update=update,
    solve=solve,
    bank=_bank,
  )


def _database(state: PyTree, codes: Float[Array, 'n bits']) -> PyTree:
  """The codes of the database, and what the loss wants to know of them."""
  groups = state['groups']
  known = groups['known'][groups['of']]
  codes = codes * known[:, None]
  return {
    'codes': codes,
    'count': jnp.maximum(known.sum(), 1.0),
    'gram': jnp.matmul(codes.T, codes, precision='highest'),
    'sums': _rounds.soft_sums(groups, codes, groups['of'], state['ratio']),
  }


def _pair_losses(
  state: PyTree, codes: Float[Array, 'batch bits'], index: Array
) -> Float[Array, 'batch']:
  """Mean over the database of (<u, v> - K s)^2, for each row of a batch."""
  groups, ratio, num_bits = state['groups'], state['ratio'], codes.shape[1]
  of = groups['of'][index]
  similar = groups['partners'][of]
  squares = similar + ratio**2 * (state['count'] - similar)
  products = jnp.matmul(codes, state['gram'], precision='highest')
  total = (
    (products * codes).sum(axis=1)
    - 2.0 * num_bits * (state['sums'][of] * codes).sum(axis=1)
    + float(num_bits) ** 2 * squares
  )
  return total / state['count']


def _solve(state: PyTree, quantization_weight: float) -> Float[Array, 'n bits']:
  """V that is best, bit by bit, for the U of a round."""
  groups, sample = state['groups'], state['sample']
  num_bits = sample['codes'].shape[1]
  seen = _rounds.places(sample, groups)
  u = sample['codes'] * seen.counts[:, None]
  sums = _rounds.soft_sums(groups, u, seen.of, state['ratio'])
  linear = num_bits * sums[groups['of']]
  linear = linear.at[seen.rows].add(quantization_weight * u, mode='drop')
  gram = jnp.matmul(u.T, u, precision='highest')
  return coordinate_descent(state['codes'], gram, linear)


def _bank(variables: Variables) -> Int8[Array, 'n bits']:
  """The learnt codes; 0 where there are none."""
  return variables.state['codes'].astype(jnp.int8)
