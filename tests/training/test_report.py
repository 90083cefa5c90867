"""The report of a run."""

import base64
import html.parser
import json
import re

import numpy as np
import pytest

from jaxhash import plots, training
from jaxhash.training import _gallery as gallery
from jaxhash.training import _page as page
from jaxhash.training import _pictures as pictures

NAMES = ('<b>bold</b>', 'a & b', 'third')


class Links(html.parser.HTMLParser):
  """All that a page may load, and its text."""

  def __init__(self):
    super().__init__()
    self.links, self.tags, self.text = [], [], ''

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    given = dict(attrs)
    self.links += [given[k] for k in ('src', 'href', 'srcset') if k in given]

  def handle_endtag(self, tag):
    self.text += ' ' * (tag in ('dt', 'dd', 'h2', 'td', 'th'))

  def handle_data(self, data):
    self.text += data


def built(*, images=True, method=None, names=NAMES, multi_label=False):
  """An experiment of three classes that does not train, and its ranker."""
  config = training.default_config().to_dict()
  config['dataset'] = (
    {
      'name': 'shapes',
      'num_per_class': 20,
      'size': 8,
      'multi_label': multi_label,
    }
    if images
    else {'name': 'clusters', 'num_classes': 3, 'num_features': 8}
  )
  config['protocol'] = {'name': 'per_class', 'num_query': 4, 'num_train': 8}
  if multi_label:
    config['protocol'] = {
      'name': 'random_rows',
      'num_query': 6,
      'num_train': 24,
    }
  config['encoder'] = (
    {'name': 'cnn', 'channels': [4], 'hidden': 8}
    if images
    else {'name': 'mlp', 'hidden': [8]}
  )
  config['batch_size'] = 8
  if method is not None:
    config['method'] = method
  experiment = training.build(config)
  if not images:
    experiment = experiment._replace(
      dataset=experiment.dataset._replace(class_names=names)
    )
  return experiment


def report(experiment, folder):
  state = training.initial_state(experiment)
  # A state of before the last step has no report: this one has all steps.
  experiment = experiment._replace(num_steps=0)
  training.write_report(
    experiment, state, training.RowEncoder(experiment), folder
  )
  text = (folder / 'report.html').read_text()
  links = Links()
  links.feed(text)
  return text, links


def ranker_of(experiment):
  state = training.initial_state(experiment)
  return training.rank(experiment, state, training.RowEncoder(experiment))


@pytest.mark.parametrize('images', [True, False])
def test_a_report_needs_no_other_file_and_no_network(tmp_path, images):
  experiment = built(images=images)
  text, links = report(experiment, tmp_path)
  assert links.links
  assert all(link.startswith('data:image/') for link in links.links)
  assert not {'script', 'link', 'iframe', 'object'} & set(links.tags)
  assert 'url(' not in text and '@import' not in text
  results = json.loads((tmp_path / 'results.json').read_text())
  scores = results['query_database']
  for said in (
    f'{scores["mAP"]:.4f}',
    results['split_digest'],
    scores['protocol_digest'],
    '"num_train": 8',
    'Precision and recall',
    'Distances of relevant and other pairs',
    'Balance and correlation of bits',
    'Distances of codewords',
    'Map of codes',
    'Queries and their nearest',
    'Worst queries',
    'Protocol and versions',
    'ranked by Hamming distance',
  ):
    assert said in ' '.join(links.text.split())
  assert links.tags.count('source') == 1  # the bits; there was no training
  # Pictures are whole images.
  for link in links.links:
    kind, content = re.fullmatch(
      r'data:image/(svg\+xml|png|jpeg);base64,(.*)', link
    ).groups()
    start = {'svg+xml': b'<?xml', 'png': b'\x89PNG', 'jpeg': b'\xff\xd8'}[kind]
    assert base64.b64decode(content, validate=True).startswith(start)
  queries = 12 if images else 0
  assert sum('image/png' in link for link in links.links) == (
    min(queries, 8) * 11 * 2
  )


