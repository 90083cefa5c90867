"""Losses and statistics of hashing without labels, in NumPy loops."""

import math

import numpy as np

from tests.oracles.pairs import dot, squared


def cosine(a, b):
  """0 where one is all zeros."""
  norms = math.sqrt(dot(a, a)) * math.sqrt(dot(b, b))
  return dot(a, b) / norms if norms else 0.0


def nt_xent(outputs, temperature, counts=None):
  """The cross-entropy of each row, the mean of its two outputs', as a list."""
  rows = len(outputs) // 2
  kept = [
    i for i in range(2 * rows) if counts is None or bool(counts[i % rows])
  ]
  losses = np.zeros(rows)
  for i in kept:
    positive = (i + rows) % (2 * rows)
    powers = {
      j: math.exp(cosine(outputs[i], outputs[j]) / temperature)
      for j in kept
      if j != i
    }
    losses[i % rows] -= math.log(powers[positive] / sum(powers.values())) / 2
  return losses


def bernoulli_kl(first, second):
  """Of probabilities; both directions of each row, and their mean."""

  def divergence(p, q):
    return sum(
      x * math.log(x / y) + (1 - x) * math.log((1 - x) / (1 - y))
      for x, y in zip(map(float, p), map(float, q))
    )

  return [
    (divergence(p, q) + divergence(q, p)) / 2 for p, q in zip(first, second)
  ]


def paired_cosine(codes, features):
  """The value of each pair of a row of the first half and one of the second."""
  half = len(codes) // 2
  return [
    (
      cosine(codes[i], codes[half + i])
      - cosine(features[i], features[half + i])
    )
    ** 2
    for i in range(half)
  ]


def distance_structure(distances, lower, upper):
  return np.array(
    [
      [1 if d < lower else -1 if d > upper else 0 for d in row]
      for row in distances
    ]
  )


def structure(codes, others, structure):
  losses = np.zeros((len(codes), len(others)))
  for i, j in np.ndindex(losses.shape):
    s = float(structure[i][j])
    losses[i, j] = abs(s) * (dot(codes[i], others[j]) / len(codes[i]) - s) ** 2
  return losses


def triplet_hinge(anchors, positives, negatives, weights, margin):
  return [
    float(w) * max(0.0, margin + squared(a, p) - squared(a, n))
    for a, p, n, w in zip(anchors, positives, negatives, weights)
  ]


def half_sign(logits):
  """One bit after another; rows in descending order, the first of equals."""
  codes = np.full(np.shape(logits), -1)
  for k, column in enumerate(np.transpose(logits)):
    order = sorted(range(len(column)), key=lambda i: (-float(column[i]), i))
    for i in order[: len(column) // 2]:
      codes[i, k] = 1
  return codes


def half_gaussians(features, *, factor, num_bins, mode_in_bin):
  """All distances in one list; two normal fits to a half and its mirror."""
  distances = np.array(
    [
      1 - cosine(features[i], features[j])
      for j in range(len(features))
      for i in range(j)
    ]
  )
  histogram, edges = np.histogram(distances, num_bins, (0, 2))
  fullest = int(np.argmax(histogram))
  mode = (1 - mode_in_bin) * edges[fullest] + mode_in_bin * edges[fullest + 1]
  fits = []
  for half in (distances[distances <= mode], distances[distances > mode]):
    both = np.concatenate([half, 2 * mode - half])
    fits.append((both.mean(), both.std()) if len(both) else (mode, 0.0))
  (m1, s1), (m2, s2) = fits
  return fits, m1 - factor * s1, m2 + factor * s2, histogram
