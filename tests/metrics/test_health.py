import itertools
import json

import jaxtyping
import numpy as np
import pytest

from jaxhash.metrics import code_health, codeword_health, health


def random_codes(seed, n, bits):
  rng = np.random.default_rng(seed)
  return rng.choice(np.array([-1, 1], np.int8), (n, bits), p=[0.3, 0.7])


def test_codes_against_definitions(monkeypatch):
  codes = random_codes(0, 50, 6)
  codes[:, 2] = 1
  monkeypatch.setattr(health, 'ROWS_AT_A_TIME', 7)
  result = code_health(codes)
  mean = np.abs(codes.mean(0))
  assert result['mean_bit_imbalance'] == pytest.approx(mean.mean())
  assert result['worst_bit_imbalance'] == 1
  assert result['constant_bits'] == 1
  correlation = np.abs(np.corrcoef(np.delete(codes, 2, 1).T))
  pairs = correlation[np.triu_indices(5, k=1)]
  assert result['mean_bit_correlation'] == pytest.approx(pairs.mean())
  assert result['worst_bit_correlation'] == pytest.approx(pairs.max())
  share = np.delete((1 + codes.mean(0)) / 2, 2)
  bits = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
  assert result['mean_bit_entropy'] == pytest.approx(bits.sum() / 6)
  distinct = len({tuple(row) for row in codes.tolist()})
  assert result['distinct_codes'] == distinct
  assert result['distinct_fraction'] == distinct / 50
  same = [(a == b).all() for a, b in itertools.combinations(codes, 2)]
  assert result['collision_rate'] == pytest.approx(np.mean(same))
  json.dumps(result, allow_nan=False)


def test_quantization_error():
  logits = np.array([[0.5, -2.0], [1.0, -1.0]], np.float32)
  codes = np.array([[1, -1], [1, -1]], np.int8)
  result = code_health(codes, logits=logits)
  assert result['quantization_error'] == (0.5**2 + 1) / 4
  assert 'quantization_error' not in code_health(codes)
  with pytest.raises(ValueError, match=r'must be \[2, 2\].*got \[1, 2\]'):
    code_health(codes, logits=logits[:1])
  with pytest.raises(ValueError, match='logits of row 1 are not finite'):
    code_health(codes, logits=logits * np.array([[1], [np.nan]]))


def test_packed_codes():
  codes = random_codes(0, 30, 12)
  packed = np.packbits(codes > 0, axis=1)
  assert code_health(packed, num_bits=12) == code_health(codes)
  assert codeword_health(packed, num_bits=12) == codeword_health(codes)


def test_perfect_and_collapsed_codes():
  every = np.array(list(itertools.product([-1, 1], repeat=4)), np.int8)
  result = code_health(every)
  assert result['mean_bit_imbalance'] == result['worst_bit_correlation'] == 0
  assert result['mean_bit_entropy'] == result['distinct_fraction'] == 1
  result = code_health(np.ones((9, 4), np.int8))
  assert result['mean_bit_imbalance'] == 1
  assert result['mean_bit_entropy'] == result['worst_bit_correlation'] == 0
  assert result['distinct_codes'] == 1
  twice = code_health(np.repeat(every[:, :1], 2, axis=1))
  assert twice['mean_bit_correlation'] == pytest.approx(1)


@pytest.mark.parametrize('pairs_at_a_time', [1, 40, 2**24])
def test_codewords_against_loops(monkeypatch, pairs_at_a_time):
  codewords = random_codes(1, 13, 9)
  codewords[7] = codewords[3]
  monkeypatch.setattr(health, 'PAIRS_AT_A_TIME', pairs_at_a_time)
  result = codeword_health(codewords)
  distances = [(a != b).sum() for a, b in itertools.combinations(codewords, 2)]
  assert result['least_distance'] == 0
  assert result['greatest_distance'] == max(distances)
  assert result['mean_distance'] == pytest.approx(np.mean(distances))
  words = {tuple(row) for row in codewords.tolist()}
  assert result['duplicates'] == 13 - len(words)
  json.dumps(result, allow_nan=False)


def test_hadamard_rows_are_half_apart():
  rows = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]], np.int8)
  result = codeword_health(rows)
  assert result['least_distance'] == result['greatest_distance'] == 2
  assert result['duplicates'] == 0
  assert codeword_health(np.stack([rows[0], -rows[0]]))['least_distance'] == 4


@pytest.mark.parametrize('check', [code_health, codeword_health])
@pytest.mark.parametrize(
  ('codes', 'message'),
  [
    (np.full((2, 3), 0.5), 'row 0, bit 0 is 0.5'),
    (np.ones(3, np.int8), r'int8 \[3\]'),
    (np.ones((0, 3), np.int8), 'empty'),
    (np.array([[1, -1], [0, 1]], np.int8), 'row 1, bit 0 is 0'),
  ],
)
def test_bad_inputs(check, codes, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    check(codes)


def test_one_codeword_has_no_distance():
  with pytest.raises(ValueError, match='at least 2 codewords, got 1'):
    codeword_health(np.ones((1, 3), np.int8))
