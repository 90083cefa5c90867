import matplotlib.image
import numpy as np
import pytest

from jaxhash import plots

BLUE, ORANGE, GREEN = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73)
INK = (0x22, 0x22, 0x22)
RNG = np.random.default_rng(0)


def pixels(path):
  return np.round(255 * matplotlib.image.imread(path)[..., :3]).astype(int)


def near(picture, color, tolerance=40):
  """Where a picture has about a colour."""
  return np.abs(picture - np.array(color)).max(-1) < tolerance


def test_bars_go_by_the_means(tmp_path):
  path = tmp_path / 'bits.png'
  codes = np.ones((8, 4), np.int8)
  codes[:4, 1] = codes[:1, 2] = -1  # means 1, 0, .75 and 1
  codes[:, 3] = -1
  plots.bit_health(codes, path)
  heights = near(pixels(path), BLUE)[:, : pixels(path).shape[1] // 2].sum(0)
  tall = heights[heights > 20]
  assert tall.max() == pytest.approx(np.median(tall[: len(tall) // 3]), rel=0.1)
  assert (np.abs(tall - 0.75 * tall.max()) < 0.05 * tall.max()).any()


def test_equal_and_opposite_bits_are_red_and_blue(tmp_path):
  bit = RNG.choice([-1, 1], 64)
  equal, opposite = tmp_path / 'equal.png', tmp_path / 'opposite.png'
  plots.bit_health(np.stack([bit, bit], axis=1), equal)
  plots.bit_health(np.stack([bit, -bit], axis=1), opposite)
  red, blue = (103, 0, 31), (5, 48, 97)  # the ends of RdBu_r
  bar = near(pixels(opposite), red, 12).sum()  # the colour bar has both
  assert near(pixels(equal), red, 12).sum() > 10 * bar
  bar = near(pixels(equal), blue, 12).sum()
  assert near(pixels(opposite), blue, 12).sum() > 10 * bar


def test_bits_can_be_drawn_narrow(tmp_path):
  codes = RNG.choice([-1, 1], (10, 16))
  for columns in (1, 2):
    plots.bit_health(codes, tmp_path / f'{columns}.png', columns=columns)
  height, width = pixels(tmp_path / '1.png').shape[:2]
  assert height > width
  height, width = pixels(tmp_path / '2.png').shape[:2]
  assert height < width


@pytest.mark.parametrize(
  ('codes', 'columns', 'message'),
  [
    ([[1, 0]], 2, 'codes must be -1 or'),
    ([1, -1], 2, r'codes must be -1 or \+1, \[n, bits\], got .* \[2\]'),
    (np.ones((0, 4)), 2, 'codes must be'),
    ([[1, -1]], 3, 'columns must be 1 or 2, got 3'),
  ],
)
def test_bit_health_refuses(tmp_path, codes, columns, message):
  with pytest.raises(ValueError, match=message):
    plots.bit_health(codes, tmp_path / 'bits.png', columns=columns)


def test_near_pairs_are_left_of_far_ones(tmp_path):
  path = tmp_path / 'pairs.png'
  plots.pair_distances(np.arange(9), [90, 10] + [0] * 7, [0] * 7 + [1, 9], path)
  picture = pixels(path)[80:]  # below the legend
  green = np.flatnonzero(near(picture, GREEN).any(0))
  orange = np.flatnonzero(near(picture, ORANGE).any(0))
  assert len(green) and len(orange)
  assert green.max() < picture.shape[1] / 2 < orange.min()
  # As shares of its own kind the same pairs are as high.
  tops = [near(picture, color).any(1).argmax() for color in (GREEN, ORANGE)]
  assert tops[0] == pytest.approx(tops[1], abs=2)


@pytest.mark.parametrize(
  ('distances', 'relevant', 'others', 'message'),
  [
    ([0], [1], [1], r'at least two, got \[1\]'),
    ([0, 1], [1], [1, 1], 'must be .bins.'),
    ([0, 1], [0, 0], [0, 0], 'no pairs'),
  ],
)
def test_pair_distances_refuses(tmp_path, distances, relevant, others, message):
  with pytest.raises(ValueError, match=message):
    plots.pair_distances(distances, relevant, others, tmp_path / 'p.png')


def test_what_is_near_is_near_on_a_map():
  group = np.arange(40) % 4
  distances = np.where(group[:, None] == group, 1.0, 20.0)
  np.fill_diagonal(distances, 0)
  positions = plots.tsne(distances)
  assert positions.shape == (40, 2)
  apart = np.linalg.norm(positions[:, None] - positions, axis=-1)
  np.fill_diagonal(apart, np.inf)
  np.testing.assert_array_equal(group[apart.argmin(axis=1)], group)
  np.testing.assert_array_equal(positions, plots.tsne(distances))
  assert not np.array_equal(positions, plots.tsne(distances, seed=1))


@pytest.mark.parametrize('shape', [(3, 3), (5, 4), (5,)])
def test_a_map_refuses(shape):
  with pytest.raises(ValueError, match=r'\[n, n\] of at least 4 items'):
    plots.tsne(np.zeros(shape))


def drawn(path, **options):
  plots.code_map(
    [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]],
    [0, 1, 2],
    ['', '', ''],
    path,
    **options,
  )
  return pixels(path)


def test_a_code_of_more_items_is_larger(tmp_path):
  path = tmp_path / 'map.png'
  even = drawn(path)
  more = drawn(path, counts=[100, 1, 1])
  faint = (0x40, 0x95, 0xC5)  # of alpha .75 on white
  assert near(more, faint).sum() > 5 * near(even, faint).sum() > 0


def test_a_shared_code_has_a_dark_edge(tmp_path):
  path, counts = tmp_path / 'map.png', [50, 50, 50]
  assert not near(drawn(path, counts=counts), INK).any()
  assert near(drawn(path, counts=counts, mixed=[1, 0, 0]), INK).sum() > 50


def test_codewords_are_stars(tmp_path):
  path = tmp_path / 'map.png'
  points = drawn(path)
  stars = drawn(path, codewords=[[0.5, 0], [1, 0.5], [1.5, 0]])
  assert near(stars, BLUE, 5).sum() > near(points, BLUE, 5).sum() + 50


@pytest.mark.parametrize(
  ('positions', 'classes', 'options', 'message'),
  [
    ([[0, 1]], [0, 1], {}, r'got \[1, 2\], \[2\]'),
    ([[0, 1]], [2], {}, r'2 names, but classes are \[2\]'),
    (np.zeros((0, 2)), np.zeros(0, int), {}, '2 names'),
    (
      [[0, 1]],
      [0],
      {'counts': [1, 2]},
      r'\[1\], \[2\] and|\[1\], \[2\], \[1\]',
    ),
    ([[0, 1]], [0], {'codewords': [[0, 1]]}, r'codewords must be \[2, 2\]'),
  ],
)
def test_code_map_refuses(tmp_path, positions, classes, options, message):
  with pytest.raises(ValueError, match=message):
    plots.code_map(
      positions, classes, ['a', 'b'], tmp_path / 'map.png', **options
    )
