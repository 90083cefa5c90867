# %% [markdown]
# # Add a method in one file
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/jaxhash/blob/main/colabs/04_add_a_method.ipynb)
#
# From an idea to a hashing method that trains, resumes and is scored like those
# of the package, without a change to the package. You write one file with one
# function, and then check what every method has to keep to.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec('jaxhash') is None:  # on Colab, say
  package = 'jaxhash[data,plots,search]'
  address = 'git+https://github.com/OWNER/jaxhash'
  subprocess.run(
    [sys.executable, '-m', 'pip', 'install', '-q', f'{package} @ {address}'],
    check=True,
  )

# %%
import importlib
import json
import pathlib

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image
from jax.test_util import check_grads

from jaxhash import core, methods, plots, search, training

plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## The idea
#
# AdaLabelHash learns the codewords of the classes, and compares the own one of
# a row with the best of the others alone. What if all the others count, each by
# how near it is? That is a classifier whose scores are minus the distances to
# learnt codewords. Two things could go wrong, and get an answer each:
#
# - Codewords of two classes may come to lie together: those nearer than $m$
#   bits repel each other.
# - A bit that has the same sign for all images says nothing: the logits are
#   centered by their running mean $\mu$.
#
# With codes $h = \tanh(a - \mu)$ of logits $a$, codewords $c = \tanh(E)$ of a
# table $E$ that is trained, and $d(u, v) = \frac12 (K - \langle u, v \rangle)$,
# which for binary $u$ and $v$ is the Hamming distance,
#
# $$L = -\frac1N \sum_n \log \frac{e^{-d(h_n, c_{y_n}) / T}}{\sum_j e^{-d(h_n,
# c_j) / T}} + \frac{\lambda}{C (C - 1)} \sum_{i \ne j} \max\Big(0, 1 -
# \frac{d(c_i, c_j)}{m}\Big)^2.$$
#
# Whether that is any good we do not know yet. It is an example, and not claimed
# to be new.
#
# ## The file
#
# A method is a named tuple of pure functions, `jaxhash.core.HashMethod`. Ours
# needs six of its fields:
#
# | field | in this method |
# | --- | --- |
# | `width` | how many logits the network must give: $K$ |
# | `init` | the variables: trained `params`, $E$, and `state`, $\mu$ |
# | `loss` | the scalar, and metrics for the log |
# | `update` | the new `state` after a step: the running mean |
# | `encode` | the binary codes: signs of the centered logits |
# | `codewords` | the binary codewords, for reports and pictures |
#
# The functions get everything as arguments and change nothing: that is why the
# train loop can compile, resume and run them on several devices.

# %%
SOURCE = r'''
"""Soft codewords: a classifier by distances to codewords that are learnt."""

import jax
import jax.numpy as jnp

from jaxhash import binarize, losses
from jaxhash.core import Aux, HashMethod, Variables

__all__ = ['soft_codewords']


def soft_codewords(
  num_bits, *, temperature=2.0, separation=None, repulsion=1.0, momentum=0.9
):
  """The method; `separation` is m, by default half of the bits."""
  least = num_bits / 2 if separation is None else separation

  def init(key, info):
    if info.labels.ndim != 1:
      raise ValueError('soft_codewords is for one class a row')
    table = 0.1 * jax.random.normal(key, (info.num_classes, num_bits))
    return Variables(
      params={'codewords': table}, state={'mean': jnp.zeros(num_bits)}
    )

  def distances(u, v):
    return (num_bits - losses.inner_products(u, v)) / 2

  def loss(variables, outputs, batch, *, key, step):
    known = losses.has_label(batch['labels'])[:, None]
    logits = jnp.where(known, outputs.logits, 0.0)
    codes = jnp.tanh(logits - variables.state['mean'][None])
    words = jnp.tanh(variables.params['codewords'])
    scores = -distances(codes, words) / temperature
    classification = losses.classification_loss(scores, batch['labels'])
    others = 1 - jnp.eye(len(words))
    near = jax.nn.relu(1 - distances(words, words) / least)
    repelled = (others * jnp.square(near)).sum() / others.sum()
    value = classification + repulsion * repelled
    metrics = {
      'loss': value,
      'classification_loss': classification,
      'repulsion_loss': repelled,
      'mean_abs_code': jnp.abs(codes).mean(),
    }
    return value, Aux(metrics)

  def update(variables, outputs, aux, batch, *, key, step):
    mean = variables.state['mean']
    seen = outputs.logits.mean(axis=0)
    return {'mean': momentum * mean + (1 - momentum) * seen}

  def encode(variables, outputs):
    centered = outputs.logits - variables.state['mean'][None]
    return binarize.codes_from_logits(centered)

  def codewords(variables):
    return binarize.codes_from_logits(variables.params['codewords'])

  return HashMethod(
    width=num_bits,
    init=init,
    loss=loss,
    update=update,
    encode=encode,
    codewords=codewords,
  )
'''
pathlib.Path('my_methods.py').write_text(SOURCE.lstrip())
sys.path.insert(0, str(pathlib.Path.cwd()))  # where we look for it
importlib.invalidate_caches()

