"""DTSH's loss on triplets: loops, known values, limits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import losses
from tests.losses.problems import APART, KINDS, U, Y, close, problem
from tests.oracles import pairs as oracle

triplet_loss = losses.triplet_likelihood_loss


def test_known_value_of_dtsh():
  pairs = losses.label_pairs(Y, self_pairs=True)
  loss = triplet_loss(U, pairs.similarity, where=pairs.where)
  close(loss, 0.919154)
  known = oracle.triplets(*map(np.asarray, (U, U, *pairs)))
  assert len(known) == 3
  close(np.mean(list(known.values())), 0.919154)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
  'options', [{}, {'margin': 1.0, 'scale': 0.5}], ids=['code', 'paper']
)
def test_values_are_those_of_a_loop(kind, options):
  given = problem(kind)
  expected = oracle.triplets(
    given.codes, given.second, given.similarity, given.counts, **options
  )
  assert 2 <= len(expected) < len(given.codes)
  loss = functools.partial(
    triplet_loss,
    jnp.asarray(given.codes),
    jnp.asarray(given.similarity),
    None if given.others is None else jnp.asarray(given.others),
    where=jnp.asarray(given.counts),
    **options,
  )
  anchors = [expected.get(i, 0.0) for i in range(len(given.codes))]
  close(loss(reduce_fn=None), anchors, 1e-5, 1e-5)
  close(loss(reduce_fn=jnp.sum), sum(anchors), 1e-5)
  close(loss(), sum(anchors) / len(expected), 1e-5)


def test_only_anchors_with_a_triplet_count():
  # Rows 0 and 1 have a positive and a negative, row 2 has no positive.
  pairs = losses.label_pairs(Y)
  loss = functools.partial(triplet_loss, U, pairs.similarity, where=pairs.where)
  values = loss(reduce_fn=None)
  assert values[:2].all() and values[2] == 0
  close(loss(), values[:2].mean())
  step = jax.jit(jax.value_and_grad(triplet_loss))
  for similarity in (jnp.ones((3, 3)), jnp.zeros((3, 3))):
    value, gradient = step(U, similarity, where=APART)
    assert value == 0 and not gradient.any()


def test_a_triplet_far_from_the_margin():
  # The released code clips to [-100, 50], where it has no gradient.
  codes = jnp.array([[20.0, 0.0], [20.0, 0.0], [-20.0, 0.0]])
  pairs = losses.label_pairs(Y)
  step = jax.jit(jax.value_and_grad(triplet_loss))
  value, gradient = step(codes, pairs.similarity, where=pairs.where)
  close(value, 0)
  close(gradient, np.zeros((3, 2)))
  wrong = codes * jnp.array([[1.0], [-1.0], [-1.0]])
  value, gradient = step(wrong, pairs.similarity, where=pairs.where)
  close(value, (800 + 5 + np.log(1 + np.exp(5))) / 2)
  assert gradient.any(axis=1).all() and jnp.isfinite(gradient).all()


def test_similar_is_any_similarity_above_zero():
  similarity = jnp.array([[0.0, 0.3, 0.0], [0.3, 0.0, 0.0], [0.0, 0.0, 0.0]])
  close(
    triplet_loss(U, similarity, where=APART),
    triplet_loss(U, jnp.ceil(similarity), where=APART),
  )
