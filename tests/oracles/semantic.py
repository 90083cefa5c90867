"""SHC's class similarity and augmented Lagrangian in plain NumPy, float64.

Codewords are rows. The names of the variables are those of the paper, but for
`bound`, which is q - 2 d, and `alpha` and `slack` (alpha and K) with zeros on
the diagonal.
"""

import itertools

import numpy as np


def masked_softmax(logits, masked):
  rows = []
  for row, m in zip(np.asarray(logits, np.float64), masked):
    kept = [j for j in range(len(row)) if j != m]
    powers = {j: np.exp(row[j] - max(row[k] for k in kept)) for j in kept}
    total = sum(powers.values())
    rows.append([powers.get(j, 0) / total for j in range(len(row))])
  return np.array(rows)


def similarity(logits, labels, order):
  logits = np.asarray(logits, np.float64)
  count = logits.shape[1]
  if order == 'paper':
    table = masked_softmax(logits, logits.argmax(axis=1))
    table = [table[labels == m].mean(axis=0) for m in range(count)]
    s = normalize(np.array(table))
    s = (s + s.T) / 2
  else:
    table = masked_softmax(logits, labels)
    table = np.array([table[labels == m].sum(axis=0) for m in range(count)])
    s = normalize((table + table.T) / 2)
  for m in range(count):
    s[m, m] = 1
  return s


def normalize(table):
  rows = []
  for row in table:
    mean = row.mean()
    scale = max(abs(row.max() - mean), abs(row.min() - mean))
    rows.append((row - mean) / scale)
  return np.array(rows)


def loss(h, s, mu=0.0):
  count, bits = h.shape
  total = 0.0
  for i in range(count):
    for j in range(count):
      total += (s[i, j] - h[i] @ h[j] / bits) ** 2
      if i != j:
        total += mu * (h[i] @ h[j])
  return total


def distances(h):
  return [int((a != b).sum()) for a, b in itertools.combinations(h, 2)]


def optimum(s, bits, distance, mu):
  """The least loss of any codewords so far apart, and all that have it."""
  words = [np.array(w) for w in itertools.product((-1.0, 1.0), repeat=bits)]
  best, found = np.inf, []
  # The first codeword may be all ones: flips of bits change nothing.
  for rest in itertools.product(words, repeat=len(s) - 1):
    h = np.stack([np.ones(bits), *rest])
    if min(distances(h)) < distance:
      continue
    value = loss(h, s, mu)
    if value < best - 1e-9:
      best, found = value, []
    if value < best + 1e-9:
      found.append(h)
  return best, found


def lagrangian(h, m, slack, lam, alpha, s, bound, mu, rho, beta):
  count, bits = h.shape
  total = ((s - h @ m.T / bits) ** 2).sum()
  total += (lam * (h - m)).sum() + rho / 2 * ((h - m) ** 2).sum()
  for i in range(count):
    for j in range(count):
      if i != j:
        c = bound - h[i] @ h[j] - slack[i, j]
        total += mu * (h[i] @ h[j]) + alpha[i, j] * c + beta / 2 * c**2
  return total


def update_copy(h, lam, s, rho):
  bits = h.shape[1]
  left = 2 / bits**2 * h.T @ h + rho * np.eye(bits)
  return (np.linalg.inv(left) @ (2 / bits * h.T @ s + lam.T + rho * h.T)).T


def update_slack(h, alpha, bound, beta):
  slack = np.zeros_like(alpha)
  for i in range(len(h)):
    for j in range(len(h)):
      slack[i, j] = max(bound - h[i] @ h[j] + alpha[i, j] / beta, 0)
  return slack


def gradient(i, h, m, slack, lam, alpha, s, bound, mu, rho, beta):
  bits = h.shape[1]
  g = 2 / bits**2 * m.T @ m @ h[i] - 2 / bits * m.T @ s[i]
  g = g + lam[i] + rho * (h[i] - m[i])
  for j in range(len(h)):
    if j != i:
      g = g + 2 * mu * h[j] - 2 * alpha[i, j] * h[j]
      g = g + 2 * beta * np.outer(h[j], h[j]) @ h[i]
      g = g - 2 * beta * (bound - slack[i, j]) * h[j]
  return g


def search(h, s, distance, mu, rho, beta, eta, num_iterations, num_sweeps):
  """The best codewords of all sweeps, and the loss after each of them."""
  h = h.astype(np.float64)
  count, bits = h.shape
  bound = bits - 2 * distance
  lam, alpha = np.full_like(h, 0.1), np.zeros((count, count))
  best, trace = h, [loss(h, s, mu)]
  for _ in range(num_iterations):
    m = update_copy(h, lam, s, rho)
    slack = update_slack(h, alpha, bound, beta)
    for _ in range(num_sweeps):
      for i in range(count):
        g = gradient(i, h, m, slack, lam, alpha, s, bound, mu, rho, beta)
        new = h.copy()
        new[i] = np.where(h[i] - g / eta >= 0, 1, -1)
        if min(distances(new)) >= distance:
          h = new
      trace.append(loss(h, s, mu))
      if trace[-1] < min(trace[:-1]):
        best = h
    lam = lam + rho * (h - m)
    for i in range(count):
      for j in range(count):
        if i != j:
          alpha[i, j] += beta * (bound - h[i] @ h[j] - slack[i, j])
  return best, trace
