"""SHC: its stages, and the loss of CSQ on the centers they find."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxhash import codewords
from jaxhash.core import Info, Outputs
from jaxhash.methods.csq import csq
from jaxhash.methods.shc import shc
from tests.methods.family import BITS, CLASSES, FEATURES, KEY, STEP, loss_of
from tests.oracles import semantic as oracle

ROWS = 40


def make_info(*, arrays=None, multi=False):
  keys = jax.random.split(KEY, 2)
  outputs = Outputs(
    jax.random.normal(keys[0], (ROWS, FEATURES)), jnp.zeros((ROWS, 1))
  )
  labels = jnp.arange(ROWS, dtype=jnp.int32) % CLASSES
  if multi:
    labels = jax.nn.one_hot(labels, CLASSES, dtype=jnp.int32)
  return Info(None, outputs, CLASSES, labels, arrays or {})


def run_stages(method, info, *, hidden=0):
  """Both stages; the classifier is not trained."""
  first, second = method.stages
  variables = first.method.init(KEY, info)
  rows = np.asarray(first.rows(variables, info.outputs))
  labels = np.asarray(info.labels).copy()
  labels[:hidden] = -1
  found = first.run(KEY, info._replace(labels=labels), rows)
  centers = second.run(KEY, info._replace(arrays=found.arrays), None)
  return rows, found, centers


@pytest.mark.parametrize('order', ['paper', 'released'])
def test_the_first_stage_finds_the_similarity_of_classes(order):
  method, info = shc(BITS, similarity_order=order), make_info()
  rows, found, _ = run_stages(method, info)
  assert rows.shape == (ROWS, CLASSES)
  np.testing.assert_allclose(
    found.arrays['similarity'],
    codewords.similarity_from_logits(
      jnp.asarray(rows), info.labels, order=order
    ),
    rtol=1e-6,
  )
  hits = rows.argmax(axis=1) == np.asarray(info.labels)
  assert found.report == {'train_accuracy': pytest.approx(hits.mean())}


def test_rows_without_a_label_do_not_count():
  method, info = shc(BITS), make_info()
  rows, found, _ = run_stages(method, info, hidden=5)
  np.testing.assert_allclose(
    found.arrays['similarity'],
    codewords.similarity_from_logits(jnp.asarray(rows[5:]), info.labels[5:]),
    rtol=1e-6,
  )


def test_the_second_stage_finds_the_centers():
  method, info = shc(BITS, distance=2, num_restarts=2), make_info()
  _, found, centers = run_stages(method, info)
  words, similarity = centers.arrays['codewords'], found.arrays['similarity']
  assert words.shape == (CLASSES, BITS) and words.dtype == np.int8
  assert centers.report['least_distance'] >= 2
  np.testing.assert_allclose(
    centers.report['semantic_loss'],
    oracle.loss(words.astype(int), similarity),
    rtol=1e-5,
  )
  pairs = np.triu_indices(CLASSES, 1)
  nearness = (words.astype(int) @ words.T.astype(int))[pairs]
  expected = stats.spearmanr(nearness, similarity[pairs])[0]
  assert centers.report['rank_correlation'] == pytest.approx(expected)
  assert expected > 0.3


def test_the_last_stage_is_csq_on_the_centers():
  method = shc(BITS, quantization_weight=0.2)
  _, _, centers = run_stages(method, make_info())
  info = make_info(arrays=centers.arrays)
  variables = method.init(KEY, info)
  words = centers.arrays['codewords']
  np.testing.assert_array_equal(method.codewords(variables), words)
  logits = jax.random.normal(jax.random.key(5), (ROWS, BITS))
  problem = (
    variables,
    Outputs(info.outputs.features, logits),
    {'labels': info.labels},
  )
  other = csq(BITS, codewords=words, quantization_weight=0.2)
  expected = other.init(KEY, info), *problem[1:]
  np.testing.assert_allclose(
    loss_of(method, problem, step=STEP)[0],
    loss_of(other, expected, step=STEP)[0],
    rtol=1e-6,
  )


def test_what_is_missing_or_not_defined_is_said():
  with pytest.raises(ValueError, match=r'not been computed.*training.prepare'):
    shc(BITS).init(KEY, make_info())
  with pytest.raises(ValueError, match=r'shc is single-label.*\[40, 5\]'):
    shc(BITS).stages[0].method.init(KEY, make_info(multi=True))
  for options, message in (
    ({'mu': -1.0}, 'mu must be at least 0'),
    ({'similarity_order': 'x'}, "unknown similarity_order 'x'; known: "),
    ({'start': 'x'}, "unknown start 'x'; known: separated, mdsh"),
    ({'num_restarts': 0}, 'num_restarts must be an int of at least 1'),
    ({'num_iterations': -3}, 'num_iterations'),
    ({'num_annealing_sweeps': -1}, 'num_annealing_sweeps'),
    ({'num_polishing_sweeps': -2}, 'num_polishing_sweeps'),
    ({'distance': -1}, 'distance'),
  ):
    with pytest.raises(ValueError, match=message):
      shc(BITS, **options)
  # What depends on the data is seen before the classifier is trained.
  for method, info, message in (
    (shc(2), make_info(), '2 bits have 4 codewords, fewer than the 5'),
    (shc(BITS, distance=6), make_info(), '5 centers of 8 bits .* Plotkin'),
    (
      shc(BITS),
      make_info()._replace(labels=jnp.zeros(ROWS, jnp.int32)),
      'class 1 has none',
    ),
  ):
    with pytest.raises(ValueError, match=message):
      method.stages[0].method.init(KEY, info)


def test_the_centers_may_start_from_those_of_mdsh():
  paper = {'num_annealing_sweeps': 0, 'num_polishing_sweeps': 0}
  reports = [
    run_stages(shc(BITS, start=start, **paper), make_info())[2].report
    for start in ('separated', 'mdsh')
  ]
  starts = [report['start_semantic_loss'] for report in reports]
  assert starts[0] != starts[1]
  for report in reports:
    assert report['semantic_loss'] <= report['start_semantic_loss']


def test_what_the_stages_depend_on():
  first, second = shc(BITS, mu=0.5).stages
  assert dict(first.settings) == {'similarity_order': 'paper'}
  assert second.settings['mu'] == 0.5 and second.settings['num_bits'] == BITS
  assert second.method is None
