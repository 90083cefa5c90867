import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.codewords import _cyclic, _known_codes, _linear
from jaxhash.codewords._greedy import greedy_words
from jaxhash.codewords.bounds import (
  gilbert_varshamov_distance,
  largest_distance,
)
from jaxhash.codewords.separated import separated

# The module: its function may hide it as an attribute of the package.
module = importlib.import_module('jaxhash.codewords.separated')


def least_distance(codewords):
  """Of all pairs."""
  codewords = np.asarray(codewords, np.float32)
  product = codewords @ codewords.T
  np.fill_diagonal(product, -np.inf)
  return (codewords.shape[1] - product.max()) / 2


@pytest.mark.parametrize('num_bits', [12, 16, 24, 32, 48, 64, 128])
@pytest.mark.parametrize('num_classes', [10, 21, 80, 100, 196, 200, 555, 1000])
def test_table_of_shc_is_reached(num_classes, num_bits):
  distance = gilbert_varshamov_distance(num_classes, num_bits)
  codewords, report = separated(jax.random.key(0), num_classes, num_bits)
  assert codewords.shape == (num_classes, num_bits)
  assert report['asked_distance'] == distance
  assert report['least_distance'] == least_distance(codewords) >= distance
  assert report['source']


@pytest.mark.parametrize(
  ('num_classes', 'num_bits'),
  [
    *[(2, 1), (2, 2), (4, 2), (7, 3), (2, 7), (10, 7), (100, 7), (128, 7)],
    *[(2, 20), (10, 20), (100, 20), (1000, 20), (10, 33), (1000, 33)],
    *[(10, 100), (100, 100), (1000, 100), (2, 200), (100, 200), (1000, 200)],
    *[(10, 511), (1000, 512)],
  ],
)
def test_any_number_of_bits(num_classes, num_bits):
  codewords, report = separated(jax.random.key(1), num_classes, num_bits)
  assert codewords.dtype == jnp.int8
  assert set(np.unique(codewords)) == {-1, 1}
  distance = gilbert_varshamov_distance(num_classes, num_bits)
  assert report['asked_distance'] == distance
  assert report['least_distance'] == least_distance(codewords) >= distance
  limit = largest_distance(num_classes, num_bits)[0]
  assert report['least_distance'] <= limit


def test_2048_bits():
  # Far more words than a float holds.
  report = separated(jax.random.key(0), 10, 2048).report
  assert report['asked_distance'] == gilbert_varshamov_distance(10, 2048)
  assert report['least_distance'] >= report['asked_distance']


@pytest.mark.parametrize('num_bits', [16, 32, 48, 64, 128])
def test_codes_for_40000_classes(num_bits):
  code = _known_codes.best_code(40_000, num_bits)
  distance = gilbert_varshamov_distance(40_000, num_bits)
  assert code.distance >= distance
  # The code is linear: its least distance is the least weight of all words.
  table = code.words(np.arange(code.size))
  assert code.size == 2**16
  assert table[1:].sum(axis=1).min() == code.distance
  rows = np.random.default_rng(0).integers(0, 2**16, (100, 2)).T
  together = code.words(rows[0]) ^ code.words(rows[1])
  np.testing.assert_array_equal(code.words(rows[0] ^ rows[1]), together)


@pytest.mark.slow
@pytest.mark.parametrize('num_bits', [16, 64])
def test_40000_classes(num_bits):
  report = separated(jax.random.key(0), 40_000, num_bits).report
  assert report['duplicates'] == 0
  assert report['least_distance'] >= report['asked_distance']


def known_distance(code):
  generator = _cyclic.extended_generator(
    code.length, code.dimension, code.polynomial
  )
  columns = _linear.columns_of(generator)
  return _linear.least_weight(columns, code.dimension)


@pytest.mark.parametrize(
  'code',
  [code for code in _cyclic.codes() if code.dimension <= 16],
  ids=lambda code: code.name,
)
def test_distances_of_cyclic_codes(code):
  assert known_distance(code) == code.distance


