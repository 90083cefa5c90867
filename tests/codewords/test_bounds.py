import math

import pytest

from jaxhash.codewords.bounds import (
  gilbert_varshamov_distance,
  largest_distance,
)

BITS = (12, 16, 24, 32, 48, 64, 128)
# The distances of MDSH and SHC, of which SHC's Table 3 prints some.
TABLE = {
  10: (5, 6, 10, 13, 21, 28, 58),
  21: (4, 6, 9, 12, 19, 26, 56),
  80: (3, 5, 8, 11, 17, 24, 52),
  100: (3, 4, 7, 10, 17, 24, 52),
  196: (3, 4, 7, 10, 16, 23, 51),
  200: (3, 4, 7, 10, 16, 23, 50),
  555: (2, 3, 6, 9, 15, 21, 49),
  1000: (2, 3, 6, 8, 14, 21, 48),
}
# A(n, d), the most words of n bits that are d apart: Brouwer's tables.
MOST_WORDS = {
  (4, 3): 2,
  (5, 3): 4,
  (6, 3): 8,
  (7, 3): 16,
  (8, 3): 20,
  (9, 3): 40,
  (10, 3): 72,
  (11, 3): 144,
  (15, 3): 2048,
  (8, 4): 16,
  (9, 4): 20,
  (10, 4): 40,
  (7, 5): 2,
  (8, 5): 4,
  (9, 5): 6,
  (10, 5): 12,
  (11, 5): 24,
  (12, 5): 32,
  (15, 5): 256,
  (12, 6): 24,
  (16, 6): 256,
  (23, 7): 4096,
  (24, 8): 4096,
  (20, 10): 40,
  (64, 32): 128,
}
# Those of them that one of the bounds proves to be the most.
TIGHT = [
  *[(5, 3), (7, 3), (15, 3), (8, 4), (8, 5), (9, 5), (10, 5), (11, 5)],
  *[(12, 6), (23, 7), (24, 8), (20, 10), (64, 32)],
]


@pytest.mark.parametrize('num_classes', TABLE)
def test_table_of_shc(num_classes):
  distances = tuple(
    gilbert_varshamov_distance(num_classes, bits) for bits in BITS
  )
  assert distances == TABLE[num_classes]


@pytest.mark.parametrize(
  ('num_classes', 'num_bits', 'distance'),
  [
    (40_000, 16, 1),  # the equation gives 2
    (32_769, 16, 1),
    (32_768, 16, 2),
    (65_536, 16, 1),
    (2, 1, 1),
    (2, 2, 2),
    (2, 512, 257),
  ],
)
def test_limits_of_the_equation(num_classes, num_bits, distance):
  assert gilbert_varshamov_distance(num_classes, num_bits) == distance


@pytest.mark.parametrize('num_bits', [3, 10, 33, 130])
@pytest.mark.parametrize('num_classes', [2, 3, 8])
def test_one_less_is_what_gilbert_and_varshamov_promise(num_classes, num_bits):
  distance = gilbert_varshamov_distance(num_classes, num_bits)
  balls = [
    sum(math.comb(num_bits, i) for i in range(d))
    for d in (distance - 1, distance)
  ]
  assert num_classes * balls[0] < 2**num_bits
  assert num_classes == 2**num_bits or num_classes * balls[1] >= 2**num_bits


@pytest.mark.parametrize(('length', 'distance'), MOST_WORDS)
def test_bounds_exclude_nothing_that_exists(length, distance):
  words = MOST_WORDS[length, distance]
  assert largest_distance(words, length)[0] >= distance


@pytest.mark.parametrize(('length', 'distance'), TIGHT)
def test_bounds_that_are_reached(length, distance):
  words = MOST_WORDS[length, distance]
  assert largest_distance(words, length)[0] == distance
  assert largest_distance(words + 1, length)[0] < distance


@pytest.mark.parametrize(
  ('num_classes', 'num_bits', 'expected'),
  [
    (2, 9, (9, 'Plotkin')),
    (2**9, 9, (1, 'Singleton')),
    (2**8, 9, (2, 'Hamming')),
    (4096, 23, (7, 'Hamming')),
    (16, 8, (4, 'Plotkin')),
  ],
)
def test_names_of_the_bounds(num_classes, num_bits, expected):
  assert largest_distance(num_classes, num_bits) == expected


@pytest.mark.parametrize('num_bits', range(1, 10))
def test_more_classes_are_never_farther(num_bits):
  for function in (
    gilbert_varshamov_distance,
    lambda classes, bits: largest_distance(classes, bits)[0],
  ):
    distances = [function(c, num_bits) for c in range(2, 2**num_bits + 1)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] == 1


@pytest.mark.parametrize(
  'function', [gilbert_varshamov_distance, largest_distance]
)
@pytest.mark.parametrize(
  ('num_classes', 'num_bits', 'message'),
  [
    (17, 4, '4 bits have 16 codewords, fewer than the 17 classes'),
    (1, 4, 'num_classes must be an int of at least 2, got 1'),
    (2, 0, 'num_bits must be an int of at least 1, got 0'),
    (True, 4, 'num_classes must be an int'),
  ],
)
def test_bad_sizes(function, num_classes, num_bits, message):
  with pytest.raises(ValueError, match=message):
    function(num_classes, num_bits)
