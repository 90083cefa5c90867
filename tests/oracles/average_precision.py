"""Average precision by its definition, over every order of tied items."""

import itertools


def orders(distances, relevant):
  """Every ranking of the relevances that the distances allow."""
  groups = [
    [r for d, r in zip(distances, relevant) if d == value]
    for value in sorted(set(distances))
  ]
  for parts in itertools.product(*map(itertools.permutations, groups)):
    yield [r for part in parts for r in part]


def average_precision(ranked, at, denominator, area='steps'):
  """AP of one ranking, and whether its denominator is not 0."""
  at = len(ranked) if at is None else min(at, len(ranked))
  found, total = 0, 0.0
  for i in range(at):
    if ranked[i]:
      found += 1
      precision = found / (i + 1)
      if area == 'trapezoids':
        ahead = (found - 1) / i if i else 1.0
        precision = (ahead + precision) / 2
      total += precision
  divisor = {
    'retrieved': found,
    'relevant': sum(ranked),
    'min': min(sum(ranked), at),
  }[denominator]
  return (total / divisor, 1) if divisor else (0.0, 0)


def expected(distances, relevant, at, denominator, area='steps'):
  """Means of both over all orders."""
  results = [
    average_precision(ranked, at, denominator, area)
    for ranked in orders(distances, relevant)
  ]
  return tuple(sum(column) / len(results) for column in zip(*results))


def precision_recall(distances, relevant, k):
  """Mean precision and recall of the first k over all orders."""
  found = [sum(ranked[:k]) for ranked in orders(distances, relevant)]
  mean = sum(found) / len(found)
  return mean / k, mean / max(sum(relevant), 1)
