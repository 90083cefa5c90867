import dataclasses
import hashlib
import json

import jaxtyping
import pytest

from jaxhash.metrics import EvaluationProtocol


def test_one_line():
  assert (
    str(EvaluationProtocol(at=5000))
    == 'mAP@5000 ties=expected denominator=retrieved empty=zero'
  )
  assert str(EvaluationProtocol(denominator='min', empty='skip')) == (
    'mAP@ALL ties=expected denominator=min empty=skip'
  )
  assert str(EvaluationProtocol(area='trapezoids')).endswith(
    'empty=zero area=trapezoids'
  )


def test_digest_is_of_the_fields_alone():
  protocols = [
    EvaluationProtocol(),
    EvaluationProtocol(at=1000),
    EvaluationProtocol(denominator='min'),
    EvaluationProtocol(empty='skip'),
    EvaluationProtocol(ties='best'),
    EvaluationProtocol(area='trapezoids'),
    EvaluationProtocol(ties='database_order'),
    EvaluationProtocol(transductive=True),
  ]
  assert len({p.digest() for p in protocols}) == len(protocols)
  for protocol in protocols:
    values = json.loads(json.dumps(protocol.to_dict()))
    assert EvaluationProtocol(**values) == protocol
    assert EvaluationProtocol(**values).digest() == protocol.digest()


def test_digests_of_before_there_was_transductive_stay():
  # Of the fields as they were: results that were saved then still compare.
  fields = EvaluationProtocol(at=7).to_dict()
  assert fields.pop('transductive') is False
  text = json.dumps(fields, sort_keys=True, separators=(',', ':'))
  digest = hashlib.sha256(text.encode()).hexdigest()[:12]
  assert EvaluationProtocol(at=7).digest() == digest
  assert str(EvaluationProtocol(transductive=True)).endswith(' transductive')


def test_frozen():
  with pytest.raises(dataclasses.FrozenInstanceError):
    EvaluationProtocol().at = 3


@pytest.mark.parametrize(
  ('kwargs', 'message'),
  [
    ({'at': 0}, 'int >= 1, got 0'),
    ({'transductive': 1}, 'must be True or False, got 1'),
    ({'at': -1}, 'int >= 1, got -1'),
    ({'at': True}, 'int >= 1, got True'),
    ({'at': 10.0}, r'int >= 1, got 10\.0'),
    ({'denominator': 'all'}, "'all'; known: retrieved, relevant, min"),
    ({'empty': 'drop'}, "'drop'; known: zero, skip"),
    ({'ties': 'random'}, "'random'; known: expected, database_order, best"),
    ({'ties': None}, 'known: expected'),
    ({'area': 'all'}, "'all'; known: steps, trapezoids"),
  ],
)
def test_bad_values(kwargs, message, monkeypatch):
  monkeypatch.setattr(jaxtyping.config, 'jaxtyping_disable', True)
  with pytest.raises(ValueError, match=message):
    EvaluationProtocol(**{'at': None, **kwargs})
