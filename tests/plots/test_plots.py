import json
import sys

import matplotlib
import matplotlib.colors
import matplotlib.figure
import matplotlib.image
import numpy as np
import pytest

from jaxhash import plots, taxonomy

RNG = np.random.default_rng(0)
GREEN, RED = (0x00, 0x9E, 0x73), (0xD5, 0x5E, 0x00)


def _pixels(path):
  return np.round(255 * matplotlib.image.imread(path)[..., :3]).astype(int)


def _count(pixels, color):
  return int((pixels == np.array(color)).all(-1).sum())


def _gallery(path, size=8, channels=1, correct=None, **titles):
  correct = np.ones((2, 10), bool) if correct is None else correct
  # Grey, so that only frames and symbols have colours.
  grey = RNG.integers(0, 256, (2, 11, size, size, 1), np.uint8)
  images = np.repeat(grey, channels, axis=-1)
  plots.gallery(images[:, 0], images[:, 1:], correct, path, **titles)
  return _pixels(path)


@pytest.mark.parametrize(('size', 'channels'), [(8, 1), (32, 3)])
def test_gallery_colours_follow_correct(tmp_path, size, channels):
  path = tmp_path / 'gallery.png'
  green = _count(_gallery(path, size, channels), GREEN)
  correct = np.ones((2, 10), bool)
  correct[:, 5:] = False
  mixed = _gallery(path, size, channels, correct)
  assert _count(mixed, GREEN) == pytest.approx(green / 2, rel=0.05)
  assert _count(mixed, RED) == pytest.approx(green / 2, rel=0.05)
  wrong = _gallery(path, size, channels, np.zeros((2, 10), bool))
  assert _count(wrong, GREEN) == 0
  # Green is left, red right, and the query has neither.
  columns = np.flatnonzero((mixed == np.array(RED)).all(-1).any(0))
  assert columns.min() > mixed.shape[1] / 2
  frames = np.flatnonzero((mixed == np.array(GREEN)).all(-1).any(0))
  assert frames.min() > mixed.shape[1] / 11


