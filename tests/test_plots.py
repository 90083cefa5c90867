import json
import sys

import matplotlib.image
import numpy as np
import pytest

from jaxhash import plots

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


def test_without_matplotlib(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'matplotlib', None)
  with pytest.raises(ImportError, match=r'jaxhash\[plots\]'):
    plots.distance_matrix(np.eye(2), ['a', 'b'], tmp_path / 'x.png')
