"""Supervised discrete hashing.

Shen, Shen, Liu and Shen, "Supervised Discrete Hashing", CVPR 2015
:cite:p:`shen2015sdh`.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxhash import discrete
from jaxhash._checks import check_int, check_not_negative, check_positive
from jaxhash.shallow import _kernel, base
from jaxhash.shallow._kernel import KernelModel, encode

__all__ = ['encode', 'fit']


def fit(
  features: base.Features,
  key: Key[Array, ''],
  *,
  labels: _kernel.Labels,
  num_bits: int,
  num_anchors: int = 1000,
  num_iterations: int = 5,
  num_sweeps: int = 10,
  decay: float = 1.0,
  fidelity: float = 1e-5,
  ridge: float = 1e-3,
) -> KernelModel:
  r"""Learns codes that tell the labels, and a kernel function that gives them.

  .. math:: \min_{B, W, P} \| Y - B W \|^2 + \lambda \| W \|^2 + \nu (
    \| B - \Phi P \|^2 + \rho \| P \|^2), \quad B \in \{-1, 1\}^{n \times K}

  with Y the classes of the rows as 0 and 1 and :math:`\Phi` their Gaussian
  kernel with anchors. W and P have a closed form, and B is solved for by
  `jaxhash.discrete.coordinate_descent`; each in turn, so the objective never
  grows.

  Args:
    features: float `[items, features]`.
    key: of the anchors and of the codes to start from.
    labels: int `[items]`, negative where unknown, or multi-hot
      `[items, classes]`, all 0 where unknown. A row whose label is unknown
      counts for the mean and may become an anchor, but is not in the objective.
    num_bits: K, at least 1.
    num_anchors: rows that become anchors, at least 1; all, if there are fewer.
    num_iterations: at least 0.
    num_sweeps: over the bits in each iteration, at least 1.
    decay: lambda, above 0.
    fidelity: nu, at least 0.
    ridge: rho as a multiple of the mean square of a column of Phi times the
      rows, above 0.

  Returns:
    The model. `errors` has the objective once W and P fit the random first
    codes, then after B, W and P of each iteration, float32
    `[1 + 3 * iterations]`.

  Raises:
    ValueError: the features, the labels or a number are out of range.

  Departures: lambda, nu and the number of anchors are those of public ports of
  the released code; the width of the kernel is the mean squared distance of
  rows and anchors, and not tuned. The kernel is centred and has a column of
  ones beside it. The released code has the ridge, too; here it is relative, for
  the precision of float32. The hinge loss of the released code is left out.

  Example:
    >>> features = jnp.array([[0.0], [0.1], [5.0], [5.1]])
    >>> labels = jnp.array([0, 0, 1, 1])
    >>> model = fit(features, jax.random.key(0), labels=labels, num_bits=4)
    >>> codes = encode(model, features)
    >>> (codes == codes[:1]).all(axis=1).tolist(), model.errors.shape
    ([True, True, False, False], (16,))
  """
  base.check_fit(features, num_bits)
  check_int('num_anchors', num_anchors, 1)
  check_int('num_iterations', num_iterations, 0)
  check_int('num_sweeps', num_sweeps, 1)
  check_positive(decay=decay, ridge=ridge)
  check_not_negative(fidelity=fidelity)
  hot = _kernel.multi_hot(labels, len(features))
  mean, centered = base.center(features, num_bits)
  first, rest = jax.random.split(key)
  anchors, width, near, center = _kernel.draw(centered, first, num_anchors)
  codes = jax.random.rademacher(rest, [len(near), num_bits], jnp.float32)
  projection, errors = _fit(
    near, hot, codes, decay, fidelity, ridge, num_iterations, num_sweeps
  )
  return KernelModel(
    mean, anchors, width, center, projection[:-1], projection[-1], errors
  )


@partial(jax.jit, static_argnums=(6, 7))
def _fit(near, hot, codes, decay, fidelity, ridge, num_iterations, num_sweeps):
  labelled = hot.max(axis=1, keepdims=True)
  phi = jnp.append(near, jnp.ones([len(near), 1]), axis=1) * labelled
  gram = base.matmul(phi.T, phi)
  rho = ridge * jnp.trace(gram) / len(gram)
  factor = jax.scipy.linalg.cho_factor(gram + rho * jnp.eye(len(gram)))

  def regress(codes):
    return jax.scipy.linalg.cho_solve(factor, base.matmul(phi.T, codes))

  def binarize(codes, w, p):
    return labelled * discrete.coordinate_descent(
      codes,
      base.matmul(w, w.T),
      base.matmul(hot, w.T) + fidelity * base.matmul(phi, p),
      num_sweeps=num_sweeps,
    )

  def objective(codes, w, p):
    label = jnp.square(hot - base.matmul(codes, w)).sum()
    code = jnp.square(codes - base.matmul(phi, p)).sum()
    shrink = decay * jnp.square(w).sum() + fidelity * rho * jnp.square(p).sum()
    return label + fidelity * code + shrink

  def iterate(state, _):
    codes, w, p = state
    codes = binarize(codes, w, p)
    states = [(codes, w, p)]
    w = discrete.ridge_regression(codes, hot, decay)
    states.append((codes, w, p))
    p = regress(codes)
    states.append((codes, w, p))
    return states[-1], jnp.stack([objective(*x) for x in states])

  codes = codes * labelled
  state = codes, discrete.ridge_regression(codes, hot, decay), regress(codes)
  (_, _, p), errors = jax.lax.scan(iterate, state, length=num_iterations)
  return p, jnp.append(objective(*state), errors)
