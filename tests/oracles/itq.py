"""ITQ in plain NumPy, float64."""

import numpy as np


def project(features, num_bits):
  """Principal components of features, largest entry of a direction positive."""
  centered = features - features.mean(0)
  _, _, directions = np.linalg.svd(centered, full_matrices=False)
  columns = []
  for direction in directions[:num_bits]:
    sign = 1 if direction[np.abs(direction).argmax()] > 0 else -1
    columns.append(centered @ (sign * direction))
  return np.stack(columns, 1)


def rotate(projected, rotation):
  """One iteration: the next rotation, and the error of the given one.

  The orthogonal Procrustes problem by the polar decomposition: the rotation
  nearest to A = V^T B is A (A^T A)^(-1/2).
  """
  rotated = projected @ rotation
  codes = np.where(rotated >= 0, 1.0, -1.0)
  error = np.sqrt(((codes - rotated) ** 2).sum())
  a = projected.T @ codes
  values, vectors = np.linalg.eigh(a.T @ a)
  return a @ (vectors / np.sqrt(values)) @ vectors.T, error