@pytest.mark.parametrize('code', _cyclic.codes(), ids=lambda code: code.name)
def test_shortened_codes_keep_their_distance(code):
  # Their subcodes of few words: the bound must hold for each.
  dimension = min(code.dimension, 8)
  length = code.length - code.dimension + dimension
  generator = _cyclic.extended_generator(length, dimension, code.polynomial)
  least = _linear.least_weight(_linear.columns_of(generator), dimension)
  assert least >= code.distance


def test_parameters_of_known_codes():
  names = {code.name for code in _cyclic.codes()}
  for parameters in ('[16, 11, 4]', '[32, 11, 12]', '[64, 10, 28]'):
    assert f'extended BCH code {parameters}' in names
  for parameters in ('[64, 7, 32]', '[128, 15, 56]', '[512, 19, 240]'):
    assert f'extended BCH code {parameters}' in names


@pytest.mark.parametrize(
  ('words', 'length', 'distance'),
  [
    (256, 16, 6),
    (256, 15, 5),
    (128, 15, 6),
    (64, 14, 6),
    (32, 13, 6),
    (24, 12, 6),
    (24, 11, 5),
    (12, 11, 6),
    (6, 10, 6),
    (40, 20, 10),
    (4096, 24, 8),
    (4096, 23, 7),
    (128, 64, 32),
    (16, 8, 4),
    (2048, 16, 4),
    (2048, 15, 3),
    (16, 7, 3),
    (4, 6, 4),
    (16, 15, 8),
    (2, 9, 9),
  ],
)
def test_best_codes_are_found(words, length, distance):
  # The most words of that length and distance: Brouwer's tables.
  code = _known_codes.best_code(words, length)
  assert code.distance == distance
  signs = 1 - 2.0 * code.words(np.arange(words))
  assert least_distance(signs) == distance


def test_resize_reaches_gilbert_and_varshamov():
  nothing = np.zeros(0, np.int64)
  for dimension, num_bits in [(3, 20), (7, 33), (8, 100), (10, 64)]:
    columns = _linear.resize(nothing, dimension, num_bits)
    assert len(columns) == num_bits
    least = _linear.least_weight(columns, dimension)
    words = _linear.words(columns, np.arange(2**dimension))
    assert words[1:].sum(axis=1).min() == least
    assert least >= gilbert_varshamov_distance(2**dimension, num_bits)


def test_keys():
  words = [
    np.asarray(separated(jax.random.key(i), 20, 24).codewords)
    for i in (0, 0, 1)
  ]
  np.testing.assert_array_equal(words[0], words[1])
  assert not np.array_equal(words[0], words[2])


def test_a_key_is_only_a_choice_of_words_and_an_isometry():
  # All words of the code: distances are the same in some order.
  plain = separated(None, 32, 16).codewords
  random = separated(jax.random.key(0), 32, 16).codewords
  assert not jnp.array_equal(plain, random)
  for codewords in (plain, random):
    product = np.asarray(codewords, int) @ np.asarray(codewords, int).T
    values, counts = np.unique(product, return_counts=True)
    assert values.tolist() == [-16, 0, 16]
    assert counts.tolist() == [32, 32 * 30, 32]


def test_keys_choose_bits_and_signs():
  # All words of the code, so that which of them are taken does not matter.
  plain, random = (
    separated(key, 32, 16).codewords for key in (None, jax.random.key(0))
  )
  ones = [1] * 16
  assert ones in plain.tolist()
  assert ones not in random.tolist()  # bits are flipped
  unflipped = random * random[:1]
  assert ones in unflipped.tolist()
  # and in another order
  assert sorted(unflipped.tolist()) != sorted(plain.tolist())


def test_keys_choose_words():
  draws = np.stack(
    [separated(jax.random.key(i), 4, 16).codewords for i in range(40)]
  )
  # No place is constant over the draws.
  assert np.abs(draws.mean(axis=0)).max() < 0.75


def test_codes_own_order():
  codewords = separated(None, 1000, 64).codewords
  np.testing.assert_array_equal(codewords, separated(None, 1000, 64).codewords)
  assert (np.asarray(codewords[0]) == 1).all()


