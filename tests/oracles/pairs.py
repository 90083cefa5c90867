"""Losses on pairs, triplets and whole batches in NumPy loops.

From the equations alone. A function of pairs gives all of them, as a table
`[batch, others]`; which of them count is another table, of `counted_pairs`.
"""

import itertools
import math

import numpy as np

from tests.oracles.targets import cosine


def label_set(label):
  """The labels of one row: of an int, or of a multi-hot row."""
  if np.ndim(label) == 0:
    return {int(label)} if label >= 0 else set()
  return {j for j, hot in enumerate(label) if hot > 0}


def label_similarity(labels, others, *, soft=False):
  """Whether rows share a label; or the cosine of their label vectors."""

  def one(a, b):
    shared = len(a & b)
    if not soft:
      return float(shared > 0)
    return shared / math.sqrt(len(a) * len(b)) if shared else 0.0

  return table(one, map(label_set, labels), map(label_set, others))


def counted_pairs(labels, others=None, *, self_pairs=False, where=None):
  """Pairs of rows that have a label, without those of a row and itself."""
  first = [bool(label_set(label)) for label in labels]
  if where is not None:
    first = [a and bool(b) for a, b in zip(first, where)]
  if others is not None:
    second = [bool(label_set(label)) for label in others]
    return table(lambda a, b: a and b, first, second)
  pairs = table(lambda a, b: a and b, first, first)
  for i in range(len(first)):
    pairs[i, i] &= self_pairs
  return pairs


def table(fn, rows, columns):
  columns = list(columns)
  return np.array([[fn(row, column) for column in columns] for row in rows])


def dot(a, b):
  return sum(float(x) * float(y) for x, y in zip(a, b))


def l1(a, b):
  return sum(abs(float(x) - float(y)) for x, y in zip(a, b))


def squared(a, b):
  return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b))


def soft_hamming(a, b):
  """The expected number of bits that differ, over all outcomes of a bit."""
  total = 0.0
  for x, y in zip(map(float, a), map(float, b)):
    for bit, other in itertools.product((0, 1), repeat=2):
      probability = (x if bit else 1 - x) * (y if other else 1 - y)
      total += probability * (bit != other)
  return total


def hamming(a, b):
  return sum(int(x) != int(y) for x, y in zip(a, b))


def likelihood(codes, others, similarity, *, scale=0.5):
  """DPSH; -log p(s) with p(1) the logistic function of the inner product."""
  losses = np.zeros((len(codes), len(others)))
  for i, j in np.ndindex(losses.shape):
    p = 1 / (1 + math.exp(-scale * dot(codes[i], others[j])))
    s = float(similarity[i][j])
    losses[i, j] = -s * math.log(p) - (1 - s) * math.log(1 - p)
  return losses


def balance_weights(similarity, counts):
  """HashNet, DCH: n / n1 for similar pairs and n / n0 for the others."""
  kept = [float(s) for s in np.asarray(similarity)[np.asarray(counts)]]
  similar, dissimilar = sum(kept), sum(1 - s for s in kept)
  weights = np.zeros(np.shape(similarity))
  for i, j in np.ndindex(weights.shape):
    s = float(similarity[i][j])
    if similar > 0:
      weights[i, j] += s * len(kept) / similar
    if dissimilar > 0:
      weights[i, j] += (1 - s) * len(kept) / dissimilar
  return weights


def hinge(codes, others, similarity, *, margin, distance):
  """DHE: s d + (1 - s) [m - d]_+."""
  losses = np.zeros((len(codes), len(others)))
  for i, j in np.ndindex(losses.shape):
    d, s = distance(codes[i], others[j]), float(similarity[i][j])
    losses[i, j] = s * d + (1 - s) * max(0.0, margin - d)
  return losses


def dsh(codes, others, similarity):
  """DSH: S D / 2 + (1 - S) [2K - D]_+ / 2, D the squared distance."""
  margin = 2.0 * len(codes[0])
  return hinge(codes, others, similarity, margin=margin, distance=squared) / 2


