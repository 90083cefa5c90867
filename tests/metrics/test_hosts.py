import json
import os
import socket
import subprocess
import sys

import numpy as np

from jaxhash import metrics
from tests.metrics.problems import problem

HOST = """
import json, sys
import jax
import numpy as np

number, port = int(sys.argv[1]), sys.argv[2]
jax.distributed.initialize(f'localhost:{port}', 2, number)
from jaxhash import metrics
from tests.metrics.problems import problem

query, database, query_labels, labels = problem(items=41)
part = slice(0, 20) if number == 0 else slice(20, None)
args = query, database[part], query_labels, labels[part]
counts = metrics.sum_over_hosts(metrics.histograms(*args))
similarity = np.eye(4) + 0.5
graded = metrics.sum_over_hosts(
  metrics.graded_histograms(*args, similarity=similarity)
)
found = counts.all, counts.relevant, graded.counts
print(json.dumps([np.asarray(x).tolist() for x in found]))
"""


def test_two_hosts_hold_half_of_the_database_each():
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = str(free.getsockname()[1])
  environment = {**os.environ, 'XLA_FLAGS': '', 'JAX_PLATFORMS': 'cpu'}
  hosts = [
    subprocess.Popen(
      [sys.executable, '-c', HOST, str(number), port],
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for number in range(2)
  ]
  outputs = [host.communicate(timeout=240) for host in hosts]
  assert [host.returncode for host in hosts] == [0, 0], outputs
  args = problem(items=41)
  counts = metrics.histograms(*args)
  graded = metrics.graded_histograms(*args, similarity=np.eye(4) + 0.5)
  for output, _ in outputs:
    found = json.loads(output.splitlines()[-1])
    for a, b in zip(found, (counts.all, counts.relevant, graded.counts)):
      np.testing.assert_array_equal(a, b)