def test_a_trained_run_has_curves_for_wide_and_narrow_screens(tmp_path):
  experiment = built()
  training.train(experiment, tmp_path)
  state = training.restore(experiment, tmp_path)
  training.write_report(
    experiment, state, training.RowEncoder(experiment), tmp_path
  )
  text = (tmp_path / 'report.html').read_text()
  links = Links()
  links.feed(text)
  assert 'Every logged number against the step.' in links.text
  assert 'val/mAP' not in links.text  # there are no val rows
  assert links.tags.count('source') == 2
  wide = [link for link in links.links if 'svg' in link]
  assert len(set(wide)) == len(wide)
  assert text.count('@media (max-width: 600px)') == 1
  assert text.count('media="(max-width: 600px)"') == 2
  assert '@media print' in text


def test_a_report_of_several_labels_a_row(tmp_path):
  experiment = built(multi_label=True)
  _, links = report(experiment, tmp_path)
  text = ' '.join(links.text.split())
  assert 'the rarest of their labels' in text
  names = experiment.dataset.class_names
  query = experiment.split.query[0]
  labels = np.flatnonzero(experiment.dataset.labels[query])
  assert ', '.join(names[i] for i in labels) in text


def test_a_report_of_a_method_with_its_own_distance(tmp_path):
  method = {
    'name': 'deepquan',
    'num_bits': 8,
    'bits_per_codebook': 4,
    'width': 8,
    'num_neighbors': 3,
    'hidden': 16,
  }
  experiment = built(images=False)
  config = {**experiment.config, 'method': method}
  experiment = training.prepare(config, tmp_path)
  _, links = report(experiment, tmp_path)
  text = ' '.join(links.text.split())
  assert 'deepquan (reconstruction): mAP' in text
  assert "ranked by the method's own distance" in text
  assert 'Map of codes' in text
  assert 'Balance and correlation' not in text  # ids of codewords are no bits


def test_names_are_text_in_a_report(tmp_path):
  text, links = report(built(images=False), tmp_path)
  assert 'b' not in links.tags
  assert '<b>bold' in links.text
  assert 'a & b' in links.text
  assert '&lt;b&gt;bold' in text


def test_a_reconstruction_is_called_so_in_the_report(tmp_path):
  method = {'name': 'dhe', 'num_bits': 8}
  _, links = report(built(images=False, method=method), tmp_path)
  said = training.build(
    {**built(images=False).config, 'method': method}
  ).method.reconstruction
  assert said
  text = ' '.join(links.text.split())
  assert f'Reconstruction: not known from the authors are {said}' in text
  _, links = report(built(images=False), tmp_path / 'other')
  assert 'Reconstruction' not in links.text


def expected_precision(codes, query, relevant):
  """Average precision, the mean over all orders of ties, place by place."""
  distances = (codes != query).sum(axis=1)
  items = hits = total = 0
  for distance in np.unique(distances):
    tied = relevant[distances == distance]
    n, r = len(tied), tied.sum()
    for place in range(n):
      earlier = hits + place * (r - 1) / max(n - 1, 1)
      total += r / n * (earlier + 1) / (items + place + 1)
    items, hits = items + n, hits + r
  return total / relevant.sum()


def test_the_worst_queries_are_those_of_the_lowest_precision():
  experiment = built(images=False)
  ranker, split = ranker_of(experiment), experiment.split
  some, worst = gallery.galleries_of(experiment, ranker)
  labels = experiment.dataset.labels
  scores = [
    expected_precision(ranker.codes(split.database), ranker.codes(row), found)
    for row in split.query[:, None]
    if (found := labels[split.database] == labels[row]).any()
  ]
  assert len(scores) == len(split.query)
  np.testing.assert_allclose(
    worst.average_precision, np.sort(scores)[: len(worst.query)]
  )
  by_row = dict(zip(split.query.tolist(), scores))
  for found in (some, worst):
    np.testing.assert_allclose(
      found.average_precision, [by_row[row] for row in found.query.tolist()]
    )
    np.testing.assert_array_equal(
      found.correct, labels[found.rows] == labels[found.query][:, None]
    )
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_queries_without_relevant_items_are_not_the_worst():
  experiment = built(images=False)
  labels = experiment.scored_labels.copy()
  lonely = experiment.split.query[:2]
  labels[lonely] = 99
  experiment = experiment._replace(scored_labels=labels)
  some, worst = gallery.galleries_of(experiment, ranker_of(experiment))
  assert lonely[0] in some.query
  assert not np.isin(lonely, worst.query).any()
  labels[experiment.split.query] = 99
  assert gallery.galleries_of(experiment, ranker_of(experiment))[1] is None


