"""The files of a workdir."""

import json

import numpy as np
import pytest

from jaxhash.training import RunError, WorkdirError, logs, workdir


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
  path = tmp_path / 'a' / 'x.json'
  workdir.write_json(path, {'a': 1})
  with pytest.raises(TypeError):
    workdir.write_json(path, {'a': object()})
  assert json.loads(path.read_text()) == {'a': 1}


def test_a_folder_that_cannot_be_written(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(RunError, match=r'cannot write .*x\.json'):
    workdir.write_json(tmp_path / 'file' / 'x.json', {})


def test_json_lines_survive_a_torn_end(tmp_path):
  path = tmp_path / 'm.jsonl'
  for step in (1, 2, 3):
    logs.append(path, {'step': step, 'loss': np.float32(step)})
  logs.append(path, {'step': 4, 'loss': float('nan')})
  with path.open('a') as f:
    f.write('{"step": 5, "l')
  assert [r['loss'] for r in logs.read(path)] == [1, 2, 3, None]
  logs.truncate(path, 2)
  assert [r['step'] for r in logs.read(path)] == [1, 2]
  assert path.read_text().endswith('\n')


def test_only_the_difference_of_configs_is_shown(tmp_path):
  workdir.claim(tmp_path, {'a': {'b': 1, 'c': 2}, 'd': []})
  workdir.claim(tmp_path, {'a': {'b': 1, 'c': 2}, 'd': ()})
  with pytest.raises(WorkdirError) as error:
    workdir.claim(tmp_path, {'a': {'b': 1, 'c': 3}, 'd': [], 'e': 0})
  assert 'a.c: 2 there, 3 given' in str(error.value)
  assert "e: '(absent)' there, 0 given" in str(error.value)
  assert 'a.b' not in str(error.value)


def test_no_workdir(tmp_path):
  with pytest.raises(WorkdirError, match=r'has no config\.json'):
    workdir.read_config(tmp_path)