# %% [markdown]
# `my_methods:soft_codewords` is now a name like any other: in a config, on the
# command line (`--config.method.name=my_methods:soft_codewords`) and for
# `methods.get`. Nothing is registered.

# %%
method = methods.get('my_methods:soft_codewords')(16)
for field, value in zip(method._fields, method):
  print(
    f'{field:20}', value if isinstance(value, int) else type(value).__name__
  )

# %% [markdown]
# The fields that we left out have these purposes:
#
# | field | what for | example |
# | --- | --- | --- |
# | `solve` | a closed-form step at the end of each round | `adsh`, `schn` |
# | `bank` | codes of train rows that are learnt directly | `adsh`, `schn` |
# | `distance` | how far codes are, if not by Hamming distance | `deepquan` |
# | `symmetric_distance` | the same of quantised queries | `deepquan` |
# | `stages` | what is found out before, once, and saved | `shc`, `ssdh` |
# | `reconstruction` | what had to be guessed, for reports | `shrewd`, `dhe` |
#
# ## Check: the gradient
#
# The gradient by JAX must agree with finite differences, and a row without a
# label (-1) must not have any, even if its logits are not finite.

# %%
keys = jax.random.split(jax.random.key(0), 3)
logits = jax.random.normal(keys[0], (6, 16))
labels = jnp.array([0, 0, 1, 2, 3, -1])
outputs = core.Outputs(features=logits, logits=logits)
info = core.Info(logits, outputs, num_classes=4, labels=labels)
variables = method.init(keys[1], info)


def loss_of(params, logits):
  """The loss as a function of all that is trained."""
  return method.loss(
    variables._replace(params=params),
    core.Outputs(logits, logits),
    {'labels': labels},
    key=keys[2],
    step=0,
  )[0]


check_grads(loss_of, (variables.params, logits), order=1, modes=['rev'])
broken = logits.at[-1].set(jnp.nan)
gradients = jax.grad(loss_of, argnums=(0, 1))(variables.params, broken)
finite = all(bool(jnp.isfinite(g).all()) for g in jax.tree.leaves(gradients))
print('agrees with finite differences')
print('finite with a NaN in a row without a label:', finite)

# %% [markdown]
# The second line is not a matter of course. A mask on the loss alone would
# leave 0 times NaN in the gradient of the table: `loss` has to put zeros in the
# logits of such rows before anything is computed from them.
#
# ## Check: one compilation
#
# A loss that is traced anew at every step is slow without being wrong. We count
# how often Python runs through it while the compiled step is called ten times.

# %%
config = training.default_config()
training.merge(
  config,
  {
    'method': {'name': 'my_methods:soft_codewords', 'num_bits': 32},
    'optimizer': {
      'learning_rate': 3e-3,
      'groups': {'method/codewords': {'learning_rate': 1e-2}},
    },
    'log_every': 10,
    'eval_every': 30,
    'checkpoint_every': 50,
  },
)
experiment = training.build(config.to_dict())
traces = []


def counted(*args, **kwargs):
  """The loss, and a note that it was traced."""
  traces.append(1)
  return experiment.method.loss(*args, **kwargs)


step = training.compile_step(
  experiment._replace(method=experiment.method._replace(loss=counted))
)
state = training.initial_state(experiment)
for i in range(10):
  state, metrics = step(
    state, experiment.pipeline.data, experiment.pipeline.batch(i)
  )
print(f'{int(state.step)} steps, traced {len(traces)} time(s)')
assert len(traces) == 1

# %% [markdown]
# ## Check: a run that was stopped goes on with the same bits
#
# All that a run depends on must be in the variables, the batch, the key and the
# number of the step, and nothing in a global. Then a run that crashed and is
# started again ends in the same state as one that never stopped, bit for bit.
# Here the second run crashes at step 120; its last checkpoint is of step 100.

