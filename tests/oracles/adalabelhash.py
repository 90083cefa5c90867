"""AdaLabelHash in NumPy loops, from the equations alone."""

import numpy as np


def positives(label, num_classes):
  """The classes of one row: of an int, or of a multi-hot row."""
  if np.ndim(label) == 0:
    return [label] if 0 <= label < num_classes else []
  return [j for j in range(num_classes) if label[j] > 0]


def score_table(codes, codewords):
  table = np.zeros((len(codes), len(codewords)))
  for n, code in enumerate(codes):
    for j, codeword in enumerate(codewords):
      table[n, j] = sum(float(a) * float(b) for a, b in zip(code, codeword))
  return table


def hinge_pairs(codes, codewords, labels, *, margin=1.0, floor=True):
  """The hinge of every (sample, own class), as {(n, j): value}."""
  scores = score_table(codes, codewords)
  pairs = {}
  for n, label in enumerate(labels):
    own = positives(label, len(codewords))
    others = [scores[n, j] for j in range(len(codewords)) if j not in own]
    if floor:
      others.append(0.0)
    for j in own:
      hardest = max(others) if others else -np.inf
      pairs[n, j] = max(0.0, margin - scores[n, j] + hardest)
  return pairs


def hinge(codes, codewords, labels, *, margin=1.0, floor=True):
  pairs = hinge_pairs(codes, codewords, labels, margin=margin, floor=floor)
  return sum(pairs.values()) / max(1, len(pairs))


def semi(
  codes,
  codewords,
  labels,
  labelled,
  *,
  margin,
  unlabelled_margin,
  gap,
  weight,
  floor=True,
):
  """Loss and the number of pseudo-labelled rows."""
  rows = np.flatnonzero(labelled)
  loss = hinge(codes[rows], codewords, labels[rows], margin=margin, floor=floor)
  used, pseudo = [], []
  scores = score_table(codes, codewords)
  for n in np.flatnonzero(~labelled):
    second, first = np.sort(scores[n])[-2:]
    if first - second >= gap:
      used.append(n)
      pseudo.append(int(np.argmax(scores[n])))
  pairs = hinge_pairs(
    codes[used], codewords, pseudo, margin=unlabelled_margin, floor=floor
  )
  part = sum(pairs.values()) / np.sum(~labelled)
  return loss + weight * part, len(used)
