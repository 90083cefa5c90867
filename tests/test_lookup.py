"""Names that configs may give, and what is said of wrong ones."""

import inspect

import pytest

from jaxhash import lookup

PACKAGES = {
  'jaxhash.encoders': 'width',
  'jaxhash.methods': 'num_bits',
  'jaxhash.data.protocols': 'dataset',
}


@pytest.mark.parametrize('package', PACKAGES)
def test_what_is_found_is_of_its_kind(package):
  for name, function in lookup.known(package).items():
    assert (
      next(iter(inspect.signature(function).parameters)) == (PACKAGES[package])
    ), name


@pytest.mark.parametrize(
  ('config', 'message'),
  [
    ({'name': 'ccn'}, r"encoder 'ccn' \(did you mean 'cnn'\?\); known: cnn, "),
    ({'nam': 'cnn'}, 'the config of the encoder has no "name"'),
    ({'name': 'cnn', 'nme': 1}, r"'nme' \(did you mean 'name'\?\); it takes"),
    ({'name': 'cnn', 'hiden': 1}, r"'hiden' \(did you mean 'hidden'\?\)"),
  ],
)
def test_a_typo_suggests_what_is_near(config, message):
  with pytest.raises(ValueError, match=message):
    lookup.build(config, 16, package='jaxhash.encoders', kind='encoder')


def test_what_is_no_text_has_nothing_near():
  with pytest.raises(ValueError, match='unknown head 3; known: linear, bn'):
    lookup.check_known('head', 3, ('linear', 'bn'))