# %%
whole = training.train(experiment, pathlib.Path('runs/whole'))


def crash(number):
  """The batches of the run, up to a power cut."""
  if number == 120:
    raise RuntimeError('power cut')
  return experiment.pipeline.batch(number)


crashing = experiment.pipeline._replace(batch=crash)
try:
  training.train(
    experiment._replace(pipeline=crashing), pathlib.Path('runs/parts')
  )
except RuntimeError as e:
  print('stopped by', e)
parts = training.train(experiment, pathlib.Path('runs/parts'), say=print)
same = np.array_equal(
  training.state_digest(whole), training.state_digest(parts)
)
print('the same state, bit for bit:', same)
assert same

# %% [markdown]
# ## What training did

# %%
log = pathlib.Path('runs/whole/metrics.jsonl').read_text()
records = [json.loads(line) for line in log.splitlines()]
plots.training_curves(records, 'training_curves.png')
Image('training_curves.png', width=800)

# %%
names = experiment.dataset.class_names
fig, panels = plt.subplots(1, 2, figsize=(9, 4.2), layout='constrained')
for axes, (title, at) in zip(
  panels,
  {'before': training.initial_state(experiment), 'after': whole}.items(),
):
  words = experiment.method.codewords(training.method_variables(at))
  bits = np.asarray(search.hamming_distances(words, words))
  image = axes.imshow(bits, cmap='cividis', vmin=0, vmax=32)
  for i, j in np.ndindex(bits.shape):
    color = 'white' if bits[i, j] < 16 else 'black'
    axes.text(
      j, i, bits[i, j], ha='center', va='center', color=color, fontsize=8
    )
  axes.set_xticks(range(10), names)
  axes.set_yticks(range(10), names)
  least = bits[~np.eye(10, dtype=bool)].min()
  axes.set(xlabel='class', ylabel='class')
  axes.set_title(f'codewords {title} training, least distance {least}')
  axes.spines[:].set_visible(False)
fig.colorbar(image, ax=panels, label='Hamming distance, bits', shrink=0.8)
plt.show()

# %% [markdown]
# Nothing told the method which classes are alike. After training the codewords
# of 3, 8 and 9 are 8 to 14 bits apart, those of 3 and 6 are 27. The repulsion
# stays near a thousandth of what the classification loss began with: whether it
# is needed at all would be the first thing to try.
#
# ## Beside an existing method
#
# AdaLabelHash with the same network, split, optimiser and number of steps, and
# LSH on the pixels. mAP is the expectation over the orders of tied items.

# %%
baseline = config.copy_and_resolve_references()
training.merge(
  baseline,
  {'method': {'name': 'adalabelhash', 'num_bits': 32, 'margin': 16.0}},
)
other = training.build(baseline.to_dict())
encode = training.RowEncoder(other)
trained = training.train(other, pathlib.Path('runs/other'), encode=encode)
results = {
  'soft codewords': training.evaluate(
    experiment, whole, training.RowEncoder(experiment)
  ),
  'AdaLabelHash': training.evaluate(other, trained, encode),
  'LSH': training.evaluate_shallow(experiment, 'lsh', 32),
}
print(f'{"32 bits":16}  database  not trained on    val  distinct codes')
for name, result in results.items():
  scores = [
    result[part]['mAP']
    for part in ('query_database', 'query_database_without_train', 'val')
  ]
  distinct = result['code_health']['distinct_codes']
  print(
    f'{name:16}  {scores[0]:8.3f}  {scores[1]:14.3f}  {scores[2]:5.3f}  '
    f'{distinct:14}'
  )
print(results['LSH']['query_database']['protocol'])

# %% [markdown]
# One seed of a set of 1,797 images does not tell two methods apart that are
# both near 1. What it does tell: the new method learns, far above LSH, and
# breaks nothing.
#
# ## From here to a method of the package
#
# - `jaxhash/methods/NAME.py` with the same function; it is then found by its
#   name alone, and the suite of `tests/test_toy_methods.py` puts it through
#   what we did here, and through several devices and several seeds at once.
# - The loss on arrays goes to `jaxhash/losses`, with a plain NumPy version of
#   its equation to test it against.
# - Arguments are checked where they are given, and the docstring names the
#   source, the equation and every departure. `CONTRIBUTING.md` has the list.
# - Several seeds and data sets, and `val` to choose temperature and margin by,
#   come before any claim.
