"""Public evaluators in our own words, each with the sort as an argument.

What each computes, and in which order, is as in its source; see
`jaxhash.metrics.published`. `sort` takes distances and gives an order.
"""

import numpy as np


def stable(distances):
  return np.argsort(distances, kind='stable')


def unstable(distances):
  return np.argsort(distances)


def _hits(query_labels, database_labels):
  return (query_labels[:, None] * database_labels[None]).sum(-1) > 0


def deephash_pytorch(query, database, query_labels, labels, topk, sort):
  """Mean over all queries; a slice up to topk, which may be -1."""
  hits, total = _hits(query_labels, labels), 0.0
  for code, relevant in zip(query, hits):
    distances = 0.5 * (query.shape[1] - code.astype(int) @ database.T)
    ranks = np.flatnonzero(relevant[sort(distances)][0:topk]) + 1.0
    if len(ranks):
      total += np.mean(np.arange(1, len(ranks) + 1) / ranks)
  return total / len(query)


def _precision_sum(hits, R):
  cumulative = np.cumsum(hits)
  return np.sum(cumulative / np.arange(1, R + 1) * hits) / max(hits.sum(), 1)


def orthohash(query, database, query_labels, labels, R, sort):
  """Mean over all queries, 0 for those that find nothing."""
  hits, values = _hits(query_labels, labels), []
  for code, relevant in zip(query, hits):
    distances = 0.5 * (query.shape[1] - code.astype(int) @ database.T)
    values.append(_precision_sum(relevant[sort(distances)[:R]], R))
  return np.mean(values)


def hashnet(query, database, query_labels, labels, R, sort):
  """Mean over the queries that find something, by the inner product."""
  hits, values = _hits(query_labels, labels), []
  for code, relevant in zip(query, hits):
    found = relevant[sort(-(database.astype(int) @ code))[:R]]
    if found.any():
      values.append(_precision_sum(found, R))
  return np.mean(values)


def thulab(query, database, query_labels, labels, R, sort):
  """As HashNet, but it first selects R items, then sorts these."""
  hits, values = _hits(query_labels, labels), []
  for code, relevant in zip(query, hits):
    distances = -(database.astype(int) @ code)
    if sort is stable:
      chosen = sort(distances)[:R]
    else:
      chosen = np.argpartition(distances, R - 1)[:R]
    found = relevant[chosen[sort(distances[chosen])]]
    if found.any():
      values.append(_precision_sum(found, R))
  return np.mean(values)


def revisitop(query, database, relevant, ignored, sort):
  """Mean of the areas by trapezoids, over the queries that have positives."""
  values = []
  for code, positive, junk in zip(query, relevant, ignored):
    if not len(positive):
      continue
    ranked = sort(-(database.astype(int) @ code))
    kept = ranked[~np.isin(ranked, junk)]
    places = np.flatnonzero(np.isin(kept, positive))
    area = 0.0
    for j, place in enumerate(places):
      before = 1.0 if place == 0 else j / place
      area += (before + (j + 1) / (place + 1)) / 2
    values.append(area / len(positive))
  return np.mean(values)
