"""The report of a run: one HTML file, which needs no other and no network."""

from __future__ import annotations

import base64
import io
import json
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxhash.data.types import Dataset
from jaxhash.training._gallery import Gallery, class_names_of, has_images
from jaxhash.training._pictures import Picture, method_name
from jaxhash.training.experiment import Experiment

__all__ = ['render_page']

THUMBNAIL = 96  # pixels of the longer side, at most


class Shown(NamedTuple):
  """A picture as a page has it."""

  title: str
  caption: str
  wide: str
  narrow: str | None


def render_page(
  experiment: Experiment,
  results: Mapping[str, Any],
  scores: Sequence[Sequence[str]],
  pictures: Sequence[Picture],
  some: Gallery,
  worst: Gallery | None,
) -> str:
  """The report of a run as HTML.

  Args:
    experiment: of the run.
    results: as in results.json.
    scores: `score_table` of them.
    pictures: of the run.
    some: queries from all over the query set.
    worst: those of the lowest average precision.

  Returns:
    The text of the page. Pictures are inside of it.
  """
  import jinja2

  template = jinja2.Environment(
    loader=jinja2.PackageLoader('jaxhash.training', ''),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  ).get_template('report.html.jinja')
  first, split = results['query_database'], experiment.split
  facts = {
    'bits': first.get('num_bits', results['method'].get('num_bits')),
    'ranked by': 'Hamming distance'
    if 'num_bits' in first
    else "the method's own distance",
    'data set': experiment.dataset.name,
    'encoder': results['encoder']['name'],
    'seed': results['seed'],
    'step': f'{results["step"]:,} of {experiment.num_steps:,}',
    'rows': f'{len(split.train):,} train, {len(split.query):,} query, '
    f'{len(split.database):,} database, {len(split.val):,} val',
  }
  with tempfile.TemporaryDirectory() as folder:
    shown = [_shown(picture, pathlib.Path(folder)) for picture in pictures]
  galleries = [
    (
      'Queries and their nearest',
      'Evenly spaced over the query set, each with the items nearest to it.',
      _queries(some, experiment.dataset),
    )
  ]
  if worst is not None:
    galleries.append(
      (
        'Worst queries',
        'Those of the lowest average precision (AP) that have relevant items.',
        _queries(worst, experiment.dataset),
      )
    )
  return template.render(
    method=method_name(results),
    reconstruction=results['reconstruction'],
    score=first['mAP'],
    protocol=first['protocol'],
    facts=facts,
    scores=scores,
    pictures=shown,
    galleries=galleries,
    digests={
      'split': f'{results["split"]} [{results["split_digest"]}]',
      'evaluation': f'{first["protocol"]} [{first["protocol_digest"]}]',
      'data': results['data_digest'],
      **results['versions'],
    },
    config=json.dumps(experiment.config, indent=2, sort_keys=True),
  )


def _shown(picture: Picture, folder: pathlib.Path) -> Shown:
  def drawn(draw: Callable[[pathlib.Path], None]) -> str:
    path = folder / 'picture.svg'
    draw(path)
    return _data_uri(path.read_bytes(), 'svg+xml')

  narrow = picture.narrow and drawn(picture.narrow)
  return Shown(picture.title, picture.caption, drawn(picture.draw), narrow)


def _data_uri(content: bytes, kind: str) -> str:
  return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'


def _queries(gallery: Gallery, dataset: Dataset) -> list[dict[str, Any]]:
  """Each query with its nearest, as the template wants them."""
  every = np.concatenate([gallery.query[:, None], gallery.rows], axis=1)
  images = np.full(every.shape, '', object)
  if has_images(dataset):
    pixels = np.asarray(dataset.inputs[every.reshape(-1)])
    images = np.array([_thumbnail(image) for image in pixels], object)
    images = images.reshape(every.shape)
  return [
    {
      'name': class_names_of(dataset, int(row)),
      'image': images[i, 0],
      'precision': gallery.average_precision[i],
      'neighbours': [
        {
          'name': class_names_of(dataset, int(near)),
          'image': image,
          'distance': f'{distance:.4g}',
          'correct': bool(correct),
        }
        for near, image, distance, correct in zip(
          gallery.rows[i],
          images[i, 1:],
          gallery.distances[i],
          gallery.correct[i],
        )
      ],
    }
    for i, row in enumerate(gallery.query)
  ]


def _thumbnail(image: np.ndarray) -> str:
  from PIL import Image

  if image.dtype != np.uint8:
    image = (255 * np.clip(image, 0, 1)).round().astype(np.uint8)
  picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
  picture.thumbnail((THUMBNAIL, THUMBNAIL))
  file = io.BytesIO()
  small = max(picture.size) <= THUMBNAIL // 2  # pixels that are to be seen
  kind, how = ('png', {}) if small else ('jpeg', {'quality': 88})
  picture.save(file, kind, **how)
  return _data_uri(file.getvalue(), kind)
