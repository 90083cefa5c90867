"""How well codewords agree with the similarity of their classes.

  python -m benchmarks.center_quality \\
      --similarity=runs/shc/stages/classifier/arrays.npz --bits=16,32,64

For each construction: the semantic loss |S - H H^T / q|^2 / C^2 of SHC (Chen et
al. 2025, Table 3), as a ratio to that of MDSH's centers too, Spearman's
correlation of the distance of two codewords with the similarity of their
classes (it should be negative), and the distances. MDSH and SHC have the
least distance of Gilbert and Varshamov by construction.
"""

from __future__ import annotations

import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from scipy import stats

from experiments import command_line
from jaxhash.codewords.mdsh import mdsh
from jaxhash.codewords.random import bernoulli, central
from jaxhash.codewords.semantic import semantic, semantic_loss
from jaxhash.codewords.separated import separated
from jaxhash.search import hamming_distances

SIMILARITY = flags.DEFINE_string(
  'similarity', None, 'Arrays of a finished stage "classifier" of SHC.'
)
BITS = flags.DEFINE_list('bits', ['16', '32', '64'], 'Bits of the codewords.')
SEED = flags.DEFINE_integer('seed', 0, 'Of all constructions.')

__all__ = ['main']


def main() -> None:
  """Prints a line for each construction and number of bits."""
  if SIMILARITY.value is None:
    command_line.fail('--similarity=FILE is needed: arrays.npz of a stage')
  path = pathlib.Path(SIMILARITY.value)
  matrix = command_line.prepare(lambda: np.load(path)['similarity'])
  key = jax.random.key(SEED.value)
  print(
    f'{"":10} {"bits":>4} {"loss/C^2":>8} {"of MDSH":>7} {"rho":>6} '
    f'{"least":>5} {"mean":>5} {"seconds":>7}'
  )
  for bits in map(int, BITS.value):
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
      print(
        f'{name:10} {bits:4} {loss / len(matrix) ** 2:8.4f} '
        f'{loss / reference:7.3f} {_rho(made.codewords, matrix):6.3f} '
        f'{made.report["least_distance"]:5} '
        f'{made.report["mean_distance"]:5.1f} {seconds:7.1f}'
      )


def _rho(codewords: jax.Array, similarity: np.ndarray) -> float:
  upper = np.triu_indices(len(similarity), 1)
  distances = np.asarray(hamming_distances(codewords, codewords))
  return float(stats.spearmanr(distances[upper], similarity[upper])[0])


if __name__ == '__main__':
  command_line.run(main)
