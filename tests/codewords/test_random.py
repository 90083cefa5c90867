import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.codewords import random
from jaxhash.codewords.base import numpy_generator
from jaxhash.codewords.hadamard import hadamard
from jaxhash.codewords.random import balanced, bernoulli, central, maxhd


def distances(codewords):
  """Distances of all pairs, counted bit by bit."""
  codewords = np.asarray(codewords)
  first, second = np.triu_indices(len(codewords), k=1)
  return (codewords[first] != codewords[second]).sum(axis=1)


@pytest.mark.parametrize('num_bits', [16, 255])
def test_law_of_bernoulli(num_bits):
  codewords, report = bernoulli(jax.random.key(0), 300, num_bits)
  assert codewords.dtype == jnp.int8
  assert set(np.unique(codewords)) == {-1, 1}
  # 44,850 pairs, any two of which are independent.
  pairs = distances(codewords)
  sd = math.sqrt(num_bits) / 2
  np.testing.assert_allclose(pairs.mean(), num_bits / 2, atol=0.025 * sd)
  np.testing.assert_allclose(pairs.std(), sd, rtol=0.02)
  assert report['least_distance'] == pairs.min()


@pytest.mark.parametrize('num_bits', [16, 33])
def test_balanced_codewords(num_bits):
  codewords = np.asarray(balanced(jax.random.key(0), 400, num_bits).codewords)
  assert codewords.dtype == np.int8
  ones = (codewords == 1).sum(axis=1)
  less, more = num_bits // 2, -(-num_bits // 2)
  assert set(ones) == {less, more}
  if less < more:
    # Either with probability 1/2: 200 of 400, with standard deviation 10.
    assert 150 < (ones == more).sum() < 250
  # All places are as likely: 400 draws of 1/2 a bit, five deviations.
  assert np.abs(codewords.mean(axis=0)).max() < 0.25


@pytest.mark.parametrize('construct', [bernoulli, balanced])
def test_keys_jit_and_vmap(construct):
  keys = jax.random.split(jax.random.key(0), 2)
  first, second = (construct(key, 6, 9).codewords for key in keys)
  assert not jnp.array_equal(first, second)
  make = jax.jit(jax.vmap(lambda key: construct(key, 6, 9)))
  codewords, report = make(keys)
  assert report == {}
  np.testing.assert_array_equal(codewords, jnp.stack([first, second]))


def one_by_one(key, num_classes, num_bits, start, step, least, num_rejections):
  """MaxHD as it is written: one word, then the next."""
  generator = numpy_generator(key)
  asked = Fraction(start)
  kept, rejected = [], 0
  while len(kept) < num_classes:
    word = np.where(generator.random((1, num_bits)) < 0.5, -1, 1)[0]
    if all(Fraction(int((word != w).sum()), num_bits) >= asked for w in kept):
      kept.append(word)
      rejected = 0
      continue
    rejected += 1
    if rejected == num_rejections:
      asked, rejected = asked - Fraction(step), 0
      if asked < Fraction(least):
        return None, asked
  return kept, asked


@pytest.mark.parametrize(
  ('num_classes', 'num_bits', 'num_rejections', 'start', 'step'),
  [
    (12, 16, 1, '0.61', '0.01'),
    (30, 16, 7, '0.61', '0.01'),
    (12, 20, 100, '0.61', '0.01'),
    (5, 10, 300, '0.6', '0.1'),
    (8, 7, 13, '0.5', '0.03'),
    (200, 10, 50, '0.2', '0.01'),
    (20, 24, 2000, '0.52', '0.02'),  # a run of rejections over batches
  ],
)
def test_maxhd_is_the_loop_one_by_one(
  num_classes, num_bits, num_rejections, start, step
):
  for seed in range(2):
    key = jax.random.key(seed)
    arguments = (num_classes, num_bits, start, step, '0.1', num_rejections)
    expected, asked = one_by_one(key, *arguments)
    options = {
      'start': float(start),
      'step': float(step),
      'least': 0.1,
      'num_rejections': num_rejections,
    }
    if expected is None:
      with pytest.raises(ValueError, match='found before'):
        maxhd(key, num_classes, num_bits, **options)
      continue
    codewords, report = maxhd(key, num_classes, num_bits, **options)
    assert report['asked_distance'] == float(asked)
    assert sorted(map(tuple, codewords.tolist())) == sorted(
      tuple(word.tolist()) for word in expected
    )


def test_maxhd_permutes_what_it_accepts(monkeypatch):
  # They are 8 apart and accepted as they come.
  words = np.asarray(hadamard(None, 16, 16).codewords, np.float32)
  monkeypatch.setattr(random, '_candidates', lambda *sizes: words)
  codewords = np.asarray(maxhd(jax.random.key(0), 16, 16, start=0.5).codewords)
  assert not np.array_equal(codewords, words)
  assert sorted(codewords.tolist()) == sorted(words.tolist())


