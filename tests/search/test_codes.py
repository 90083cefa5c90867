import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from jaxhash import binarize
from jaxhash.search import hamming_distances, read_codes
from tests.search.codes import random_codes

BITS = [1, 7, 8, 12, 20, 31, 48, 63, 64, 65, 96, 128, 256, 512]


class OnlyDlpack:
  """What a torch tensor is to us."""

  def __init__(self, array):
    self._array = array

  def __dlpack__(self, **kwargs):
    return self._array.__dlpack__(**kwargs)

  def __dlpack_device__(self):
    return self._array.__dlpack_device__()


FORMS = {
  'int8 signs': lambda x: x,
  'float signs': lambda x: x.astype(np.float32),
  'int64 bits': lambda x: (x > 0).astype(np.int64),
  'uint8 bits': lambda x: (x > 0).astype(np.uint8),
  'bool': lambda x: x > 0,
  'jax': jnp.asarray,
  'jax bfloat16': lambda x: jnp.asarray(x, jnp.bfloat16),
  'jax bool': lambda x: jnp.asarray(x > 0),
  'dlpack': OnlyDlpack,
  'list': lambda x: x.tolist(),
  'columns first': np.asfortranarray,
}


def bits_of(words, bits):
  """The code bits of 64-bit words, in whatever order they are kept."""
  return np.unpackbits(words.T.copy().view(np.uint8), axis=1)[:, :bits]


@pytest.mark.parametrize('bits', BITS)
def test_pack_and_unpack(bits):
  codes = random_codes(0, 9, bits)
  packed = np.asarray(binarize.pack(jnp.asarray(codes)))
  np.testing.assert_array_equal(packed, np.packbits(codes > 0, axis=1))
  np.testing.assert_array_equal(
    binarize.unpack(jnp.asarray(packed), bits), codes
  )


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('bits', [1, 12, 64, 100])
def test_forms(form, bits):
  codes = random_codes(1, 30, bits)
  read = read_codes(FORMS[form](codes))
  assert (len(read), read.num_bits) == codes.shape
  np.testing.assert_array_equal(read.signs(), codes)
  np.testing.assert_array_equal(bits_of(read.words64(), bits), codes > 0)
  np.testing.assert_array_equal(read.rows(3, 7).signs(), codes[3:7])


@pytest.mark.parametrize('bits', BITS[1:])
@pytest.mark.parametrize('array', [np.asarray, jnp.asarray])
def test_packed(bits, array):
  codes = random_codes(2, 30, bits)
  read = read_codes(array(np.packbits(codes > 0, axis=1)), num_bits=bits)
  assert (len(read), read.num_bits) == codes.shape
  np.testing.assert_array_equal(read.signs(), codes)
  np.testing.assert_array_equal(bits_of(read.words64(), bits), codes > 0)
  plain = read_codes(codes)
  np.testing.assert_array_equal(read.words64(), plain.words64())
  np.testing.assert_array_equal(read.words32(), plain.words32())


def test_more_rows_than_are_read_at_once(monkeypatch):
  codes = random_codes(3, 50, 20)
  whole = read_codes(codes).words64()
  monkeypatch.setattr('jaxhash.search.codes.ROWS_AT_A_TIME', 7)
  np.testing.assert_array_equal(read_codes(codes).words64(), whole)
  codes[43, 5] = 3
  with pytest.raises(ValueError, match='row 43, bit 5 is 3'):
    read_codes(codes)


def test_what_was_read_is_not_read_again():
  codes = read_codes(random_codes(0, 3, 12))
  assert read_codes(codes) is codes
  assert read_codes(codes, num_bits=12) is codes
  with pytest.raises(ValueError, match='codes have 12 bits, not 8'):
    read_codes(codes, num_bits=8)


def test_rows_of_signs_and_rows_of_bits_do_not_mix(monkeypatch):
  monkeypatch.setattr('jaxhash.search.codes.ROWS_AT_A_TIME', 2)
  codes = np.array([[1, -1], [1, 1], [1, 0], [1, 1]])
  with pytest.raises(ValueError, match='row 2, bit 1 is 0'):
    read_codes(codes)


