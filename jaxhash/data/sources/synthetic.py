"""Synthetic sets with a known class hierarchy, made in NumPy."""

from __future__ import annotations

import numpy as np

from jaxhash.data.types import Dataset

__all__ = ['clusters', 'shapes']

FAMILIES = ('disc', 'cross', 'stripes')
COLORS = {
  'red': (220, 60, 50),
  'green': (60, 190, 80),
  'blue': (70, 90, 220),
}


def clusters(
  *,
  num_classes: int = 8,
  num_per_class: int = 50,
  num_features: int = 16,
  spread: float = 0.5,
  seed: int = 0,
) -> Dataset:
  """Gaussian feature vectors about the leaves of a binary tree.

  The classes that differ in the last binary digit of their number are the
  nearest, those that differ in the first the furthest: the centre of a class
  is a sum of one random vector for each node above it, half as long a level
  down.

  Args:
    num_classes: leaves, at least 2.
    num_per_class: rows of each.
    num_features: length of a vector.
    spread: standard deviation within a class; centres of siblings are about
      `sqrt(2 * num_features) / 2 ** depth` apart.
    seed: of all that is drawn.

  Returns:
    float32 features `[num_classes * num_per_class, num_features]`.

  Raises:
    ValueError: an argument is out of range.

  Example:
    >>> clusters(num_classes=4, num_per_class=5).inputs.shape
    (20, 16)
  """
  if num_classes < 2 or num_per_class < 1 or num_features < 1 or spread < 0:
    raise ValueError(
      'clusters needs at least 2 classes, 1 row of each, 1 feature and a '
      f'spread of at least 0, got {num_classes}, {num_per_class}, '
      f'{num_features} and {spread}'
    )
  rng = np.random.default_rng(seed)
  depth = int(num_classes - 1).bit_length()
  centers = np.zeros((num_classes, num_features))
  for level in range(depth):
    nodes = rng.normal(size=(2 ** (level + 1), num_features)) * 2.0**-level
    centers += nodes[np.arange(num_classes) >> (depth - 1 - level)]
  labels = np.repeat(np.arange(num_classes), num_per_class)
  noise = spread * rng.normal(size=(len(labels), num_features))
  return Dataset(
    name='clusters',
    inputs=(centers[labels] + noise).astype(np.float32),
    labels=labels.astype(np.int32),
    num_classes=num_classes,
    class_names=tuple(f'class {i:0{depth}b}' for i in range(num_classes)),
  )


def shapes(
  *,
  num_per_class: int = 50,
  size: int = 16,
  multi_label: bool = False,
  seed: int = 0,
) -> Dataset:
  """Coloured shapes: three families of shape with three colours each.

  The hierarchy is image - family - class; `shapes_parents` gives it. In the
  multi-label variant an image has the labels of its family and its colour.

  Args:
    num_per_class: images of each of the nine classes.
    size: height and width, at least 8.
    multi_label: multi-hot labels over 3 families and 3 colours.
    seed: of all that is drawn.

  Returns:
    uint8 images `[9 * num_per_class, size, size, 3]`.

  Raises:
    ValueError: an argument is out of range.

  Example:
    >>> shapes(num_per_class=2, multi_label=True).labels.shape
    (18, 6)
  """
  if num_per_class < 1 or size < 8:
    raise ValueError(
      f'shapes needs at least 1 image of each class, of size 8, got '
      f'{num_per_class} and {size}'
    )
  rng = np.random.default_rng(seed)
  classes = np.repeat(np.arange(9), num_per_class)
  family, color = classes // 3, classes % 3
  count = len(classes)
  center = size / 2 + rng.uniform(-size / 8, size / 8, (count, 2, 1, 1))
  radius = size * rng.uniform(0.22, 0.36, (count, 1, 1))
  y, x = (np.arange(size) + 0.5)[:, None], (np.arange(size) + 0.5)[None, :]
  dy, dx = y - center[:, 0], x - center[:, 1]
  inside = (np.abs(dx) < radius) & (np.abs(dy) < radius)
  masks = np.stack(
    [
      dx**2 + dy**2 < radius**2,
      inside & (np.minimum(np.abs(dx), np.abs(dy)) < radius / 3),
      inside & (np.mod(dy, size / 4) < size / 8),
    ]
  )
  mask = masks[family, np.arange(count)]
  paint = np.array(list(COLORS.values()))[color][:, None, None]
  background = rng.integers(0, 256, (count, 1, 1, 1))
  images = np.where(mask[..., None], paint, background)
  images = images + rng.normal(0, 12, images.shape)
  if multi_label:
    labels = np.concatenate([np.eye(3)[family], np.eye(3)[color]], axis=1)
    names = (*FAMILIES, *COLORS)
  else:
    labels = classes
    names = tuple(f'{c} {f}' for f in FAMILIES for c in COLORS)
  return Dataset(
    name='shapes',
    inputs=images.clip(0, 255).astype(np.uint8),
    labels=labels.astype(np.uint8 if multi_label else np.int32),
    num_classes=len(names),
    class_names=names,
  )


def shapes_parents() -> dict[str, str]:
  """The hierarchy of `shapes`: child to parent, by name.

  Example:
    >>> shapes_parents()['red disc'], shapes_parents()['disc']
    ('disc', 'image')
  """
  parents = {f'{c} {f}': f for f in FAMILIES for c in COLORS}
  return {**parents, **dict.fromkeys(FAMILIES, 'image')}
