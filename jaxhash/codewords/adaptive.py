"""Codewords that are learned by gradient: the tanh of a table."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxhash._checks import check_positive

__all__ = ['adaptive_codewords', 'init_adaptive']


def init_adaptive(
  key: jax.Array, num_classes: int, num_bits: int, *, scale: float = 0.05
) -> Float[Array, 'classes bits']:
  """The first table of learned codewords.

  .. math:: E_{jk} \\sim U(-\\text{scale}, \\text{scale})

  Args:
    key: random key.
    num_classes: rows, at least 1.
    num_bits: columns, at least 1.
    scale: half of the width of the interval, above 0.

  Returns:
    float32 `[num_classes, num_bits]`.

  Raises:
    ValueError: an argument is out of its range.

  Example:
    >>> table = init_adaptive(jax.random.key(0), 10, 32)
    >>> table.shape, bool(abs(table).max() <= 0.05)
    ((10, 32), True)

  Source: Yang, Tu and Chen, CVPR Workshops 2019 :cite:p:`yang2019adaptivedeep`:
  their released code uses Keras' `Embedding`, of which U(-.05, .05) is the
  default.
  """
  if num_classes < 1 or num_bits < 1:
    raise ValueError(
      'a table of codewords needs num_classes >= 1 and num_bits >= 1, got '
      f'{num_classes} and {num_bits}'
    )
  check_positive(scale=scale)
  return jax.random.uniform(
    key, (num_classes, num_bits), jnp.float32, -scale, scale
  )


def adaptive_codewords(
  table: Float[Array, 'classes bits'],
) -> Float[Array, 'classes bits']:
  """The real-valued codewords of a table.

  .. math:: c_j = \\tanh(E_j) \\in (-1, 1)^K

  Args:
    table: float `[classes, bits]`.

  Returns:
    Codewords `[classes, bits]` in the dtype of `table`; their binary form is
    `binarize.codes_from_logits(table)`.

  Example:
    >>> adaptive_codewords(jnp.zeros((1, 2))).tolist()
    [[0.0, 0.0]]

  Source: Yang, Tu and Chen, CVPR Workshops 2019 :cite:p:`yang2019adaptivedeep`,
  and their released code.
  """
  return jnp.tanh(table)