def cauchy(codes, others, similarity, *, gamma=20.0):
  losses = np.zeros((len(codes), len(others)))
  for i, j in np.ndindex(losses.shape):
    d = len(codes[i]) / 2 * (1 - min(cosine(codes[i], others[j]), 0.99))
    s = float(similarity[i][j])
    losses[i, j] = s * math.log(d / gamma) + math.log(1 + gamma / d)
  return losses


def cauchy_quantization(codes, *, gamma=20.0):
  losses = []
  for row in codes:
    away = 1 - cosine([abs(float(u)) for u in row], [1] * len(row))
    losses.append(math.log(1 + len(row) / 2 * away / gamma))
  return losses


def quantified(codes, others, similarity, *, scale=0.5, soft_weight=0.1):
  """IDHN: a likelihood if s < .01 or s > .99, else a square."""
  losses = likelihood(codes, others, similarity, scale=scale)
  bits = len(codes[0])
  for i, j in np.ndindex(losses.shape):
    s = float(similarity[i][j])
    if 0.01 <= s <= 0.99:
      t = scale * dot(codes[i], others[j])
      losses[i, j] = soft_weight * (t + bits - 2 * s * bits) ** 2
  return losses


def triplets(codes, others, similarity, counts, *, margin=5.0, scale=1.0):
  """DTSH: the mean of each anchor that has a triplet, as {i: value}."""
  means = {}
  for i, anchor in enumerate(codes):
    scores = [scale * dot(anchor, other) for other in others]
    pairs = [j for j in range(len(others)) if counts[i][j]]
    terms = []
    for p, n in itertools.product(pairs, repeat=2):
      if similarity[i][p] > 0 and not similarity[i][n] > 0:
        t = scores[p] - scores[n] - margin
        terms.append(-(t - math.log(1 + math.exp(t))))
    if terms:
      means[i] = sum(terms) / len(terms)
  return means


def relative_distances(codes, distances, counts, *, gamma=0.1, rho=2.0):
  """SHREWD: w |dz / tau_z - d / tau_y| of the pairs that count, else 0."""
  pairs = [(i, j) for i, j in np.ndindex(np.shape(counts)) if counts[i][j]]
  between = {(i, j): l1(codes[i], codes[j]) for i, j in pairs}
  wanted = {(i, j): float(distances[i][j]) for i, j in pairs}
  tau_z = sum(between.values()) / len(pairs)
  tau_y = sum(wanted.values()) / len(pairs)
  losses = np.zeros(np.shape(counts))
  for pair in pairs:
    weight = gamma**rho / (gamma + wanted[pair]) ** rho
    losses[pair] = weight * abs(between[pair] / tau_z - wanted[pair] / tau_y)
  return losses


def nearest_neighbor_kl(codes, reference, *, epsilon=0.0):
  """The estimator's term of each row; their mean is the divergence."""
  rows, bits = len(codes), len(codes[0])

  def nearest(row, candidates):
    square = min(squared(row, candidate) for candidate in candidates)
    return math.sqrt(square + epsilon**2)

  losses = []
  for i, row in enumerate(codes):
    nu = nearest(row, reference)
    rho = nearest(row, [code for j, code in enumerate(codes) if j != i])
    share = math.log(len(reference) / (rows - 1))
    losses.append(bits * (math.log(nu) - math.log(rho)) + share)
  return losses


def log_cosh_quantization(codes):
  return [
    np.mean([math.log(math.cosh(abs(float(u)) - 1)) for u in row])
    for row in codes
  ]


def bit_variance(codes):
  """The variance of a bit that is 1 with probability a, from its moments."""
  return [
    sum(a * (1 - a) ** 2 + (1 - a) * (0 - a) ** 2 for a in map(float, row))
    for row in codes
  ]
