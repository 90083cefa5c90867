"""Every loss with inputs, for the tests of what all of them satisfy."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxhash import losses

ROWS, CLASSES, BITS = 6, 4, 8


def against_codewords(key):
  """Codes, codewords, int labels of which one is hidden."""
  codes, codewords, labels = jax.random.split(key, 3)
  return (
    jnp.tanh(jax.random.normal(codes, (ROWS, BITS))),
    jnp.tanh(jax.random.normal(codewords, (CLASSES, BITS))),
    jax.random.randint(labels, (ROWS,), 0, CLASSES).at[1].set(-1),
  )


def against_codewords_multi(key):
  """The same with multi-hot labels, one row of all and one of none."""
  codes, codewords, _ = against_codewords(key)
  labels = jax.random.bernoulli(key, 0.4, (ROWS, CLASSES))
  return codes, codewords, labels.at[0].set(True).at[1].set(False)


def against_binary(key):
  """Logits, binary codewords, int labels of which one is hidden."""
  codes, codewords, labels = against_codewords(key)
  return 2 * codes, jnp.where(codewords >= 0, 1, -1).astype(jnp.int8), labels


def against_binary_multi(key):
  """The same with multi-hot labels."""
  codes, codewords, labels = against_codewords_multi(key)
  return 2 * codes, jnp.where(codewords >= 0, 1, -1).astype(jnp.int8), labels


def against_targets(key):
  """Logits and a binary target each."""
  logits, words = jax.random.split(key)
  return (
    2 * jax.random.normal(logits, (ROWS, BITS)),
    jax.random.rademacher(words, (ROWS, BITS), jnp.int8),
  )


def scores_of_classes(key):
  """Scores and int labels of which one is hidden."""
  _, _, labels = against_codewords(key)
  return 3 * jax.random.normal(key, (ROWS, CLASSES)), labels


def scores_of_classes_multi(key):
  """Scores and multi-hot labels."""
  _, _, labels = against_codewords_multi(key)
  return 3 * jax.random.normal(key, (ROWS, CLASSES)), labels


def alone(key):
  """Logits alone."""
  return (2 * jax.random.normal(key, (ROWS, BITS)),)


def probabilities(key):
  """Bits that are 1 with a probability."""
  return (jax.nn.sigmoid(alone(key)[0]),)


def labelled(key):
  """Codes; int labels: one hidden, two alike, one not like those."""
  labels = jax.random.randint(key, (ROWS,), 0, CLASSES)
  labels = labels.at[3].set(labels[0])
  labels = labels.at[5].set((labels[0] + 1) % CLASSES)
  return jnp.tanh(alone(key)[0]), labels.at[1].set(-1)


def labelled_multi(key):
  """The same with multi-hot labels, one row of all and one of none."""
  codes, _ = labelled(key)
  labels = jax.random.bernoulli(key, 0.4, (ROWS, CLASSES))
  some = jnp.arange(CLASSES) < CLASSES // 2
  labels = labels.at[0].set(True).at[1].set(False)
  labels = labels.at[3].set(some).at[5].set(~some)
  return codes, labels.astype(jnp.int32)


def labelled_bits(key):
  """Bits that are 1 with a probability, int labels."""
  codes, labels = labelled(key)
  return (codes + 1) / 2, labels


def labelled_bits_and_corners(key):
  """The same, and a few codes that are nearly binary."""
  codes, labels = labelled(key)
  corners = jax.random.normal(key, (ROWS - 2, BITS))
  return (0.3 * codes + 1) / 2, labels, jax.nn.sigmoid(6 * corners)


def two_views(key):
  """Logits of two views of each row."""
  first, second = jax.random.split(key)
  return *alone(first), *alone(second)


def pairs_with_features(key):
  """Codes of the first and of the second rows of pairs; their features."""
  codes, features = jax.random.split(key)
  return *map(jnp.tanh, two_views(codes)), *two_views(features)


def triplets(key):
  """Anchors, positives and negatives, and a weight each."""
  rows, weights = jax.random.split(key)
  rows = 2 * jax.random.normal(rows, (3, ROWS, BITS))
  return *rows, jax.random.uniform(weights, (ROWS,), minval=0.5)


class Loss(NamedTuple):
  """A loss and its test inputs.

  Attributes:
    name: of the test.
    fn: `(*inputs, where=None, reduce_fn=jnp.mean)`.
    inputs: `key -> arrays`; those of `ROWS` rows are the batch.
    separable: the sum over a batch is the sum over its parts.
    largest: inputs of this size give values that float32 holds.
    alone: a row has a value without any other.
  """

  name: str
  fn: Callable
  inputs: Callable
  separable: bool = True
  largest: float = 1e15
  alone: bool = True


def of_pairs(loss, *, balanced=False, soft=False, self_pairs=False, **options):
  """A loss on pairs as one of codes and labels."""

  def fn(codes, labels, where=None, reduce_fn=jnp.mean, axis_name=None):
    pairs = losses.label_pairs(
      labels,
      soft=soft,
      self_pairs=self_pairs,
      where=where,
      axis_name=axis_name,
    )
    weights = {}
    if balanced:
      weights['weights'] = losses.balance_weights(
        pairs.similarity, where=pairs.where, axis_name=axis_name
      )
    return loss(
      codes,
      pairs.similarity,
      where=pairs.where,
      axis_name=axis_name,
      reduce_fn=reduce_fn,
      **weights,
      **options,
    )

  return fn


def of_steps(loss, values):
  """A loss on values of pairs, a function of how far int labels are apart."""

  def fn(codes, labels, where=None, reduce_fn=jnp.mean, axis_name=None):
    pairs = losses.label_pairs(labels, where=where, axis_name=axis_name)
    others = labels
    if axis_name is not None:
      others = jax.lax.all_gather(labels, axis_name, tiled=True)
    steps = jnp.abs(labels[:, None] - others[None]).astype(jnp.float32)
    return loss(
      codes,
      values(steps),
      where=pairs.where,
      axis_name=axis_name,
      reduce_fn=reduce_fn,
    )

  return fn


def of_distances():
  """The loss on relative distances as one of codes and int labels."""
  return of_steps(losses.relative_distance_loss, lambda d: d / (1 + d))


def of_structure():
  """Near rows have the same label; those of the next one are neither."""
  signs = functools.partial(losses.distance_structure, lower=0.5, upper=1.5)
  return of_steps(losses.structure_loss, signs)


def of_views(first, second, **options):
  """The contrastive loss of two views."""
  return losses.nt_xent_loss(jnp.concatenate([first, second]), **options)


def of_halves(first, second, x, y, where=None, **options):
  """The loss on cosines, of two halves of a batch."""
  codes, features = jnp.concatenate([first, second]), jnp.concatenate([x, y])
  where = None if where is None else jnp.tile(where, 2)
  return losses.paired_cosine_loss(codes, features, where=where, **options)


def of_divergence(codes, labels, reference, where=None, **options):
  """The divergence of the rows that have a label."""
  known = labels >= 0
  return losses.nearest_neighbor_kl_loss(
    codes, reference, where=known if where is None else known & where, **options
  )


_codeword_hinge = losses.hardest_negative_hinge_loss
_clean = functools.partial(_codeword_hinge, floor_negatives=False)
_wide = functools.partial(_codeword_hinge, margin=3.0)
_arc = functools.partial(losses.cosine_margin_loss, angular=True)
_one_vs_rest = functools.partial(losses.cosine_one_vs_rest_loss, scale=3.0)
_triplets = functools.partial(losses.weighted_triplet_hinge_loss, margin=3.0)
_power = functools.partial(functools.partial, losses.power_quantization_loss)

ROW_LOSSES = [
  Loss('hinge', _codeword_hinge, against_codewords),
  Loss('hinge_clean', _clean, against_codewords),
  Loss('hinge_wide', _wide, against_codewords),
  Loss('hinge_multi', _codeword_hinge, against_codewords_multi),
  Loss('hinge_clean_multi', _clean, against_codewords_multi),
  Loss('orthocos', losses.cosine_margin_loss, against_binary),
  Loss('orthocos_multi', losses.cosine_margin_loss, against_binary_multi),
  Loss('orthocos_learned', losses.cosine_margin_loss, against_codewords),
  Loss('orthoarc', _arc, against_binary),
  Loss('orthoarc_multi', _arc, against_binary_multi),
  Loss('one_vs_rest', _one_vs_rest, against_binary),
  Loss('one_vs_rest_multi', _one_vs_rest, against_binary_multi),
  Loss('central', losses.central_similarity_loss, against_targets),
  Loss('polarization', losses.polarization_loss, against_targets),
  Loss('classification', losses.classification_loss, scores_of_classes),
  Loss(
    'classification_multi', losses.classification_loss, scores_of_classes_multi
  ),
  Loss('l1', _power(power=1), alone),
  Loss('l2', _power(power=2), alone),
  Loss('l3', _power(power=3), alone, largest=1e12),
  Loss('cosine_quantization', losses.cosine_quantization_loss, alone),
  Loss('log_cosh', losses.log_cosh_quantization_loss, alone),
  Loss('cauchy_quantization', losses.cauchy_quantization_loss, alone),
  Loss('bit_variance', losses.bit_variance_loss, probabilities),
  Loss('bernoulli_kl', losses.bernoulli_kl_loss, two_views),
  Loss('weighted_triplets', _triplets, triplets, largest=1e10),
  Loss('nt_xent', of_views, two_views, separable=False),
  Loss('paired_cosine', of_halves, pairs_with_features),
]

_likelihood = losses.pairwise_likelihood_loss
_hinge = functools.partial(losses.pairwise_hinge_loss, margin=BITS / 2)
_l1 = functools.partial(_hinge, distance=losses.l1_distances)
_squared = functools.partial(_hinge, distance=losses.squared_distances)
_cauchy = losses.cauchy_cross_entropy_loss
_quantified = losses.quantified_similarity_loss
_triplet = losses.triplet_likelihood_loss
PairLoss = functools.partial(Loss, separable=False, alone=False)

PAIR_LOSSES = [
  PairLoss(
    'likelihood',
    of_pairs(_likelihood, balanced=True, scale=0.1),
    labelled_multi,
  ),
  PairLoss('pair_hinge', of_pairs(_hinge), labelled_bits),
  PairLoss('pair_hinge_l1', of_pairs(_l1), labelled),
  PairLoss('pair_hinge_squared', of_pairs(_squared), labelled_multi),
  PairLoss('cauchy', of_pairs(_cauchy, balanced=True, gamma=2.0), labelled),
  # Squares of inner products, of codes near 1e8, are near 1e33.
  PairLoss(
    'quantified',
    of_pairs(_quantified, soft=True, self_pairs=True),
    labelled_multi,
    alone=True,
    largest=1e8,
  ),
  PairLoss('triplet', of_pairs(_triplet, margin=1.0), labelled_multi),
  PairLoss('relative', of_distances(), labelled),
  PairLoss('structure', of_structure(), labelled, largest=1e8),
  PairLoss('divergence', of_divergence, labelled_bits_and_corners),
]
LOSSES = ROW_LOSSES + PAIR_LOSSES
