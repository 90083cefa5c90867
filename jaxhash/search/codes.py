"""Binary codes in whatever form they come, checked before anything is done."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int8, UInt32, UInt64

from jaxhash import binarize
from jaxhash._checks import check_int

__all__ = ['AnyArray', 'Codes', 'check_same_bits', 'read_array', 'read_codes']

# NumPy, JAX, or anything with DLPack, such as a torch tensor.
#: NumPy, JAX, or anything with DLPack.
AnyArray = Any

ROWS_AT_A_TIME = 2**16
MOST_ROWS = 2**31 - 1  # counts and indices are int32


@dataclasses.dataclass(frozen=True)
class Codes:
  """Binary codes that were checked; see `read_codes`.

  Attributes:
    array: as they came, `[n, num_bits]`, or uint8 `[n, ceil(num_bits / 8)]`
      where they are packed.
    num_bits: bits of a code.
    packed: whether they are packed.
  """

  array: Any
  num_bits: int
  packed: bool

  def __len__(self) -> int:
    return len(self.array)

  @property
  def traced(self) -> bool:
    """Whether they are an argument of what is being traced."""
    return isinstance(self.array, jax.core.Tracer)

  def rows(self, start: int, stop: int) -> Codes:
    """The codes of some rows."""
    return dataclasses.replace(self, array=self.array[start:stop])

  def signs(self) -> Int8[Array, 'n bits']:
    """The codes as -1/+1 on the default device."""
    if self.packed:
      return binarize.unpack(jnp.asarray(self.array), self.num_bits)
    bits = _as_bits(jnp.asarray(self.array))
    return jnp.where(bits, jnp.int8(1), jnp.int8(-1))

  def words32(self) -> UInt32[Array, 'words n']:
    """The codes as 32-bit words on the default device, padded with zeros."""
    packed = (
      jnp.asarray(self.array)
      if self.packed
      else jnp.packbits(_as_bits(jnp.asarray(self.array)), axis=-1)
    )
    packed = jnp.pad(packed, ((0, 0), (0, -packed.shape[1] % 4)))
    words = packed.reshape(len(packed), -1, 4)
    return jax.lax.bitcast_convert_type(words, jnp.uint32).T

  def words64(self) -> UInt64[np.ndarray, 'words n']:
    """The codes as 64-bit words on the host, padded with zeros."""
    array, packed = self.array, self.packed
    if isinstance(array, jax.Array) and not packed:
      array, packed = jnp.packbits(_as_bits(array), axis=-1), True
    array = np.asarray(array)
    num_bytes = -(-self.num_bits // 8)
    num_words = -(-num_bytes // 8)
    if packed and num_bytes == 8 and array.flags.carray:
      return array.view(np.uint64).T
    words = np.empty((num_words, len(array)), np.uint64)
    for i in range(0, len(array), ROWS_AT_A_TIME):
      rows = array[i : i + ROWS_AT_A_TIME]
      padded = np.zeros((len(rows), 8 * num_words), np.uint8)
      padded[:, :num_bytes] = (
        rows if packed else np.packbits(_as_bits(rows), axis=1)
      )
      words[:, i : i + len(rows)] = padded.view(np.uint64).T
    return words


def read_codes(
  codes: AnyArray, name: str = 'codes', num_bits: int | None = None
) -> Codes:
  """Checks codes, and notes what they are.

  Args:
    codes: `[n, num_bits]`, -1/+1, 0/1 or bool, in any dtype; or packed, uint8
      `[n, ceil(num_bits / 8)]` in `numpy.packbits` order. NumPy, JAX, or
      anything with DLPack. The values of traced arrays are not checked. What
      was read before is given back.
    name: what they are called in the error, such as `query codes`.
    num_bits: bits of a code. Needed for packed codes, and what says that
      uint8 codes are packed; codes of one bit never are.

  Returns:
    The codes in the form they came in; nothing is copied.

  Raises:
    ValueError: they are anything else, empty, or too many to be counted by
      int32.

  Example:
    >>> read_codes(np.array([[-1, 1, 1]])).words64().tolist()
    [[96]]
    >>> read_codes(np.array([[96]], np.uint8), num_bits=3).signs().tolist()
    [[-1, 1, 1]]
    >>> read_codes(np.array([[0.3, -1.0]]), 'query codes')
    Traceback (most recent call last):
      ...
    ValueError: query codes must be -1/+1 or 0/1, but row 0, bit 0 is 0.3
  """
  if num_bits is not None:
    check_int('num_bits', num_bits, 1)
  if isinstance(codes, Codes):
    if num_bits not in (None, codes.num_bits):
      raise ValueError(f'{name} have {codes.num_bits} bits, not {num_bits}')
    return codes
  codes = read_array(codes)
  if codes.ndim != 2 or not _is_real(codes.dtype):
    raise ValueError(
      f'{name} must be real numbers [n, num_bits], or packed, got '
      f'{codes.dtype} {list(codes.shape)}'
    )
  if 0 in codes.shape:
    raise ValueError(f'{name} are empty: {list(codes.shape)}')
  if len(codes) > MOST_ROWS:
    raise ValueError(f'{name} are more than 2**31 - 1: {len(codes)}')
  width = codes.shape[1]
  if num_bits is not None and codes.dtype == np.uint8:
    if width == -(-num_bits // 8) and (width > 1 or num_bits > 1):
      with jax.ensure_compile_time_eval():
        _check_padding(codes, name, int(num_bits))
      return Codes(codes, int(num_bits), packed=True)
    if width != num_bits:
      raise ValueError(
        f'{name} of {num_bits} bits are {-(-num_bits // 8)} bytes a row when '
        f'packed, got {width}'
      )
  elif num_bits not in (None, width):
    raise ValueError(
      f'{name} must have {num_bits} bits a row, got {width} of {codes.dtype}'
    )
  if not isinstance(codes, jax.core.Tracer):
    # A constant may be closed over by what is being traced.
    with jax.ensure_compile_time_eval():
      _check_values(codes, name)
  return Codes(codes, width, packed=False)


def check_same_bits(query: Codes, database: Codes) -> None:
  """Checks that queries and database have codes of the same length.

  Args:
    query: from `read_codes`.
    database: from `read_codes`.

  Raises:
    ValueError: the numbers of bits differ.

  Example:
    >>> check_same_bits(
    ...   read_codes(np.ones((1, 8))), read_codes(np.ones((2, 9)))
    ... )
    Traceback (most recent call last):
      ...
    ValueError: query codes have 8 bits, database codes 9
  """
  if query.num_bits != database.num_bits:
    raise ValueError(
      f'query codes have {query.num_bits} bits, database codes '
      f'{database.num_bits}'
    )


def read_array(array: AnyArray) -> Array | np.ndarray:
  """An array without a copy where that can be: NumPy on a CPU, else JAX.

  Args:
    array: NumPy, JAX, anything with DLPack, or nested sequences of numbers.

  Returns:
    A JAX array as it is, others as NumPy; on an accelerator as JAX.

  Example:
    >>> read_array([[1, 2]]).shape
    (1, 2)
  """
  if isinstance(array, np.ndarray | jax.Array):
    return array
  if hasattr(array, '__dlpack__'):
    try:
      return np.from_dlpack(array)
    except (BufferError, RuntimeError, TypeError):
      return jnp.from_dlpack(array)  # an accelerator's, or bfloat16
  return np.asarray(array)


def _as_bits(array: Array | np.ndarray) -> Array | np.ndarray:
  return array if array.dtype == np.bool_ else array > 0


def _is_real(dtype: np.dtype) -> bool:
  return bool(dtype == np.bool_ or jnp.issubdtype(dtype, jnp.number)) and not (
    jnp.issubdtype(dtype, jnp.complexfloating)
  )


def _check_values(codes: Array | np.ndarray, name: str) -> None:
  """Other values would be counted, differently by each backend."""
  if codes.dtype == np.bool_:
    return
  signs, bits = not jnp.issubdtype(codes.dtype, jnp.unsignedinteger), True
  for i in range(0, len(codes), ROWS_AT_A_TIME):
    rows = codes[i : i + ROWS_AT_A_TIME]
    signs = signs and bool(((rows == 1) | (rows == -1)).all())
    bits = bits and bool(((rows == 1) | (rows == 0)).all())
    if not (signs or bits):
      break
  else:
    return
  values = np.asarray(codes)
  low = -1 if (values == -1).any() else 0
  row, bit = np.argwhere((values != 1) & (values != low))[0].tolist()
  hint = '; packed codes need num_bits' if values.dtype == np.uint8 else ''
  raise ValueError(
    f'{name} must be -1/+1 or 0/1, but row {row}, bit {bit} is '
    f'{values[row, bit]}{hint}'
  )


def _check_padding(codes: Array | np.ndarray, name: str, num_bits: int) -> None:
  """Bits beyond the code would be counted."""
  spare = -num_bits % 8
  if not spare or isinstance(codes, jax.core.Tracer):
    return
  bad = np.asarray((codes[:, -1] & np.uint8(2**spare - 1)) > 0)
  if bad.any():
    row = int(bad.argmax())
    raise ValueError(
      f'{name} of {num_bits} bits must end in {spare} zero bits when packed '
      f'(numpy.packbits order), but row {row} ends in {codes[row, -1]}'
    )