def test_style_and_colours_are_those_of_our_figures(tmp_path):
  path, curve = tmp_path / 'curve.png', ([0.0, 1.0], [0.5, 0.5])
  plots.pr_curve({'ITQ': curve, 'LSH': ([0.0, 1.0], [0.7, 0.7])}, path)
  ours = _pixels(path)
  with matplotlib.rc_context(plots.STYLE):
    fig = matplotlib.figure.Figure(figsize=(6.4, 4.8), layout='constrained')
    axes = fig.add_subplot()
    axes.plot(*curve, color=plots.COLORS[0], linewidth=2)
    fig.savefig(path, dpi=150)
  for pixels in (ours, _pixels(path)):
    assert _count(pixels, _rgb(plots.COLORS[0])) > 1000
    # No frame above: the highest dark pixel belongs to the axis on the left.
    edge = (pixels == np.array(_rgb(plots.STYLE['axes.edgecolor']))).all(-1)
    assert edge[: len(edge) // 2].any(0).sum() < pixels.shape[1] / 4
  assert _count(ours, _rgb(plots.COLORS[1])) > 1000
  assert len(set(plots.COLORS)) == len(plots.COLORS)


def _rgb(color):
  return tuple(round(255 * x) for x in matplotlib.colors.to_rgb(color))


def test_gallery_shows_the_pixels(tmp_path):
  path = tmp_path / 'gallery.png'
  images = np.zeros((1, 2, 4, 4, 3))
  images[:, 1, :, :, 2] = 1.0
  images[:, 0, :2, :, 0] = 1.0
  plots.gallery(images[:, 0], images[:, 1:], np.ones((1, 1)), path)
  pixels = _pixels(path)
  # The query is half red without any blend in between, the neighbour blue.
  assert _count(pixels, (255, 0, 0)) > 5000
  assert _count(pixels, (0, 0, 255)) > 10_000
  assert _count(pixels, (128, 0, 0)) == 0


def test_gallery_titles_need_room(tmp_path):
  plain = _gallery(tmp_path / 'a.png')
  titled = _gallery(
    tmp_path / 'b.png',
    query_titles=['cat', 'dog'],
    neighbour_titles=[[f'{i} bits' for i in range(10)]] * 2,
  )
  assert titled.shape[0] > plain.shape[0]
  assert titled.shape[1] == plain.shape[1]


@pytest.mark.parametrize(
  ('query', 'neighbours', 'correct', 'message'),
  [
    ((2, 8, 8), (2, 3, 8, 8, 1), (2, 3), r'query_images .*got \(2, 8, 8\)'),
    ((2, 8, 8, 4), (2, 3, 8, 8, 1), (2, 3), '1 or 3'),
    ((2, 8, 8, 1), (3, 3, 8, 8, 1), (3, 3), r'neighbour_images .*\[2, '),
    ((2, 8, 8, 1), (2, 3, 8, 8, 1), (2, 4), r'correct must be \(2, 3\)'),
  ],
)
def test_gallery_refuses(tmp_path, query, neighbours, correct, message):
  with pytest.raises(ValueError, match=message):
    plots.gallery(
      np.zeros(query), np.zeros(neighbours), np.zeros(correct), tmp_path / 'x'
    )


def test_gallery_refuses_titles_of_another_length(tmp_path):
  with pytest.raises(ValueError, match='2 queries, 1 titles'):
    _gallery(tmp_path / 'x.png', query_titles=['cat'])
  with pytest.raises(ValueError, match='neighbour_titles'):
    _gallery(tmp_path / 'x.png', neighbour_titles=[['a']] * 2)


@pytest.mark.parametrize('number', [1, 9])
def test_pr_curve_draws_each_method(tmp_path, number):
  path = tmp_path / 'pr.png'
  recall = np.linspace(0, 1, 50)
  curves = {f'm{i}': (recall, 1 - 0.1 * i * recall) for i in range(number)}
  curves['m0'] = (recall, np.where(recall > 0.9, np.nan, 0.5))
  plots.pr_curve(curves, path)
  assert _count(_pixels(path), (0x00, 0x72, 0xB2)) > 100
  assert (_count(_pixels(path), GREEN) > 100) == (number > 2)


def test_pr_curve_refuses(tmp_path):
  with pytest.raises(ValueError, match='no curves'):
    plots.pr_curve({}, tmp_path / 'x.png')
  with pytest.raises(ValueError, match=r"'csq'.*\(3,\) and \(2,\)"):
    plots.pr_curve({'csq': (np.ones(3), np.ones(2))}, tmp_path / 'x.png')


def test_training_curves_from_a_log(tmp_path):
  lines = [
    '{"step": 0, "loss": 2.0, "note": "start", "done": false}',
    '{"step": 1, "loss": NaN, "val/map": 0.5}',
    '{"step": 2, "loss": 1.0, "val/map": 0.7}',
    '{"seconds": 3}',
  ]
  records = [json.loads(line) for line in lines]
  plots.training_curves(records, tmp_path / 'two.png')
  plots.training_curves(
    [{'step': r.get('step', 3), 'loss': 1} for r in records],
    tmp_path / 'one.png',
  )
  # A panel for loss and one for val/map, none for what is no number.
  one, two = (_pixels(tmp_path / f'{n}.png') for n in ('one', 'two'))
  assert two.shape[1] == 2 * one.shape[1]
  with pytest.raises(ValueError, match='step'):
    plots.training_curves([{'loss': 1.0}], tmp_path / 'x.png')


@pytest.mark.parametrize('classes', [1, 10, 100])
def test_distance_matrix(tmp_path, classes):
  path = tmp_path / 'matrix.png'
  matrix = 8.0 * (1 - np.eye(classes))
  plots.distance_matrix(matrix, [f'c{i}' for i in range(classes)], path)
  assert _pixels(path).std() > 10
  with pytest.raises(ValueError, match=rf'\({classes + 1}, {classes + 1}\)'):
    plots.distance_matrix(matrix, ['c'] * (classes + 1), path)


def test_distance_matrices_side_by_side(tmp_path):
  groups = [('animal', 30), ('thing', 20), ('acorn', 1)]
  near = np.kron(1 - np.eye(3), np.ones((17, 17)))
  one, two = tmp_path / 'one.png', tmp_path / 'two.png'
  plots.distance_matrices({'tree': near}, groups, one)
  np.fill_diagonal(near, np.nan)
  plots.distance_matrices({'tree': near, 'codes': 9 * near}, groups, two)
  one, two = _pixels(one), _pixels(two)
  assert two.shape[0] == one.shape[0]
  assert one.shape[1] * 1.6 < two.shape[1] < one.shape[1] * 2
  greatest = matplotlib.colormaps['cividis'](1.0, bytes=True)[:3]
  assert _count(one, greatest) > 1000
  with pytest.raises(ValueError, match='no matrices'):
    plots.distance_matrices({}, groups, tmp_path / 'x.png')
  with pytest.raises(ValueError, match=r"\[51, 51\], got \[50, 51\] of 'a'"):
    plots.distance_matrices({'a': np.ones((50, 51))}, groups, tmp_path / 'x')


def test_an_order_in_which_alike_classes_are_neighbours():
  places = np.array([5.0, 1.0, 4.0, 0.0])
  order = plots.alike_order(abs(places[:, None] - places))
  assert places[order].tolist() in ([0, 1, 4, 5], [5, 4, 1, 0])


@pytest.mark.parametrize('most', [1, 2, 3, 4, 5, 9])
def test_groups_of_leaves_are_an_order_of_the_classes(most):
  tree = taxonomy.from_nested(
    {
      'animal': {'cat': ['lynx', 'lion', 'puma'], 'bird': ['owl', 'emu']},
      'thing': {'boat': ['ferry']},
    }
  )
  groups = plots.leaf_groups(tree, most)
  assert 1 <= len(groups) <= most
  order = [i for _, classes in groups for i in classes]
  assert sorted(order) == list(range(6))
  names = [tree.classes[i] for i in order]
  assert names == ['emu', 'owl', 'lion', 'lynx', 'puma', 'ferry']
  expected = {1: ['root'], 2: ['animal', 'ferry'], 3: ['bird', 'cat', 'ferry']}
  if most in expected:
    assert [name for name, _ in groups] == expected[most]


def test_groups_have_the_names_that_people_use():
  parents = {'n1': (), 'n2': ('n1',), 'a': ('n2',), 'b': ('n1', 'n2')}
  tree = taxonomy.Taxonomy(('a', 'b'), parents, {'n2': 'pet'})
  assert plots.leaf_groups(tree, most=2) == [('b', [1]), ('a', [0])]
  groups = plots.leaf_groups(
    taxonomy.Taxonomy(
      ('a', 'b', 'c'), {**parents, 'c': ('n2',)}, {'n2': 'pet'}
    ),
    most=2,
  )
  assert groups == [('b', [1]), ('pet', [0, 2])]
  with pytest.raises(ValueError, match='most must be an int of at least 1'):
    plots.leaf_groups(tree, 0)


def test_without_matplotlib(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'matplotlib', None)
  with pytest.raises(ImportError, match=r'jaxhash\[plots\]'):
    plots.distance_matrix(np.eye(2), ['a', 'b'], tmp_path / 'x.png')