@pytest.mark.parametrize(
  ('num_classes', 'num_bits'), [(10, 16), (100, 33), (1000, 64), (17, 8)]
)
def test_greedy_search(num_classes, num_bits):
  distance = gilbert_varshamov_distance(num_classes, num_bits)
  codewords, report = separated(
    jax.random.key(0), num_classes, num_bits, search='greedy'
  )
  assert report['source'] == 'greedy random search'
  assert report['asked_distance'] == distance
  assert least_distance(codewords) >= distance


def test_greedy_is_what_is_left_where_no_known_code_will_do():
  # A(8, 3) is 20, and linear codes have 16 or 32 words.
  report = separated(jax.random.key(0), 17, 8).report
  assert report['source'] == 'greedy random search'
  assert report['least_distance'] == report['asked_distance'] == 3


def test_without_a_key_nothing_is_random():
  report = separated(None, 17, 8).report
  assert report['asked_distance'] == report['least_distance'] == 2
  with pytest.raises(ValueError, match=r'found 0 codewords \(it needs a key'):
    separated(None, 17, 8, distance=3)


@pytest.mark.parametrize(('num_bits', 'distance'), [(10, 3), (40, 14)])
def test_greedy_words_are_maximal(num_bits, distance):
  generator = np.random.default_rng(0)
  words = greedy_words(generator, 50, num_bits, distance, most_draws=2**15)
  assert least_distance(words) >= distance
  if num_bits == 10:
    # It went through all words: Gilbert's bound is certain.
    assert len(words) * (1 + 10 + 45) >= 2**10


def test_impossible_by_the_equation():
  # The equation asks for 3; the next below is what exists.
  report = separated(jax.random.key(0), 5, 5).report
  assert gilbert_varshamov_distance(5, 5) == 3
  assert report['asked_distance'] == report['least_distance'] == 2


@pytest.mark.parametrize(
  ('num_classes', 'num_bits', 'distance', 'message'),
  [
    (100, 16, 7, 'Plotkin bound leaves a distance of at most 6'),
    (100, 7, 2, 'Singleton bound leaves a distance of at most 1'),
    (5000, 23, 7, 'Hamming bound leaves a distance of at most 6'),
  ],
)
def test_impossible_distances(
  num_classes, num_bits, distance, message, monkeypatch
):
  def no_search(*args, **options):
    raise AssertionError('it searched')

  monkeypatch.setattr(module, '_search', no_search)
  with pytest.raises(ValueError, match=message):
    separated(jax.random.key(0), num_classes, num_bits, distance=distance)


def test_search_that_fails(monkeypatch):
  monkeypatch.setattr(module, 'MOST_DRAWS', 2**12)
  with pytest.raises(
    ValueError,
    match=r'no 21 codewords of 8 bits that are 3 apart were found, though no '
    r'bound excludes .* Hamming bound leaves a distance of up to 3\): the '
    r'known codes reach 2, the random search found \d+ codewords; the '
    r'Gilbert-Varshamov distance is 3',
  ):
    # A(8, 3) is 20, which no simple bound shows.
    separated(jax.random.key(0), 21, 8, distance=3)


@pytest.mark.parametrize(
  ('key', 'options', 'message'),
  [
    (None, {'search': 'greedy'}, 'greedy search is random and needs a key'),
    (None, {'search': 'best'}, "unknown search 'best'; known: "),
    (None, {'distance': 0}, 'distance must be an int of at least 1, got 0'),
  ],
)
def test_bad_arguments(key, options, message):
  with pytest.raises(ValueError, match=message):
    separated(key, 10, 16, **options)


def test_outside_of_jit():
  with pytest.raises(ValueError, match='searches on the host'):
    jax.jit(lambda key: separated(key, 4, 8))(jax.random.key(0))


def test_a_wrong_code_is_noticed(monkeypatch):
  code = _known_codes.best_code(10, 16)
  wrong = code._replace(words=lambda rows: np.zeros((len(rows), 16), np.uint8))
  monkeypatch.setattr(module, 'best_code', lambda *sizes: wrong)
  with pytest.raises(RuntimeError, match='should be 6 apart, but are 0'):
    separated(None, 10, 16)