def test_more_rows_than_can_be_counted():
  many = np.broadcast_to(np.ones(3, bool), (2**31, 3))
  with pytest.raises(ValueError, match=r'more than 2\*\*31 - 1: 2147483648'):
    read_codes(many)


def test_packed_words_of_every_other_row():
  packed = np.random.default_rng(0).integers(0, 256, (10, 8), np.uint8)
  expected = read_codes(packed[::2].copy(), num_bits=64).words64()
  found = read_codes(packed[::2], num_bits=64).words64()
  np.testing.assert_array_equal(found, expected)
  shifted = np.frombuffer(b'x' + packed.tobytes(), np.uint8)[1:].reshape(10, 8)
  whole = read_codes(packed, num_bits=64).words64()
  np.testing.assert_array_equal(
    read_codes(shifted, num_bits=64).words64(), whole
  )


def test_packed_words_are_not_copied():
  packed = np.random.default_rng(0).integers(0, 256, (10, 8), np.uint8)
  words = read_codes(packed, num_bits=64).words64()
  assert np.shares_memory(words, packed)


def test_torch():
  torch = pytest.importorskip('torch')
  codes = random_codes(4, 5, 12)
  for dtype in (torch.int8, torch.float32, torch.bfloat16):
    tensor = torch.from_numpy(codes).to(dtype)
    np.testing.assert_array_equal(read_codes(tensor).signs(), codes)
  np.testing.assert_array_equal(
    read_codes(torch.from_numpy(codes) > 0).signs(), codes
  )


def test_uint8_bits_are_told_from_packed_ones():
  bits = np.array([[1, 0, 1, 1, 0, 0, 0, 0]], np.uint8)
  assert not read_codes(bits).packed
  assert not read_codes(bits, num_bits=8).packed
  packed = read_codes(bits, num_bits=64)
  assert packed.packed and packed.num_bits == 64


def test_under_jit():
  codes = random_codes(5, 6, 12)
  expected = (codes[:, None] != codes[None]).sum(-1)
  for form in (codes, codes > 0, jnp.asarray(codes)):
    np.testing.assert_array_equal(
      jax.jit(hamming_distances)(form, form), expected
    )
    closed_over = jax.jit(lambda x, y=form: hamming_distances(x, y))
    np.testing.assert_array_equal(closed_over(form), expected)
  packed = jnp.packbits(jnp.asarray(codes > 0), axis=1)
  np.testing.assert_array_equal(
    jax.jit(lambda x: hamming_distances(x, packed, num_bits=12))(codes),
    expected,
  )


SIGNS = np.ones((2, 4), np.int8)


@pytest.mark.parametrize(
  ('codes', 'num_bits', 'message'),
  [
    (SIGNS * np.array([[1], [0]]), None, None),
    (np.array([[1, -1], [0, 1]]), None, 'row 1, bit 0 is 0'),
    (np.array([[1, -1], [1, np.nan]]), None, 'row 1, bit 1 is nan'),
    (np.array([[0.2, 0.7]]), None, '-1/.1 or 0/1, but row 0, bit 0 is 0.2'),
    (np.array([[1, 2]], np.uint8), None, 'is 2; packed codes need num_bits'),
    (jnp.array([[1, 3]], jnp.uint8), None, 'bit 1 is 3; packed'),
    (SIGNS[0], None, r'real numbers \[n, num_bits\].*got int8 \[4\]'),
    (np.array([['a']]), None, 'real numbers'),
    (np.array([[1j]]), None, 'real numbers'),
    (SIGNS[:0], None, r'codes are empty: \[0, 4\]'),
    (SIGNS[:, :0], None, 'are empty'),
    (SIGNS, 5, 'must have 5 bits a row, got 4 of int8'),
    (np.zeros((2, 3), np.uint8), 12, '12 bits are 2 bytes a row.*got 3'),
    (np.array([[255, 255]], np.uint8), 12, 'in 4 zero bits.*row 0 ends in 255'),
    (SIGNS, 0, 'num_bits must be an int of at least 1, got 0'),
    (SIGNS, 4.0, 'num_bits must be an int'),
  ],
)
def test_bad_codes(codes, num_bits, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  if message is None:
    assert not read_codes(codes, num_bits=num_bits).packed
    return
  with pytest.raises(ValueError, match=message):
    read_codes(codes, num_bits=num_bits)
