"""Kernel-based supervised hashing.

Liu, Wang, Ji, Jiang and Chang, "Supervised Hashing with Kernels", CVPR 2012
:cite:p:`liu2012ksh`.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from jaxhash._checks import check_int
from jaxhash.shallow import _kernel, base
from jaxhash.shallow._kernel import KernelModel, encode

__all__ = ['encode', 'fit']


def fit(
  features: base.Features,
  key: Key[Array, ''],
  *,
  labels: _kernel.Labels,
  num_bits: int,
  num_anchors: int = 300,
  num_steps: int = 100,
) -> KernelModel:
  r"""Fits inner products of codes to labels, one bit after another.

  .. math:: \min_H \| \tfrac{1}{K} H H^T - S \|_F^2, \quad
    h_k = \mathrm{sign}(\bar K a_k)

  with :math:`\bar K` the centred Gaussian kernel of rows and anchors, and S 1
  where two rows share a label, else -1. For bit k, with the residual
  :math:`R = K S - \sum_{l < k} h_l h_l^T`, :math:`h^T R h` is to be greatest:
  first with no sign at all, which is an eigenproblem; then, from its solution,
  with a sigmoid in place of the sign, by Nesterov's accelerated gradient. The
  bit is the better of both.

  No matrix of all pairs is ever made: S is held as the distinct sets of labels
  and their similarities, and R by the bits so far. With single labels time and
  memory grow linearly with the rows; with multi-hot ones, memory with rows
  times distinct sets, so give the few thousand rows that the paper learns from.

  Args:
    features: float `[items, features]`.
    key: of the anchors.
    labels: int `[items]`, negative where unknown, or multi-hot
      `[items, classes]`, all 0 where unknown. A row whose label is unknown
      counts for the mean and may become an anchor, but has no pairs.
    num_bits: K, at least 1.
    num_anchors: rows that become anchors, at least 1; all, if there are fewer.
    num_steps: of the gradient for each bit, at least 0.

  Returns:
    The model. `errors` has the root mean square of
    :math:`\tfrac{1}{K} H H^T - S` over pairs of rows that have labels, at
    first (1) and after each bit, float32 `[bits + 1]`. It falls as long as some
    bit that the kernel, which is centred, can give has :math:`h^T R h` of more
    than half the squared number of rows. With
    far more classes than bits there may be no such bit: then, as in the paper,
    the best one is still taken, and the error may grow.

  Raises:
    ValueError: the features, the labels or a number are out of range.

  Departures: kernel features are whitened, and directions without variance at
  the precision of float32 left out, so the step of the gradient, which the
  released code searches for, is half of 1, from a bound on the curvature; the
  width of the kernel is that of the released code.

  Example:
    >>> features = jnp.array([[0.0], [0.1], [5.0], [5.1]])
    >>> labels = jnp.array([0, 0, 1, 1])
    >>> model = fit(features, jax.random.key(0), labels=labels, num_bits=1)
    >>> codes = encode(model, features)
    >>> (codes == codes[:1]).ravel().tolist(), model.errors.round(3).tolist()
    ([True, True, False, False], [1.0, 0.0])
  """
  base.check_fit(features, num_bits)
  check_int('num_anchors', num_anchors, 1)
  check_int('num_steps', num_steps, 0)
  hot = _kernel.multi_hot(labels, len(features))
  members, similar = _label_sets(hot)
  mean, centered = base.center(features, num_bits)
  anchors, width, near, center = _kernel.draw(centered, key, num_anchors)
  projection, errors = _fit(near, members, similar, num_bits, num_steps)
  return KernelModel(
    mean, anchors, width, center, projection, jnp.zeros(num_bits), errors
  )


def _label_sets(hot: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Which row has which set of labels; S of the sets, 0 for the empty one."""
  if isinstance(hot, jax.core.Tracer):
    sets, ids = jnp.unique(hot, axis=0, return_inverse=True, size=len(hot))
  else:
    found = np.unique(np.asarray(hot), axis=0, return_inverse=True)
    sets, ids = map(jnp.asarray, found)
  members = jax.nn.one_hot(ids.reshape(-1), len(sets))
  known = sets.sum(axis=1) > 0
  similar = jnp.where(base.matmul(sets, sets.T) > 0, 1.0, -1.0)
  return members, jnp.where(jnp.outer(known, known), similar, 0.0)