@pytest.mark.parametrize('method', [None, 'tests.toy_methods:quantised'])
def test_distances_of_pairs_are_counted(tmp_path, monkeypatch, method):
  experiment = built(
    images=False, method=method and {'name': method, 'num_bits': 8}
  )
  ranker, split = ranker_of(experiment), experiment.split
  given = {}

  def seen(middles, relevant, others, path, **_):
    given.update(middles=middles, relevant=relevant, others=others)

  monkeypatch.setattr(plots, 'pair_distances', seen)
  drawn = pictures.pictures_of(
    experiment, ranker, {'query_database': {}, 'seed': 0}, []
  )
  monkeypatch.setattr(pictures, '_pr_curve', lambda *_: None)
  picture = next(p for p in drawn if p and p.name == 'pair_distances')
  picture.draw(tmp_path / 'p.png')
  distances = ranker.distances(split.query, split.database)
  labels = experiment.dataset.labels
  alike = labels[split.query][:, None] == labels[split.database]
  # Queries are outside of the database here: all pairs count.
  assert not np.isin(split.query, split.database).any()
  assert given['relevant'].sum() == alike.sum()
  assert given['others'].sum() == (~alike).sum()
  width = given['middles'][1] - given['middles'][0]
  for counts, pairs in (('relevant', alike), ('others', ~alike)):
    mean = (given['middles'] * given[counts]).sum() / pairs.sum()
    assert mean == pytest.approx(distances[pairs].mean(), abs=float(width) / 2)
    if method is None:
      expected = np.bincount(distances[pairs].astype(int))
      np.testing.assert_array_equal(
        np.trim_zeros(given[counts], 'b'), np.trim_zeros(expected, 'b')
      )


def map_of(experiment, ranker, monkeypatch, folder):
  """What the map of codes is drawn from."""
  given = {}

  def seen(positions, classes, names, path, **options):
    given.update(positions=positions, classes=classes, **options)

  monkeypatch.setattr(plots, 'code_map', seen)
  (picture,) = pictures._code_map(experiment, ranker)
  picture.draw(folder / 'map.png')
  return given


def test_a_map_has_each_code_once(tmp_path, monkeypatch):
  experiment = built(images=False)
  ranker = ranker_of(experiment)
  given = map_of(experiment, ranker, monkeypatch, tmp_path)
  codes = ranker.codes(experiment.split.database)
  distinct, counts = np.unique(codes, axis=0, return_counts=True)
  assert len(given['positions']) == len(distinct)
  np.testing.assert_array_equal(np.sort(given['counts']), np.sort(counts))
  labels = experiment.dataset.labels[experiment.split.database]
  shared = [
    len(set(labels[(codes == code).all(axis=1)].tolist())) > 1
    for code in distinct
  ]
  assert sum(given['mixed']) == sum(shared)
  assert len(given['codewords']) == 3
  # A codeword that is a code is where that code is.
  words = ranker.codewords()
  for word, place in zip(words, given['codewords']):
    same = (given['positions'] == place).all(axis=1)
    assert same.sum() == (distinct == word).all(axis=1).sum()


def test_a_row_of_several_labels_has_the_rarest():
  labels = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0], [1, 0, 1]])
  classes, _ = pictures._one_label(labels, np.arange(5))
  assert classes.tolist() == [1, 0, 2, -1, 2]


def test_a_large_picture_is_made_small():
  image = np.random.default_rng(0).integers(0, 256, (400, 300, 3), np.uint8)
  assert len(page._thumbnail(image)) < 20_000
  grey = page._thumbnail(np.zeros((8, 8, 1)))
  assert grey.startswith('data:image/png')
