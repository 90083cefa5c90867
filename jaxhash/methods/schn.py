r"""SCHN: codes of images, of labels and of a latent space between them.

Zheng Zhang and others, "Discriminative Visual Similarity Search with
Semantically Cycle-consistent Hashing Networks", MMAsia 2021 (`mmasia`) and ACM
TOMM 2022 :cite:p:`zhang2022schn` (`tomm`). The equations are read from the
authors' released code (github.com/JalinWang/SCHN).

With features F and codes U = tanh(linear(F)) of images and of labels, the label
network a perceptron of 1024 and 512; features Z of a latent space by attention
of F_label over F_image within the batch and a graph convolution over rows that
share a label (`_schn_networks`), its codes U_latent = sigmoid(linear(Z)); codes
U' that are made again through the latent space; S = 1 for a label in common and
0 otherwise; and codes B in {-1, 1} of all train rows,

.. math::

  L &= \sum_U \left[ \frac{12}{K} \operatorname{mean}_{ij}
    (K S_{ij} - \langle u_i, b_j \rangle)^2
    + \gamma \operatorname{mean} (U - B)^2 \right] \\
    &+ \operatorname{mean} (U'_\text{image} - U_\text{image})^2
    + \operatorname{mean} (U'_\text{label} - U_\text{label})^2

for U of images, labels and the latent space: unrelated rows are pulled to an
inner product of 0, not of -K. The cycle sees F without a gradient. In `tomm`
discriminators D judge codes of images and of labels,

.. math::

  L_D = \operatorname{BCE}(D(U), 1) + \operatorname{BCE}(D(U'), 0), \qquad
  L_G = \operatorname{BCE}(D(U'), 1),

of which L_D trains D alone and L_G the cycle network alone. At the end of a
round the codes of its rows Omega become, bit by bit,

.. math::

  Q &= (K \tilde S)^\top U_\text{image} + \gamma U_\text{image} \\
  b_k &= \operatorname{sign}(q_k - B_{-k} U_{-k}^\top u_k
    + \alpha U_{\text{label},k} + \beta U_{\text{latent},k})

with S~ = 1 or -n1 / n0 for n1 similar pairs and n0 others of Omega with all
train rows (`discrete.coordinate_descent`).

What the authors' code does: gamma = 10, alpha = 2, beta = .1; Adam 4e-5 with
weight decay 1e-5, batches of 64; rounds of 5,000 rows (NUS-WIDE 10,500), 3
epochs each, 50 to 150 of them (one for CIFAR-10, as shipped); dropout of .5
before U_latent. B starts from 0, so that the first round pulls all codes to 0;
`bank_start='sign'` takes the signs of the first U_image instead. U_latent is in
(0, 1) and is regressed on -1 and 1 all the same; `latent_activation='tanh'`
mends that. D and L_G have learning rates of their own that fall twice.

Departures: one scalar whose parts stop gradients in place of three optimisers
in turn, so that L_D and L_G see the networks before the step, and so does, in
`tomm`, the U that the codes are solved with; a learning rate of D by the
optimiser's groups, and none of L_G's own, whose parameters L trains too. The
features of the encoder stand for AlexNet's, and are tanh'ed after a linear head
alike. sign(0) is +1. A row that no round has had yet keeps code 0 and is
encoded by the network where codes of the database are wanted.

How it is evaluated: with the codes of the network for queries and database, as
any other method; and, as the authors do, with B for the database rows that
trained, whose labels B has seen (`transductive` in results and tables). The
two do not compare.

Published numbers: none were found.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int8

from jaxhash import binarize
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
from jaxhash.lookup import check_known
from jaxhash.losses import (
  has_label,
  inner_products,
  multi_hot,
  safe_reduce,
)
from jaxhash.methods import _common, _rounds
from jaxhash.methods._schn_networks import make_networks
from jaxhash.similarity import relevance

__all__ = ['schn']

CHOICES = {
  'version': ('mmasia', 'tomm'),
  'bank_start': ('zero', 'sign'),
  'latent_activation': ('sigmoid', 'tanh'),
}
SPACES = ('image', 'label', 'latent')


def schn(
  num_bits: int,
  *,
  version: str = 'tomm',
  bank_start: str = 'zero',
  latent_activation: str = 'sigmoid',
  quantization_weight: float = 10.0,
  label_weight: float = 2.0,
  latent_weight: float = 0.1,
  cycle_weight: float = 1.0,
  adversarial_weight: float = 1.0,
  hidden: Sequence[int] = (1024, 512),
) -> HashMethod:
  """SCHN, single-label and multi-label.

  Rows without a label contribute nothing, and have no learnt codes. Metrics:
  `loss`, `image_loss`, `label_loss`, `latent_loss`, `cycle_loss` (before its
  weight), `mean_abs_code`; with discriminators also `discriminator_loss` and
  `generator_loss` (before their weight).

  Args:
    num_bits: K, at least 1.
    version: `mmasia`, the conference's, or `tomm`, the journal's.
    bank_start: of B, `zero`, as the authors do, or `sign`.
    latent_activation: `sigmoid`, as the authors do, or `tanh`.
    quantization_weight: gamma, at least 0.
    label_weight: alpha, at least 0.
    latent_weight: beta, at least 0.
    cycle_weight: of the codes that are made again, at least 0; 1 in the paper.
    adversarial_weight: of L_D and L_G, at least 0; 1 in the paper. With 0,
      and in `mmasia`, there are no discriminators.
    hidden: sizes of the two hidden layers of every perceptron, which are those
      of the latent space and of the label features. The authors' fit features
      of length 4096; most of the time of a step goes here.

  Returns:
    The method; its `params` are those of `label`, `cycle` and, where there are
    any, `discriminators`, its `state` has the codes of all train rows.

  Raises:
    ValueError: a hyper-parameter is out of its range.

  Example:
    >>> method = schn(16, version='mmasia')
    >>> features = jax.ShapeDtypeStruct((4, 32), jnp.float32)
    >>> logits = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    >>> info = Info(None, Outputs(features, logits), 10, jnp.zeros(4, int))
    >>> sorted(method.init(jax.random.key(0), info).params)
    ['cycle', 'label']
  """
  check_int('num_bits', num_bits, 1)
  _check_choices(
    version=version, bank_start=bank_start, latent_activation=latent_activation
  )
  check_not_negative(
    quantization_weight=quantization_weight,
    label_weight=label_weight,
    latent_weight=latent_weight,
    cycle_weight=cycle_weight,
    adversarial_weight=adversarial_weight,
  )
  sizes = tuple(hidden)
  if len(sizes) != 2:
    raise ValueError(f'hidden must be two sizes, got {sizes}')
  for size in sizes:
    check_int('a size in hidden', size, 1)
  networks = make_networks(
    num_bits,
    version,
    latent_activation,
    sizes,
    adversarial=version == 'tomm' and adversarial_weight > 0,
  )

  def init(key: jax.Array, info: Info) -> Variables:
    _common.check_views(info, 1)
    state = {
      'bank': jnp.zeros((len(info.labels), num_bits)),
      'solved': jnp.zeros(len(info.labels), bool),
      'groups': _rounds.label_groups(info),
      'sample': _rounds.empty_sample(info, **dict.fromkeys(SPACES, num_bits)),
    }
    return Variables(networks.init(key, info), state)

  def loss(
    variables: Variables,
    outputs: Outputs,
    batch: Batch,
    *,
    key: jax.Array | None,
    step: jax.Array,
  ) -> tuple[jax.Array, Aux]:
    del step
    labels, params = batch['labels'], variables.params
    rows = has_label(labels)
    logits = _common.zero_unlabelled(outputs.logits, labels)
    features = _common.zero_unlabelled(outputs.features, labels)
    similar = relevance(labels, labels).astype(jnp.float32)
    num_classes = len(params['label']['Dense_0']['kernel'])
    targets = multi_hot(labels, num_classes).astype(jnp.float32)
    features = features.astype(jnp.float32)
    image = jnp.tanh(logits.astype(jnp.float32))
    made = networks.codes(params, features, targets, similar, rows, key)
    codes = dict(zip(SPACES, (image, made.label, made.latent)))
    bank = variables.state['bank'][batch['index']]
    if bank_start == 'sign':
      signs = binarize.codes_from_logits(image).astype(jnp.float32)
      bank = jnp.where((bank == 0) & rows[:, None], signs, bank)
    losses = {
      f'{space}_loss': _feature_loss(
        codes[space], bank, similar, quantization_weight, rows
      )
      for space in SPACES
    }
    value = sum(losses.values())
    errors = jnp.square(made.image_again - image) + jnp.square(
      made.label_again - made.label
    )
    losses['cycle_loss'] = safe_reduce(errors.mean(axis=1), rows)
    value += cycle_weight * losses['cycle_loss']
    if networks.discriminators is not None:
      sides = networks.adversarial_losses(params, image, made, rows)
      value += adversarial_weight * sum(sides.values())
      losses |= sides
    metrics = {
      'loss': value,
      **losses,
      'mean_abs_code': safe_reduce(jnp.abs(image).mean(axis=1), rows),
    }
    return value, Aux(metrics, {'codes': codes, 'bank': bank})

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
    state, index = variables.state, batch['index']
    bank = state['bank'].at[index].set(aux.arrays['bank'])
    sample = _rounds.sampled(
      state['sample'], index, step, **aux.arrays['codes']
    )
    return {**state, 'bank': bank, 'sample': sample}

  def solve(variables: Variables, *, key: jax.Array, step: jax.Array) -> PyTree:
    del key, step
    state = variables.state
    sample = state['sample']
    more = label_weight * sample['label'] + latent_weight * sample['latent']
    return {**state, **_solve(state, more, quantization_weight)}

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    update=update,
    solve=solve,
    bank=_bank,
  )


def _check_choices(**given: str) -> None:
  for name, value in given.items():
    check_known(name, value, CHOICES[name])


def _feature_loss(
  codes: Float[Array, 'batch bits'],
  bank: Float[Array, 'batch bits'],
  similar: Float[Array, 'batch batch'],
  quantization_weight: float,
  where: Bool[Array, 'batch'],
) -> Float[Array, '']:
  """12 / K mean (K S - U B^T)^2 + gamma mean (U - B)^2."""
  num_bits = codes.shape[1]
  pairs = jnp.square(num_bits * similar - inner_products(codes, bank))
  both = where[:, None] & where[None]
  error = safe_reduce(jnp.square(codes - bank).mean(axis=1), where)
  return 12 / num_bits * safe_reduce(pairs, both) + quantization_weight * error


def _solve(
  state: PyTree, more: Float[Array, 'places bits'], quantization_weight: float
) -> PyTree:
  """B with new codes of the rows of a round; 0 of rows without a label."""
  groups, sample, bank = state['groups'], state['sample'], state['bank']
  seen = _rounds.places(sample, groups)
  u = sample['image'] * seen.counts[:, None]
  sums = _rounds.soft_sums(groups, u, seen.of, _rounds.soft_ratio(groups, seen))
  linear = u.shape[1] * sums[seen.of] + quantization_weight * u + more
  gram = jnp.matmul(u.T, u, precision='highest')
  before = bank.at[seen.rows].get(mode='clip')
  codes = coordinate_descent(before, gram, linear)
  rows = jnp.where(seen.counts > 0, seen.rows, len(bank))
  known = groups['known'][groups['of']]
  return {
    'bank': known[:, None] * bank.at[rows].set(codes, mode='drop'),
    'solved': state['solved'].at[rows].set(True, mode='drop'),
  }


def _bank(variables: Variables) -> Int8[Array, 'n bits']:
  """The codes that a round has solved for; 0 where there are none."""
  solved = variables.state['solved'][:, None]
  return jnp.where(solved, variables.state['bank'], 0.0).astype(jnp.int8)
