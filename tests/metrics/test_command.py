import json

import numpy as np
import pytest

from jaxhash import metrics, taxonomy
from tests import processes
from tests.metrics import problems


def run(*flags):
  return processes.run('jaxhash.metrics', *flags)


@pytest.fixture
def saved(tmp_path):
  """Files of a small problem, the flags that name them, and the arrays."""
  arrays = {
    'query_codes': np.packbits(problems.codes(0, 30, 12) > 0, axis=1),
    'database_codes': np.packbits(problems.codes(1, 90, 12) > 0, axis=1),
    'query_labels': problems.labels(2, 30, 'single').clip(0),
    'database_labels': problems.labels(3, 90, 'single').clip(0),
    'query_ids': np.arange(30),
    'database_ids': np.arange(90),
  }
  for name, array in arrays.items():
    np.save(tmp_path / f'{name}.npy', array)
  flags = [f'--{name}={tmp_path / name}.npy' for name in arrays]
  return [*flags, '--num_bits=12'], arrays


def test_table_json_and_comparison(saved, tmp_path):
  flags, arrays = saved
  tree = {'root': [['d', 'b'], ['c', 'a']]}
  (tmp_path / 'names.txt').write_text('a\nb\nc\nd\n')
  (tmp_path / 'tree.json').write_text(json.dumps(tree))
  done = run(
    *flags,
    '--like=hashnet',
    '--at=20',
    '--precision_at=1,5',
    '--ndcg_at=5',
    '--hierarchical_at=5',
    f'--taxonomy={tmp_path / "tree.json"}',
    f'--class_names={tmp_path / "names.txt"}',
    '--similarity=wu_palmer',
    '--radius=-1',
    '--by_class',
    f'--json={tmp_path / "results.json"}',
    f'--save={tmp_path / "scores.npz"}',
  )
  assert done.returncode == 0, done.stderr
  written = json.loads((tmp_path / 'results.json').read_text())
  expected = metrics.evaluate(
    **arrays,
    protocol=metrics.published_protocol('hashnet', 20),
    num_bits=12,
    measures=metrics.Measures((1, 5), (5,), (5,), radius=None),
    similarity=taxonomy.similarities(
      taxonomy.read_taxonomy(
        tmp_path / 'tree.json', classes=['a', 'b', 'c', 'd']
      ),
      kind='wu_palmer',
    ),
    bootstrap=1000,
    by_class=True,
  )
  expected['code_health'] = metrics.code_health(
    arrays['database_codes'], num_bits=12
  )
  assert written == json.loads(json.dumps(expected))
  lines = done.stdout.splitlines()
  assert lines[0] == expected['protocol']
  assert lines[1] == '30 queries, 90 items, 12 bits'
  low, high = expected['intervals']['mAP']
  row = f'mAP  {expected["mAP"]:.4f}  {low:.4f} to {high:.4f}'
  assert row.split() in [line.split() for line in lines]
  for name in ('mAHP@5', 'NDCG@5', 'tie_difference'):
    assert any(line.startswith(name) for line in lines)
  assert any(line.split()[:1] == ['3'] for line in lines)  # of the classes

  scores = f'--compare={tmp_path / "scores.npz"}'
  same = run(*flags, '--like=hashnet', '--at=20', '--bootstrap=0', scores)
  count = int(metrics.load_scores(tmp_path / 'scores.npz').weights['mAP'].sum())
  assert 0 < count < 30  # a query that finds nothing is left out
  assert f'the same for {count} queries; sign test p = 1' in same.stdout
  other = run(*flags, '--at=20', scores)
  assert other.returncode == 1
  assert other.stderr.splitlines()[-1].startswith('error: ')
  assert 'another protocol: mAP@20 ties=database_order' in other.stderr


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'query_codes': None}, 'needed: --query_codes; see --help'),
    ({'num_bits': None}, 'packed codes need num_bits'),
    (
      {'querycodes': 'q.npy'},
      "no flag 'querycodes' (did you mean 'query_codes'?); see --help",
    ),
    ({'ties': 'bset'}, "got 'bset' (did you mean 'best'?)"),
    ({'query_labels': 'nowhere.npy'}, 'nowhere.npy'),
    ({'precision_at': '1,x'}, '--precision_at must be numbers of items'),
    ({'hierarchical_at': '5'}, '--hierarchical_at needs --taxonomy=FILE'),
    ({'json': 'no_folder/x.json'}, 'no folder for no_folder/x.json'),
    ({'like': 'hashnet', 'ties': 'best'}, 'says what --ties would'),
    ({'compare': __file__}, 'is no file of scores'),
    ({'json': '/'}, '/ is a folder, not a file'),
    ({'taxonomy': 'cifar100'}, 'is for --hierarchical_at and --ndcg_at'),
    ({'query_codes': __file__}, 'is no .npy file of numbers'),
    (
      {'taxonomy': __file__, 'ndcg_at': '1'},
      'does not say the order of labels: --class_names',
    ),
  ],
)
def test_one_line_of_error(saved, change, message):
  flags, _ = saved
  names = [flag.partition('=')[0][2:] for flag in flags]
  kept = [f for f, name in zip(flags, names) if name not in change]
  changed = [f'--{k}={v}' for k, v in change.items() if v is not None]
  done = run(*kept, *changed)
  assert done.returncode == 1 and not done.stdout
  (line,) = done.stderr.splitlines()
  assert line.startswith('error: ') and message in line
