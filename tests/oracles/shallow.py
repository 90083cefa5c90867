"""Shallow methods in NumPy loops, float64, from the equations alone."""

import itertools
import math

import numpy as np


def sign(x):
  return np.where(np.asarray(x) >= 0, 1, -1)


def principal(features, num_components):
  """Mean and directions, largest entry of each positive."""
  mean = features.mean(0)
  _, _, directions = np.linalg.svd(features - mean, full_matrices=False)
  kept = [
    direction * (1 if direction[np.abs(direction).argmax()] > 0 else -1)
    for direction in directions[:num_components]
  ]
  return mean, np.stack(kept, 1)


def smoothest(lengths, num_modes):
  """(omega^2, axis, k) of the smoothest eigenfunctions of a box."""
  found = [
    ((k * math.pi / length) ** 2, axis, k)
    for axis, length in enumerate(lengths)
    for k in range(1, num_modes + 1)
  ]
  return sorted(found, key=lambda x: x[0])[:num_modes]


def spectral_codes(train, features, num_bits):
  mean, directions = principal(train, min(num_bits, train.shape[1]))
  box = (train - mean) @ directions
  low, lengths = box.min(0), box.max(0) - box.min(0)
  projected = (features - mean) @ directions
  codes = []
  for square, axis, _ in smoothest(lengths, num_bits):
    along = projected[:, axis] - low[axis]
    codes.append(sign(np.sin(math.pi / 2 + math.sqrt(square) * along)))
  return np.stack(codes, 1)


def nearest(vectors, codebooks):
  """Ids and squared distances, by vector and subspace."""
  width = codebooks.shape[2]
  ids, errors = [], []
  for vector in vectors:
    distances = [
      [((vector[m * width : (m + 1) * width] - c) ** 2).sum() for c in book]
      for m, book in enumerate(codebooks)
    ]
    ids.append([int(np.argmin(x)) for x in distances])
    errors.append([min(x) for x in distances])
  return np.array(ids), np.array(errors)


def reconstruct(ids, codebooks):
  return np.array(
    [np.concatenate([codebooks[m][i] for m, i in enumerate(x)]) for x in ids]
  )


def means(vectors, ids, codebooks):
  """One update of Lloyd; an empty codeword is NaN."""
  result = np.full(codebooks.shape, np.nan)
  num_subspaces, num_codewords, width = codebooks.shape
  for m, k in itertools.product(range(num_subspaces), range(num_codewords)):
    rows = [x for x, row in zip(vectors, ids) if row[m] == k]
    if rows:
      result[m, k] = np.mean(rows, 0)[m * width : (m + 1) * width]
  return result


def deal(variances, num_subspaces):
  """Components of each subspace: to the least product that has room."""
  room = len(variances) // num_subspaces
  variances = np.asarray(variances) / min(variances)
  dealt = [[] for _ in range(num_subspaces)]
  for i in range(len(variances)):
    products = [
      np.prod([variances[j] for j in x]) if len(x) < room else math.inf
      for x in dealt
    ]
    dealt[int(np.argmin(products))].append(i)
  return dealt


def procrustes(a, b):
  """The orthogonal R of least |a R - b|, by the polar decomposition."""
  m = a.T @ b
  values, vectors = np.linalg.eigh(m.T @ m)
  return m @ (vectors / np.sqrt(values)) @ vectors.T


def kernel(rows, anchors, width):
  return np.array(
    [
      [math.exp(-((x - a) ** 2).sum() / (2 * width)) for a in anchors]
      for x in rows
    ]
  )


def similarity(labels):
  """S of all pairs: 1 or -1, and 0 where a row has no label."""
  sets = [
    ({int(x)} if x >= 0 else set())
    if np.ndim(x) == 0
    else set(np.flatnonzero(x).tolist())
    for x in labels
  ]
  table = [[0] * len(sets) for _ in sets]
  for i, j in itertools.product(range(len(sets)), repeat=2):
    if sets[i] and sets[j]:
      table[i][j] = 1 if sets[i] & sets[j] else -1
  return np.array(table)


def code_errors(codes, s):
  """Root mean square of S - H_k H_k^T / K over pairs, after each bit."""
  num_bits = codes.shape[1]
  counted = s != 0
  errors = []
  for k in range(num_bits + 1):
    h = codes[:, :k].astype(float)
    errors.append(np.sqrt((((s - h @ h.T / num_bits) ** 2)[counted]).mean()))
  return np.array(errors)


def ridge(a, b, weight):
  return np.linalg.solve(a.T @ a + weight * np.eye(a.shape[1]), a.T @ b)


def discrete_step(codes, y, w, target, fidelity, num_sweeps):
  """Bit by bit, the value that gives the lesser objective."""
  codes = codes.copy()

  def objective(code, i):
    return ((y[i] - code @ w) ** 2).sum() + fidelity * (
      (code - target[i]) ** 2
    ).sum()

  for _, k in itertools.product(range(num_sweeps), range(codes.shape[1])):
    for i in range(len(codes)):
      choices = {}
      for bit in (1, -1):
        code = codes[i].copy()
        code[k] = bit
        choices[bit] = objective(code, i)
      codes[i, k] = min(choices, key=choices.get)
  return codes


def sdh(phi, y, codes, *, decay, fidelity, rho, num_iterations, num_sweeps):
  """P, and the objective after each block."""
  w, p = ridge(codes, y, decay), ridge(phi, codes, rho)
  errors = []

  def record():
    errors.append(
      ((y - codes @ w) ** 2).sum()
      + decay * (w**2).sum()
      + fidelity * (((codes - phi @ p) ** 2).sum() + rho * (p**2).sum())
    )

  record()
  for _ in range(num_iterations):
    codes = discrete_step(codes, y, w, phi @ p, fidelity, num_sweeps)
    record()
    w = ridge(codes, y, decay)
    record()
    p = ridge(phi, codes, rho)
    record()
  return p, np.array(errors)