@pytest.mark.parametrize(('num_classes', 'num_bits'), [(10, 16), (200, 64)])
def test_maxhd_keeps_its_distance(num_classes, num_bits):
  key = jax.random.key(0)
  codewords, report = maxhd(key, num_classes, num_bits, num_rejections=500)
  assert codewords.shape == (num_classes, num_bits)
  assert codewords.dtype == jnp.int8
  least = distances(codewords).min()
  assert least == report['least_distance']
  assert least >= report['asked_distance'] * num_bits - 1e-9
  # It is what the search is for.
  at_random = bernoulli(key, num_classes, num_bits).report['least_distance']
  assert least > at_random


def test_maxhd_starts_with_its_first_distance():
  # Three words of six bits are all 4 apart: 4/6 is above 0.61.
  report = maxhd(jax.random.key(0), 3, 6).report
  assert report['asked_distance'] == 0.61
  assert report['least_distance'] == 4


def test_maxhd_follows_the_key():
  words = [
    maxhd(jax.random.key(i), 10, 16, num_rejections=50).codewords
    for i in (0, 0, 1)
  ]
  np.testing.assert_array_equal(words[0], words[1])
  assert not jnp.array_equal(words[0], words[2])


def test_maxhd_fails():
  with pytest.raises(
    ValueError, match=r'only \d+ of 100 codewords of 8 bits .* below 0.4'
  ):
    maxhd(jax.random.key(0), 100, 8, least=0.4, num_rejections=10)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'start': 0.1}, 'least=0.2, start=0.1'),
    ({'start': 1.5}, 'start <= 1'),
    ({'step': 0.0}, 'step > 0'),
    ({'step': float('nan')}, 'step > 0'),
    ({'least': -0.1}, '0 <= least'),
    ({'num_rejections': 0}, 'num_rejections must be an int of at least 1'),
  ],
)
def test_bad_options_of_maxhd(options, message):
  with pytest.raises(ValueError, match=message):
    maxhd(jax.random.key(0), 4, 8, **options)


@pytest.mark.parametrize('construct', [maxhd, central])
def test_searches_on_the_host_say_so(construct):
  with pytest.raises(ValueError, match=r'searches on the host'):
    jax.jit(lambda key: construct(key, 5, 12))(jax.random.key(0))


@pytest.mark.parametrize(('classes', 'bits'), [(10, 16), (32, 16), (2, 1)])
def test_central_is_hadamard_where_it_can(classes, bits):
  codewords, report = central(None, classes, bits)
  np.testing.assert_array_equal(
    codewords, hadamard(None, classes, bits).codewords
  )
  assert 'accepted' not in report


@pytest.mark.parametrize(('classes', 'bits'), [(20, 48), (10, 33)])
def test_central_accepts_what_csq_asks(classes, bits):
  codewords, report = central(jax.random.key(0), classes, bits)
  pairs = distances(codewords)
  assert report['accepted'] is True
  assert pairs.min() > bits / 4
  assert pairs.mean() >= bits / 2
  ones = (np.asarray(codewords) == 1).sum(axis=1)
  assert set(ones) <= {bits // 2, -(-bits // 2)}


def test_central_draws_again():
  keys = jax.random.split(jax.random.key(0), 20)
  once = [central(key, 20, 48, num_tries=1).report for key in keys]
  often = [central(key, 20, 48).report for key in keys[:5]]
  # About half of the draws have a mean distance below K/2.
  assert 3 < sum(report['accepted'] for report in once) < 17
  assert all(report['accepted'] for report in often)
  for report in once:
    far = report['least_distance'] > 12 and report['mean_distance'] >= 24
    assert report['accepted'] is far


def test_central_gives_the_last_draw():
  # More than 12 apart is impossible for so many classes.
  key = jax.random.key(0)
  codewords, report = central(key, 70, 12, num_tries=3)
  assert report['accepted'] is False
  last = balanced(jax.random.split(key, 3)[-1], 70, 12).codewords
  np.testing.assert_array_equal(codewords, last)


def test_central_needs_a_key_for_random_codewords():
  with pytest.raises(
    ValueError, match='published order: random codewords need'
  ):
    central(None, 20, 48)
  with pytest.raises(ValueError, match='num_tries must be an int of at least'):
    central(None, 4, 8, num_tries=0)


@pytest.mark.parametrize('construct', [bernoulli, balanced, central, maxhd])
def test_more_classes_than_words(construct):
  with pytest.raises(ValueError, match='3 bits have 8 codewords, fewer than'):
    construct(jax.random.key(0), 9, 3)


@pytest.mark.parametrize('construct', [balanced, central])
def test_there_are_only_so_many_balanced_codewords(construct):
  with pytest.raises(ValueError, match=r'6 bits have 20 .* 21 classes'):
    construct(jax.random.key(0), 21, 6)
  with pytest.raises(ValueError, match=r'5 bits have 20 .* 21 classes'):
    construct(jax.random.key(0), 21, 5)
