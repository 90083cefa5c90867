"""How long the search of semantic hash centers takes, beside NumPy.

  python -m benchmarks.center_search
  python -m benchmarks.center_search --classes=100 --bits=32 --limit=10

The same search by `codewords.semantic` and by NumPy in the way it is usually
written: BLAS for every codeword, a Python loop over codewords. The number of
visits to codewords is the same; other flips are drawn at random.
`paper` is its augmented Lagrangian alone, `whole` also the annealing and the
polishing. Compilation is timed apart. Where NumPy would take longer than
--limit it makes a part of the iterations, from which its time is extrapolated;
the losses are then those of both after that part. The similarity is that of
noisy logits of classes in a random tree. Prints a table.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from benchmarks.measure import table
from jaxhash import commands
from jaxhash.codewords import _semantic_moves as moves
from jaxhash.codewords.bounds import gilbert_varshamov_distance
from jaxhash.codewords.class_similarity import similarity_from_logits
from jaxhash.codewords.semantic import semantic
from jaxhash.codewords.separated import separated

CLASSES = flags.DEFINE_integer('classes', 1000, 'Number of classes, C.')
BITS = flags.DEFINE_integer('bits', 64, 'Bits of a codeword, q.')
ITERATIONS = flags.DEFINE_integer(
  'iterations', 20, 'Iterations of the augmented Lagrangian.'
)
SWEEPS = flags.DEFINE_integer(
  'annealing_sweeps', 1200, 'Sweeps of the annealing over all codewords.'
)
LIMIT = flags.DEFINE_float(
  'limit', 60.0, 'Seconds that NumPy may take for a search, about.'
)
THREADS = flags.DEFINE_integer('threads', 2, 'CPUs that both sides may use.')

MU, RHO, BETA, ETA = 6.25e-5, 0.2, 1e-6, 0.5
INNER_SWEEPS, POLISHING_SWEEPS = 3, 100
TEMPERATURES = (0.3, 0.05)
COLUMNS = ['search', 'compile s', 'ours s', 'NumPy s', 'ratio', 'of it']
COLUMNS += ['loss / C^2: start', 'ours', 'NumPy']


class Setting(NamedTuple):
  """A problem that both solve."""

  similarity: np.ndarray
  start: np.ndarray
  distance: int


class Counts(NamedTuple):
  """How often each step is made."""

  iterations: int
  annealing: int
  polishing: int


def main() -> None:
  """Prints the table."""
  cpus = sorted(os.sched_getaffinity(0))[: THREADS.value]
  os.sched_setaffinity(0, cpus)
  count, bits = CLASSES.value, BITS.value
  distance = gilbert_varshamov_distance(count, bits)
  start = separated(jax.random.key(0), count, bits, distance=distance)
  setting = Setting(
    tree_similarity(0, count),
    np.asarray(start.codewords, np.float32),
    distance,
  )
  rows = [
    _compare('paper', setting, Counts(ITERATIONS.value, 0, 0)),
    _compare(
      'whole',
      setting,
      Counts(ITERATIONS.value, SWEEPS.value, POLISHING_SWEEPS),
    ),
  ]
  print(f'{count} classes, {bits} bits, least distance {distance}')
  print(table(COLUMNS, rows))


def tree_similarity(seed: int, count: int) -> np.ndarray:
  """Similarity of classes that are leaves of a random tree."""
  rng = np.random.default_rng(seed)
  means, node = np.zeros((count, 64)), np.zeros(count, np.int64)
  for branches in (8, 5, 5):
    node = node * branches + rng.integers(0, branches, count)
    means += rng.normal(size=(8 * 5 * 5, 64))[node]
  means += 0.7 * rng.normal(size=means.shape)
  means /= np.linalg.norm(means, axis=1, keepdims=True)
  labels = np.repeat(np.arange(count), 10)
  features = means[labels] + rng.normal(size=(len(labels), 64)) / 8
  logits = (5 * features @ means.T).astype(np.float32)
  return np.asarray(
    similarity_from_logits(jnp.asarray(logits), jnp.asarray(labels))
  )


def _compare(name: str, setting: Setting, counts: Counts) -> list[Any]:
  once = Counts(1, 1, 1)
  compiled = _seconds(lambda: _ours(setting, once))[0]
  compiled -= _seconds(lambda: _ours(setting, once))[0]
  seconds, found = _seconds(lambda: _ours(setting, counts))
  share, peer_seconds, peer = _numpy_within_limit(setting, counts)
  if share < 1:
    found = _ours(setting, _part(counts, share))
  return [
    name,
    f'{max(compiled, 0):.1f}',
    f'{seconds:.2f}',
    f'{peer_seconds:.2f}',
    f'{peer_seconds / seconds:.1f}',
    f'{share:.0%}',
    *(f'{_loss(setting, h):.5f}' for h in (setting.start, found, peer)),
  ]


def _seconds(call: Callable[[], Any]) -> tuple[float, Any]:
  start = time.perf_counter()
  result = call()
  return time.perf_counter() - start, result


def _part(counts: Counts, share: float) -> Counts:
  return counts._replace(
    iterations=math.ceil(share * counts.iterations),
    annealing=math.ceil(share * counts.annealing),
  )


def _numpy_within_limit(
  setting: Setting, counts: Counts
) -> tuple[float, float, np.ndarray]:
  """The share of the search that was made, seconds of all, codewords."""
  few = _part(counts, 0.05)
  seconds, _ = _seconds(lambda: _numpy(setting, few))
  share = min(1.0, LIMIT.value / (seconds * 20))
  if share < 1:
    counts = _part(counts, share)
  seconds, found = _seconds(lambda: _numpy(setting, counts))
  return share, seconds / share, found


def _loss(setting: Setting, h: np.ndarray) -> float:
  h = h.astype(np.float64)
  error = setting.similarity - h @ h.T / h.shape[1]
  return float((error**2).mean())


def _ours(setting: Setting, counts: Counts) -> np.ndarray:
  found = semantic(
    jax.random.key(1),
    jnp.asarray(setting.similarity),
    setting.start.shape[1],
    distance=setting.distance,
    start=setting.start,
    mu=MU,
    num_restarts=1,
    num_iterations=counts.iterations,
    num_sweeps=INNER_SWEEPS,
    rho=RHO,
    beta=BETA,
    eta=ETA,
    num_annealing_sweeps=counts.annealing,
    temperatures=TEMPERATURES,
    num_polishing_sweeps=counts.polishing,
  )
  return np.asarray(found.codewords)


def _numpy(setting: Setting, counts: Counts) -> np.ndarray:
  rng = np.random.default_rng(0)
  h, s = setting.start.copy(), setting.similarity
  count, bits = h.shape
  bound = np.float32(bits - 2 * setting.distance)
  h = _numpy_lagrangian(h, s, bound, counts.iterations)
  unit = moves.flip_cost(count, bits)
  first, last = TEMPERATURES
  best, least = h.copy(), _numpy_loss(h, s)
  shape = (count, bits + 1)
  for t in range(counts.annealing):
    temperature = first * (last / first) ** (t / max(counts.annealing - 1, 1))
    noise = rng.gumbel(size=shape).astype(np.float32)
    _numpy_flips(h, s, bound, np.float32(unit * temperature) * noise)
    if t % moves.SWEEPS_A_SWAP == 0:
      _numpy_swaps(h, s)
    loss = _numpy_loss(h, s)
    if loss < least:
      best, least = h.copy(), loss
  quiet = np.zeros(shape, np.float32)
  for _ in range(counts.polishing):
    flipped = _numpy_flips(best, s, bound, quiet)
    if not _numpy_swaps(best, s) and not flipped:
      break
  return best


def _numpy_loss(h: np.ndarray, s: np.ndarray) -> float:
  p = h @ h.T
  return float(((s - p / h.shape[1]) ** 2).sum() + MU * (p.sum() - p.trace()))


def _numpy_lagrangian(
  h: np.ndarray, s: np.ndarray, bound: np.float32, iterations: int
) -> np.ndarray:
  count, bits = h.shape
  lam, alpha = np.full_like(h, 0.1), np.zeros_like(s)
  best, least = h.copy(), _numpy_loss(h, s)
  for _ in range(iterations):
    left = 2 / bits**2 * h.T @ h + RHO * np.eye(bits, dtype=np.float32)
    m = np.linalg.solve(left, (2 / bits * s @ h + lam + RHO * h).T).T
    slack = np.maximum(bound - h @ h.T + alpha / BETA, 0)
    gram, target = 2 / bits**2 * m.T @ m, 2 / bits * s @ m
    for _ in range(INNER_SWEEPS):
      for i in range(count):
        p = h @ h[i]
        weights = 2 * (MU - alpha[i] + BETA * (p - bound + slack[i]))
        weights[i] = 0
        g = gram @ h[i] - target[i] + lam[i] + RHO * (h[i] - m[i]) + weights @ h
        new = np.where(h[i] - g / ETA >= 0, np.float32(1), np.float32(-1))
        p = h @ new
        p[i] = -bits
        if p.max() <= bound:
          h[i] = new
      loss = _numpy_loss(h, s)
      if loss < least:
        best, least = h.copy(), loss
    gap = bound - h @ h.T - slack
    np.fill_diagonal(gap, 0)
    lam, alpha = lam + RHO * (h - m), alpha + BETA * gap
  return best


def _numpy_flips(
  h: np.ndarray, s: np.ndarray, bound: np.float32, noise: np.ndarray
) -> bool:
  count, bits = h.shape
  cost, found = moves.flip_cost(count, bits), False
  both = np.empty((2, count), np.float32)
  for i in range(count):
    p = h @ h[i]
    p[i] = -bits
    both[0] = s[i] - p / bits - MU * bits / 2
    both[0, i] = 0
    both[1] = p >= bound
    sums = both @ h
    change = 8 / bits * h[i] * sums[0] + cost - noise[i, :-1]
    change[both[1].sum() - h[i] * sums[1] > 0.5] = np.inf
    k = change.argmin()
    if change[k] < -noise[i, -1] - moves.LEAST_GAIN * cost:
      h[i, k], found = -h[i, k], True
  return found


def _numpy_swaps(h: np.ndarray, s: np.ndarray) -> bool:
  count, bits = h.shape
  p, sh = h @ h.T, s @ h
  w = sh @ h.T
  own_w, own_s = np.diagonal(w), np.diagonal(s)
  total = w + w.T - own_w[:, None] - own_w[None, :]
  total -= (own_s[:, None] + own_s[None, :] - 2 * s) * (p - bits)
  change = -4 / bits * total
  np.fill_diagonal(change, 0)
  partner, best = change.argmin(axis=1), change.min(axis=1)
  enough = best < -moves.LEAST_GAIN * moves.flip_cost(count, bits)
  if not enough.any():
    return False
  mutual = enough & (partner[partner] == np.arange(count))
  many = h[np.where(mutual, partner, np.arange(count))]
  a = best.argmin()
  if -2 / bits * (((s @ many) * many).sum() - (sh * h).sum()) < best[a]:
    h[:] = many
  else:
    h[[a, partner[a]]] = h[[partner[a], a]]
  return True


if __name__ == '__main__':
  commands.run(main)
