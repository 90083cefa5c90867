"""Retrieval metrics by their definitions, of one ranking at a time."""

import math

import numpy as np


def dcg(gains, k):
  return sum(g / math.log2(1 + i) for i, g in enumerate(gains[:k], start=1))


def ndcg(ranked_gains, k):
  best = dcg(sorted(ranked_gains, reverse=True), k)
  return dcg(ranked_gains, k) / best if best else 0.0


def hierarchical_precision(ranked, k):
  """HP@1 to HP@k of the similarities in ranked order."""
  best = sorted(ranked, reverse=True)
  values = []
  for i in range(1, k + 1):
    most = sum(best[:i])
    values.append(sum(ranked[:i]) / most if most else 0.0)
  return values


def average_hierarchical_precision(ranked, k):
  """The area by NumPy's own trapezoids."""
  return float(np.trapezoid(hierarchical_precision(ranked, k), dx=1 / k))
