"""How well codewords agree with the similarity of their classes.

  python -m benchmarks.center_quality --bits=32 --bits=64 \\
      --similarity=runs/shc/stages/classifier-DIGEST/seed0/arrays.npz

The file is written by the stage "classifier" of a run of SHC:

  python -m experiments.train --workdir=runs/shc \\
      --config=experiments/configs/shc.py:digits

Prints for each construction: the semantic loss |S - H H^T / q|^2 / C^2 of SHC
(Chen et al. 2025, Table 3), as a ratio to that of MDSH's centers too, the rank
correlation of the nearness of two codewords with the similarity of their
classes, and the distances. MDSH and SHC have the least distance of Gilbert and
Varshamov by construction.
"""

from __future__ import annotations

import pathlib
import time
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from experiments import command_line
from jaxhash.codewords.class_similarity import rank_correlation
from jaxhash.codewords.mdsh import mdsh
from jaxhash.codewords.random import bernoulli, central
from jaxhash.codewords.semantic import semantic, semantic_loss
from jaxhash.codewords.separated import separated

SIMILARITY = flags.DEFINE_string(
  'similarity',
  None,
  'File of the finished stage "classifier" of SHC, arrays.npz; needed.',
)
BITS = flags.DEFINE_multi_integer(
  'bits', [16, 32, 64], 'Bits of a codeword', lower_bound=1
)
flags.declare_key_flag('debug')
SEED = flags.DEFINE_integer('seed', 0, 'Seed of all constructions.')

__all__ = ['main']


def main() -> None:
  """Prints a line for each construction and number of bits."""
  if SIMILARITY.value is None:
    command_line.fail('--similarity=FILE is needed: arrays.npz of a stage')
  path = pathlib.Path(SIMILARITY.value)
  matrix = command_line.prepare(lambda: _read(path))
  alike = jnp.asarray((matrix + matrix.T) / 2)
  key = jax.random.key(SEED.value)
  print(
    f'{"":10} {"bits":>4} {"loss/C^2":>8} {"of MDSH":>7} {"rho":>6} '
    f'{"least":>5} {"mean":>5} {"seconds":>7}'
  )
  for bits in BITS.value:
    constructions = {
      'mdsh': lambda bits=bits: mdsh(key, len(matrix), bits),
      'bernoulli': lambda bits=bits: bernoulli(key, len(matrix), bits),
      'csq': lambda bits=bits: central(key, len(matrix), bits),
      'separated': lambda bits=bits: separated(key, len(matrix), bits),
      'shc': lambda bits=bits: semantic(key, jnp.asarray(matrix), bits),
    }
    reference = None
    for name, construct in constructions.items():
      start = time.monotonic()
      made = construct()
      jax.block_until_ready(made.codewords)
      seconds = time.monotonic() - start
      loss = float(semantic_loss(made.codewords, jnp.asarray(matrix)))
      reference = reference or loss
      rho = rank_correlation(made.codewords, alike)
      print(
        f'{name:10} {bits:4} {loss / len(matrix) ** 2:8.4f} '
        f'{loss / reference:7.3f} {rho:6.3f} '
        f'{made.report["least_distance"]:5} '
        f'{made.report["mean_distance"]:5.1f} {seconds:7.1f}'
      )


def _read(path: pathlib.Path) -> np.ndarray:
  """The similarity that a stage has found.

  Raises:
    ValueError: the file has none.
  """
  try:
    with path.open('rb') as f, np.load(f) as arrays:
      similarity = arrays['similarity']
  except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
    raise ValueError(
      f'{path} has no array "similarity" ({e}); wanted the arrays.npz of a '
      'finished stage "classifier" of SHC'
    ) from e
  if (
    similarity.ndim != 2
    or similarity.shape[0] != similarity.shape[1]
    or not np.isfinite(similarity).all()
  ):
    raise ValueError(
      f'the similarity must be finite, [classes, classes]; {path} has '
      f'{list(similarity.shape)}'
    )
  return similarity


if __name__ == '__main__':
  command_line.run(main)