@partial(jax.jit, static_argnums=(3, 4))
def _fit(near, members, similar, num_bits: int, num_steps: int):
  labelled = base.matmul(members, jnp.square(similar).max(axis=1))
  count = labelled.sum()
  white, whiten, kept = _whiten(near * labelled[:, None], count)

  def residual(h, bits):
    """R h / (K n): of norm at most 2 for codes and h of norm 1."""
    s = base.matmul(members, base.matmul(similar, base.matmul(h, members)))
    return (s - base.matmul(bits, base.matmul(h, bits)) / num_bits) / count

  def value(h, bits):
    return jnp.vdot(h, residual(h, bits), precision='highest') / count

  def learn(state, k):
    bits, quadratic, square = state
    start = _greatest(quadratic - 4 * jnp.diag(1 - kept))
    ascend = partial(_ascend, white, partial(residual, bits=bits), count)
    found = (start, ascend(start, num_steps))
    codes = [
      jnp.where(base.matmul(white, a) >= 0, 1.0, -1.0) * labelled for a in found
    ]
    better = value(codes[1], bits) > value(codes[0], bits)
    a, h = (jnp.where(better, new, old) for old, new in (found, codes))
    along = base.matmul(h, white) / count
    # In units of K^2 n^2, as the norm of R.
    square = square - (2 * value(h, bits) - 1 / num_bits) / num_bits
    quadratic = quadratic - jnp.outer(along, along) / num_bits
    return (bits.at[:, k].set(h), quadratic, square), (a, square)

  by_set = base.matmul(members.T, white) / count
  quadratic = base.matmul(by_set.T, base.matmul(similar, by_set))
  state = jnp.zeros([len(near), num_bits]), quadratic, jnp.ones([])
  _, (a, squares) = jax.lax.scan(learn, state, jnp.arange(num_bits))
  errors = jnp.sqrt(jnp.maximum(jnp.append(1.0, squares), 0.0))
  return base.matmul(whiten, a.T), errors


def _whiten(near, count):
  """Kernel features with uncorrelated columns of mean square 1, or 0."""
  variances, directions = jnp.linalg.eigh(base.matmul(near.T, near) / count)
  least = len(variances) * jnp.finfo(jnp.float32).eps * variances[-1]
  kept = variances > least
  scale = jnp.where(kept, jax.lax.rsqrt(jnp.maximum(variances, least)), 0.0)
  whiten = directions * scale[None]
  return base.matmul(near, whiten), whiten, kept.astype(jnp.float32)


def _greatest(quadratic):
  """The eigenvector of the greatest eigenvalue, with a definite sign."""
  a = jnp.linalg.eigh(quadratic)[1][:, -1]
  return a * jnp.where(a[jnp.argmax(jnp.abs(a))] < 0, -1.0, 1.0)


def _ascend(white, residual, count, start, num_steps: int):
  """Steps of Nesterov that let y^T R y grow, with y the smooth codes.

  In units of K n^2 the curvature is less than 2: |R| <= 2 K n, white is sqrt(n)
  times orthonormal columns, and tanh(x / 2) has slopes of up to 1/2 and second
  derivatives of less than 0.2.
  """

  def ahead(t, state):
    before, now = state
    probe = now + t / (t + 3) * (now - before)
    smooth = jnp.tanh(base.matmul(white, probe) / 2)
    slope = residual(smooth) * (1 - jnp.square(smooth))
    return now, probe + base.matmul(slope, white) / count / 2

  return jax.lax.fori_loop(0, num_steps, ahead, (start, start))[1]
