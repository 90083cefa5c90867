"""Means, intervals and tests over seeds."""

import csv
import io

import numpy as np
import pytest
from scipy import stats

from experiments import tables

SCORES = {'mAP@ALL': 'query_database.mAP', 'mAHP@250': 'more.mAHP@250'}


def cells(values, **more):
  return [{'query_database': {'mAP': v}, **more} for v in values]


def table(**methods):
  return {(name, 8): found for name, found in methods.items()}


def test_the_interval_is_that_of_scipy():
  values = [0.7, 0.8, 0.75, 0.9]
  low, high = stats.t.interval(
    0.95, 3, loc=np.mean(values), scale=stats.sem(values)
  )
  assert tables.interval(values) == pytest.approx((high - low) / 2)
  assert np.isnan(tables.interval([0.5]))


def test_p_values_are_paired_and_corrected():
  rng = np.random.default_rng(0)
  seeds = rng.normal(size=5)  # what is common to a seed
  values = {
    'best': seeds + 3,
    'near': seeds + 2.9 + 0.2 * rng.normal(size=5),
    'far': seeds + 0.01 * rng.normal(size=5),
  }
  raw = {
    name: stats.ttest_rel(values['best'], values[name]).pvalue
    for name in ('near', 'far')
  }
  assert raw['far'] < raw['near']
  p = tables.paired_p_values(values, 'best')
  assert np.isnan(p['best'])
  assert p['far'] == pytest.approx(2 * raw['far'])
  assert p['near'] == pytest.approx(max(raw['near'], 2 * raw['far']))
  # Unpaired, the seeds would hide the difference.
  assert stats.ttest_ind(values['best'], values['near']).pvalue > raw['near']


def test_equal_differences_need_no_test():
  values = {'a': [1.0, 2.0], 'b': [1.0, 2.0], 'c': [0.5, 1.5]}
  p = tables.paired_p_values(values, 'a')
  assert p['b'] == 1 and p['c'] == 0
  one = tables.paired_p_values({'a': [1.0], 'b': [0.0]}, 'a')
  assert np.isnan(list(one.values())).all()


def test_rows_and_markdown():
  found = table(
    a=cells([0.1, 0.52, 0.9]),
    b=cells([0.2, 0.6, 1.01], reconstruction='x'),
    c=cells([0.0, 0.1, 0.2]),
  )
  found['a', 16] = cells([0.3, 0.3, 0.3])
  rows = tables.rows_of(found, SCORES)
  assert [(r.method, r.bits, r.best) for r in rows] == [
    ('b', 8, True),
    ('a', 8, False),
    ('c', 8, False),
    ('a', 16, True),
  ]
  assert rows[0].mean == pytest.approx(np.mean([0.2, 0.6, 1.01]))
  assert rows[1].p_value < 0.05  # by a tenth for each seed, though far apart
  text = tables.markdown(rows)
  lines = text.splitlines()
  assert lines[0] == '| mAP@ALL, 3 seeds | 8 bits | 16 bits |'
  assert lines[2].startswith('| b (reconstruction) | **0.6033 +- ')
  assert lines[3].startswith('| a | 0.5067 +- ') and '**0.3000' in lines[3]
  assert 'mAHP@250' not in text  # no cell has it
  read = list(csv.DictReader(io.StringIO(tables.to_csv(rows))))
  assert [r['method'] for r in read] == ['b', 'a', 'c', 'a']
  assert read[0]['seeds'] == '3' and read[0]['p_value'] == ''
  assert float(read[1]['mean']) == pytest.approx(rows[1].mean, abs=1e-5)


def test_what_cannot_be_told_from_the_best_is_bold():
  found = table(
    a=cells([0.5, 0.6, 0.7]),
    b=cells([0.52, 0.58, 0.69]),
    c=cells([0, 0.15, 0.2]),
  )
  rows = {r.method: r for r in tables.rows_of(found, SCORES)}
  assert rows['b'].p_value > 0.05 > rows['c'].p_value
  lines = tables.markdown(list(rows.values())).splitlines()
  bold = {line.split('|')[1].strip(): '**' in line for line in lines[2:5]}
  assert bold == {'a': True, 'b': True, 'c': False}


def test_one_seed_has_no_interval_and_no_test():
  rows = tables.rows_of(table(a=cells([0.5]), b=cells([0.4])), SCORES)
  assert np.isnan([r.interval for r in rows]).all()
  text = tables.markdown(rows)
  assert text.startswith('| mAP@ALL, 1 seed | 8 bits |')
  assert '| a | **0.5000** |' in text and '| b | 0.4000 |' in text
  assert 'no interval and no test' in text
  (first, _) = csv.DictReader(io.StringIO(tables.to_csv(rows)))
  assert first['interval'] == first['p_value'] == ''


def test_a_nan_is_shown_and_not_compared():
  nan = float('nan')
  found = table(
    a=cells([0.5, nan, 0.7]), b=cells([0.5, 0.6, 0.7]), c=cells([0, 0.1, 0.3])
  )
  rows = {r.method: r for r in tables.rows_of(found, SCORES)}
  assert list(rows) == ['b', 'c', 'a']
  assert rows['b'].best and not rows['a'].best
  assert rows['c'].p_value < 0.05
  assert np.isnan(rows['a'].p_value)
  lines = tables.markdown(list(rows.values())).splitlines()
  assert lines[4] == '| a | nan +- nan |'
  every = tables.rows_of(table(a=cells([nan, nan])), SCORES)
  assert not every[0].best


def test_what_is_no_number_is_no_score():
  found = table(a=cells([0.5]), b=cells([0.4]))
  scores = {'x': 'query_database', 'y': 'query_database.map', 'z': 'mAP'}
  assert not tables.rows_of(found, scores)


def test_what_a_cell_may_lack_is_no_error():
  cell = {'query_database': {'mAP': 0.5}, 'evaluations': {'x': {'val': {}}}}
  for path in ('val.mAP', 'evaluations.x.transductive.mAP'):
    tables.check_scores(cell, {'s': path})
  for path, there in (
    ('query_database.map', 'query_database has mAP'),
    ('query_database.mAP.x', 'query_database.mAP has nothing inside'),
    ('evaluations.y.val.mAP', 'evaluations has x'),
    ('evaluations.x.vl.mAP', 'evaluations.x has val'),
    ('query_database', 'is no number'),
  ):
    with pytest.raises(ValueError, match=there):
      tables.check_scores(cell, {'s': path})


def test_methods_of_other_numbers_of_seeds_are_not_compared():
  found = table(a=cells([0.1, 0.2]), b=cells([0.2]))
  with pytest.raises(ValueError, match=r"not all seeds: \{'a': 2, 'b': 1\}"):
    tables.rows_of(found, SCORES)


def test_scores_on_other_rows_are_not_compared():
  found = table(
    a=cells([0.1], split_digest='x'), b=cells([0.2], split_digest='y')
  )
  with pytest.raises(ValueError, match='not scored on the same rows'):
    tables.rows_of(found, SCORES)
