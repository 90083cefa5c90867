"""Losses against codewords in NumPy loops, from the equations alone."""

import math

import numpy as np

from tests.oracles.adalabelhash import positives


def cosine(a, b):
  dot = sum(float(x) * float(y) for x, y in zip(a, b))
  norms = math.sqrt(sum(float(x) ** 2 for x in a)) * math.sqrt(
    sum(float(y) ** 2 for y in b)
  )
  return dot / norms


def orthohash(logits, codewords, labels, *, scale, margin, angular=False):
  """The loss of each row that has a label, as {n: value}."""
  losses = {}
  for n, (row, label) in enumerate(zip(logits, labels)):
    own = positives(label, len(codewords))
    if not own:
      continue
    scores = []
    for i, word in enumerate(codewords):
      value = cosine(row, word)
      if i in own and angular:
        clipped = min(max(value, -0.99999), 0.99999)
        value = math.cos(math.acos(clipped) + margin)
      elif i in own:
        value -= margin
      scores.append(scale * value)
    total = sum(math.exp(s) for s in scores)
    losses[n] = -sum(
      math.log(math.exp(scores[i]) / total) / len(own) for i in own
    )
  return losses


def one_vs_rest(logits, codewords, labels, *, scale):
  losses = {}
  for n, (row, label) in enumerate(zip(logits, labels)):
    own = positives(label, len(codewords))
    if not own:
      continue
    powers = [math.exp(scale * cosine(row, word)) for word in codewords]
    p = [x / sum(powers) for x in powers]
    terms = [
      math.log(x) if i in own else math.log(1 - x) for i, x in enumerate(p)
    ]
    losses[n] = -sum(terms) / len(codewords)
  return losses


def bit_cross_entropy(probability, bit):
  return -(bit * math.log(probability) + (1 - bit) * math.log(1 - probability))


def central_similarity(logits, targets):
  """CSQ as it is printed: with tanh, and the logarithm of it."""
  return [
    np.mean(
      [
        bit_cross_entropy((math.tanh(a) + 1) / 2, (t + 1) / 2)
        for a, t in zip(row, target)
      ]
    )
    for row, target in zip(logits, targets)
  ]


def polarization(logits, targets, *, margin=1.0):
  return [
    np.mean([max(0.0, margin - a * t) for a, t in zip(row, target)])
    for row, target in zip(logits, targets)
  ]


def classification(scores, labels):
  losses = {}
  for n, (row, label) in enumerate(zip(scores, labels)):
    own = positives(label, len(row))
    if not own:
      continue
    if np.ndim(label) == 0:
      total = sum(math.exp(s) for s in row)
      losses[n] = -math.log(math.exp(row[own[0]]) / total)
    else:
      losses[n] = np.mean(
        [
          bit_cross_entropy(1 / (1 + math.exp(-s)), float(i in own))
          for i, s in enumerate(row)
        ]
      )
  return losses


def power_quantization(codes, power):
  return [np.mean([abs(abs(u) - 1) ** power for u in row]) for row in codes]


def cosine_quantization(logits):
  return [1 - cosine(row, [1 if v >= 0 else -1 for v in row]) for row in logits]


def majority(codewords, labels, tie_break):
  """The sign of the sum of the own codewords, ties by a fixed code."""
  targets = []
  for label in labels:
    own = positives(label, len(codewords))
    total = sum((np.asarray(codewords[j], int) for j in own), 0 * tie_break)
    targets.append(np.where(total == 0, tie_break, np.sign(total)))
  return np.array(targets)
