# %% [markdown]
# # Why two mAPs differ
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/jaxhash/blob/main/colabs/03_why_two_maps_differ.ipynb)
#
# Two papers report the mAP of a method by different numbers, and both are
# right: mAP is a family of scores. Here one set of codes is scored by many
# rules, to see which of them move the number, by how much, and what a report
# has to say so that its number can be compared.

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
import dataclasses

import jax
import matplotlib.pyplot as plt
import numpy as np

from jaxhash import metrics, plots
from jaxhash.data.protocols.digits import digits as digits_split
from jaxhash.data.sources.digits import digits
from jaxhash.data.splits import split_digest
from jaxhash.metrics import EvaluationProtocol
from jaxhash.shallow import itq, lsh

plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## The codes
#
# ITQ and LSH codes of scikit-learn's digits, 16 and 64 bits: 200 queries search
# 1,597 images. These codes stay as they are for the rest of the notebook; only
# the rules change.

# %%
dataset = digits()
split = digits_split(dataset)
labels = dataset.labels
pixels = (dataset.inputs.reshape(len(labels), -1) / 255).astype(np.float32)
key = jax.random.key(0)

codes = {}
for name, method in {'ITQ': itq, 'LSH': lsh}.items():
  for num_bits in (16, 64):
    model = method.fit(pixels[split.train], key, num_bits=num_bits)
    codes[name, num_bits] = np.asarray(method.encode(model, pixels))


def score(which, protocol, database=split.database, query=split.query):
  """The mAP of some codes by a protocol."""
  return metrics.evaluate(
    codes[which][query],
    codes[which][database],
    labels[query],
    labels[database],
    protocol,
  )['mAP']


for which in codes:
  print(*which, f'bits: {score(which, EvaluationProtocol()):.3f}')

# %% [markdown]
# ## Ties
#
# The Hamming distance of codes of 16 bits is a whole number from 0 to 16. With
# 1,597 images most are at the same distance as many others, and the codes do
# not say which of these comes first.

# %%
counts = {
  num_bits: metrics.histograms(
    codes['ITQ', num_bits][split.query],
    codes['ITQ', num_bits][split.database],
    labels[split.query],
    labels[split.database],
  )
  for num_bits in (16, 64)
}

fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout='constrained')
for axis, (num_bits, histograms) in zip(axes, counts.items()):
  everything = np.asarray(histograms.all)
  relevant = np.asarray(histograms.relevant).mean(axis=0)
  distance = np.arange(num_bits + 1)
  axis.bar(distance, relevant, color=plots.COLORS[2], label='relevant')
  axis.bar(
    distance,
    everything.mean(axis=0) - relevant,
    bottom=relevant,
    color=plots.COLORS[4],
    label='not relevant',
  )
  # An image picked at random shares its distance with so many others.
  tied = (everything * (everything - 1)).sum(axis=1) / everything.sum(axis=1)
  axis.set(
    title=f'{num_bits} bits: an image is tied with {tied.mean():.0f} others',
    xlabel='Hamming distance from the query',
    ylabel='images, mean over queries',
  )
  axis.grid(True, axis='y')
axes[0].set_xticks(range(0, 17, 4))
axes[0].legend()
plt.show()

# %% [markdown]
# Where a bar has both colours the order of its images is open, and with it the
# average precision. Four answers are in use:
#
# - `expected`: the mean over all orders, in closed form;
# - `database_order`: as the images come in the database, by a stable sort;
# - `best` and `worst`: relevant images first, or last. An unstable sort gives
#   something between these two.

# %%
TIES = ('best', 'expected', 'database_order', 'worst')
print(f'{"mAP@ALL":12}' + ''.join(f'{ties:>16}' for ties in TIES))
by_ties = {
  which: [score(which, EvaluationProtocol(ties=ties)) for ties in TIES]
  for which in codes
}
for (name, num_bits), values in by_ties.items():
  print(f'{name} {num_bits} bits ' + ''.join(f'{x:16.3f}' for x in values))

fig, axis = plt.subplots(figsize=(7, 2.8), layout='constrained')
for row, (best, expected, _, worst) in enumerate(by_ties.values()):
  axis.barh(row, best - worst, 0.35, worst, color=plots.COLORS[5])
  axis.plot(expected, row, 'o', color=plots.COLORS[0], ms=8)
axis.set_yticks(
  range(len(codes)), [f'{name}, {num_bits} bits' for name, num_bits in codes]
)
axis.set(
  xlim=(0.3, 0.75),
  xlabel='mAP@ALL: from the worst to the best order, dot: expected',
)
axis.set_ylim(len(codes) - 0.5, -0.5)
axis.grid(True, axis='x')
plt.show()

# %% [markdown]
# The shorter the code, the longer the bar. Look at ITQ with 16 bits and LSH
# with 64: in expectation ITQ is better, and if both are scored by the worst
# order LSH is. Nothing but the rule for ties has changed.

# %%
for ties in ('expected', 'worst'):
  values = {
    which: score(which, EvaluationProtocol(ties=ties))
    for which in (('ITQ', 16), ('LSH', 64))
  }
  first = max(values, key=values.get)
  print(f'{ties:9}', *(f'{x:.3f}' for x in values.values()), 'better:', *first)

# %% [markdown]
# ## A shuffled database
#
# A database has no natural order. In database order the same codes have another
# score for each order of the same images: here 200 random ones, and one that is
# sorted by class, as folders of images often are.

# %%
rng = np.random.default_rng(0)
orders = [rng.permutation(split.database) for _ in range(200)]
by_class = split.database[np.argsort(labels[split.database], kind='stable')]
stable = EvaluationProtocol(ties='database_order')

fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout='constrained')
for axis, num_bits in zip(axes, (16, 64)):
  which = 'ITQ', num_bits
  shuffled = np.array([score(which, stable, rows) for rows in orders])
  expected = score(which, EvaluationProtocol())
  in_classes = score(which, stable, by_class)
  axis.hist(shuffled, 20, color=plots.COLORS[5], label='200 shuffled databases')
  axis.axvline(expected, color=plots.COLORS[0], lw=2, label='expected')
  axis.axvline(
    in_classes, color=plots.COLORS[1], lw=2, ls='--', label='sorted by class'
  )
  axis.set(title=f'ITQ, {num_bits} bits', xlabel='mAP@ALL in database order')
  axis.ticklabel_format(useOffset=False)
  axis.locator_params(axis='x', nbins=5)
  print(
    f'{num_bits} bits: shuffled {shuffled.min():.4f} to {shuffled.max():.4f}, '
    f'their mean {shuffled.mean():.4f}, expected {expected:.4f}, '
    f'sorted by class {in_classes:.4f}'
  )
axes[0].set_ylabel('databases')
fig.legend(
  *axes[0].get_legend_handles_labels(), loc='outside lower center', ncols=3
)
plt.show()

# %% [markdown]
# The mean over shuffles is the expected mAP: what the closed form computes, 200
# sorts only estimate. Over all ranks and 200 queries luck evens out, so that
# random orders differ little; an order with a system need not be like any of
# them. For single queries, or few ranks, luck is worth more:

# %%
top = dataclasses.replace(stable, at=10)
one, another = (
  metrics.score_codes(
    codes['ITQ', 16][split.query],
    codes['ITQ', 16][rows],
    labels[split.query],
    labels[rows],
    top,
  ).values['mAP']
  for rows in orders[:2]
)
print(f'mAP@10 in two orders of the database: {one.mean():.3f}, ', end='')
print(f'{another.mean():.3f}')
difference = np.abs(one - another)
print(
  f'AP@10 of a query: mean difference {difference.mean():.3f}, greatest '
  f'{difference.max():.3f}'
)

# %% [markdown]
# ## Cut-offs and denominators
#
# mAP@R looks at the first R images. The sum of the precisions at the relevant
# ones is then divided by
#
# - `retrieved`: the relevant images among the first R (most hashing papers);
# - `relevant`: all relevant images of the database;
# - `min`: the smaller of these and R.
#
# At R = ALL the three are the same. At small R they are different questions:
# the first never asks how many relevant images were missed.

# %%
CUTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1597]
DENOMINATORS = {'retrieved': '-', 'min': '--', 'relevant': ':'}
fig, axes = plt.subplots(
  1, 2, figsize=(9, 3.6), layout='constrained', sharey=True
)
for axis, num_bits in zip(axes, (16, 64)):
  for color, (rule, line) in zip(plots.COLORS, DENOMINATORS.items()):
    values = [
      score(('ITQ', num_bits), EvaluationProtocol(at=at, denominator=rule))
      for at in CUTS
    ]
    axis.plot(
      CUTS, values, line, color=color, lw=2, marker='o', ms=4, label=rule
    )
  axis.set(
    xscale='log', title=f'ITQ, {num_bits} bits', xlabel='R', ylim=(0, 1.02)
  )
  axis.set_xticks([1, 10, 100, 1000], ['1', '10', '100', '1000'])
  axis.grid(True)
axes[0].set_ylabel('mAP@R, expected order')
axes[0].legend(title='denominator', loc='lower right')
plt.show()

# %% [markdown]
# By `retrieved` a smaller R gives a higher number, but for the smallest: with
# it, 16 bits at R = 100 beat 64 bits at R = ALL. The same ranking by `relevant`
# is near 0 at R = 10, for no query can find its 160 or so relevant images in
# ten places.
#
# A tiny example of what `retrieved` does: two rankings of five images, three of
# them relevant (`+`), scored at R = 3.

# %%
query = np.ones((1, 4), np.int8)
five = np.where(np.arange(4) < np.arange(5)[:, None], -1, 1)
print('ranking', *(f'{rule:>10}' for rule in DENOMINATORS))
for marks in ('+--++', '+-++-'):
  values = [
    metrics.evaluate(
      query,
      five,
      np.array([1]),
      np.array([int(mark == '+') for mark in marks]),
      EvaluationProtocol(at=3, denominator=rule),
    )['mAP']
    for rule in DENOMINATORS
  ]
  print(f'{marks:7}', *(f'{value:10.3f}' for value in values))

# %% [markdown]
# The second ranking finds one image more among its first three, and nothing
# else is worse. By `retrieved` it loses all the same; by the other two it wins.
#
# ## Empty queries
#
# A query with nothing relevant among its first R has no average precision: 0 /
# 0 by `retrieved`. It can count 0, or not at all. The weaker the codes and the
# smaller R, the more this is worth.

# %%
print('LSH, 16 bits      zero    skip    queries that count by skip')
for at in (1, 2, 5, 10, 100):
  zero = score(('LSH', 16), EvaluationProtocol(at=at))
  scores = metrics.score_codes(
    codes['LSH', 16][split.query],
    codes['LSH', 16][split.database],
    labels[split.query],
    labels[split.database],
    EvaluationProtocol(at=at, empty='skip'),
  )
  counted = scores.weights['mAP'].sum()
  print(f'mAP@{at:<10} {zero:8.3f} {scores.mean("mAP"):7.3f} {counted:10.1f}')

# %% [markdown]
# mAP@1 by `skip` is 1 by construction: only queries whose first image is right
# are counted, and these are right. (Where ties reach across the cut-off, a
# query counts by the probability that it is not empty, so the number of queries
# is not whole.)
#
# ## Five public evaluators
#
# `metrics.published_protocol` knows what the evaluation code of five public
# repositories computes. The same codes, five evaluators:

# %%
EVALUATORS = ('deephash_pytorch', 'orthohash', 'hashnet', 'thulab', 'revisitop')
AT = (None, 1000, 100, 10)
which = 'LSH', 16
public = {
  name: [score(which, metrics.published_protocol(name, at)) for at in AT]
  for name in EVALUATORS
}
print(f'{"LSH, 16 bits":18}' + ''.join(f'{at or "ALL":>8}' for at in AT))
for name, values in public.items():
  print(f'{name:18}' + ''.join(f'{x:8.3f}' for x in values))
for name in EVALUATORS:
  print(f'{name:18}{metrics.published_protocol(name, 1000)}')

# %%
fig, axis = plt.subplots(figsize=(9, 3.6), layout='constrained')
width = 0.18
for i, (name, values) in enumerate(public.items()):
  left = np.arange(len(AT)) + (i - 2) * width
  bars = axis.bar(left, values, 0.9 * width, color=plots.COLORS[i], label=name)
  axis.bar_label(bars, fmt='%.2f', fontsize=8, padding=2)
axis.set_xticks(range(len(AT)), [f'R = {at or "ALL"}' for at in AT])
axis.tick_params(axis='x', length=0)
axis.set(ylabel='mAP of the same codes', ylim=(0, 1))
axis.grid(True, axis='y')
fig.legend(loc='outside upper center', ncols=5)
plt.show()

# %% [markdown]
# Three of the differences:
#
# - DeepHash-pytorch and OrthoHash count an empty query 0, the others skip it;
# - revisitop (ROxford, RParis) divides by all relevant images and takes the
#   area by trapezoids, so that it stands apart as soon as R is small;
# - none of them sorts stably, so that they give the numbers above only if ties
#   happen to stay in the order of the database. Their own numbers lie between
#   the best and the worst order.
#
# And one in the argument: the configs of DeepHash-pytorch say R = -1 for all
# images, by which the slice of the ranking drops the farthest one.

# %%
num_database = len(split.database)
for at in (-1, None):
  protocol = metrics.published_protocol(
    'deephash_pytorch', at, num_database=num_database
  )
  print(f'R={at}: looks at {protocol.at or num_database} of {num_database}')

# %% [markdown]
# ## All at once
#
# Every dot is the mAP of the same 64-bit or 16-bit ITQ codes of the same
# images.

# %%
rules = {
  'mAP@ALL, expected': EvaluationProtocol(),
  'mAP@ALL, best order': EvaluationProtocol(ties='best'),
  'mAP@ALL, worst order': EvaluationProtocol(ties='worst'),
  'mAP@1000, retrieved': EvaluationProtocol(at=1000),
  'mAP@1000, relevant': EvaluationProtocol(at=1000, denominator='relevant'),
  'mAP@100, retrieved': EvaluationProtocol(at=100),
  'mAP@100, min': EvaluationProtocol(at=100, denominator='min'),
  'mAP@100, relevant': EvaluationProtocol(at=100, denominator='relevant'),
  'mAP@10, retrieved, skip': EvaluationProtocol(at=10, empty='skip'),
  'mAP@10, retrieved, zero': EvaluationProtocol(at=10),
  'mAP@10, relevant': EvaluationProtocol(at=10, denominator='relevant'),
}
table = {
  name: [score(('ITQ', num_bits), protocol) for num_bits in (16, 64)]
  for name, protocol in rules.items()
}

fig, axis = plt.subplots(figsize=(8, 4), layout='constrained')
for column, (num_bits, marker) in enumerate(((16, 'o'), (64, 's'))):
  axis.plot(
    [values[column] for values in table.values()],
    range(len(table)),
    marker,
    color=plots.COLORS[column],
    ms=7,
    label=f'{num_bits} bits',
  )
axis.set_yticks(range(len(table)), list(table))
axis.set_ylim(len(table) - 0.5, -0.5)
axis.set(xlim=(0, 1.01), xlabel='mAP of the same ITQ codes')
axis.grid(True)
axis.legend(loc='lower center')
plt.show()

print(f'{"rule":26}{"16 bits":>9}{"64 bits":>9}')
for name, (short, long) in table.items():
  print(f'{name:26}{short:9.3f}{long:9.3f}')

# %% [markdown]
# ## What to report
#
# The rules, and which rows do what. `EvaluationProtocol` writes the rules as
# one line, and as a digest that is the same wherever the rules are the same.
# The split has a digest, too. Two numbers compare where both digests agree.

# %%
result = metrics.evaluate(
  codes['ITQ', 64][split.query],
  codes['ITQ', 64][split.database],
  labels[split.query],
  labels[split.database],
  bootstrap=1000,
)
low, high = result['intervals']['mAP']
print(
  f'mAP {result["mAP"]:.3f}, 95% interval over queries {low:.3f} to {high:.3f}'
)
print(
  f'ties between {result["mAP_worst"]:.3f} (worst order) and '
  f'{result["mAP_best"]:.3f} (best)'
)
print(f'{result["protocol"]} [{result["protocol_digest"]}]')
print(f'{split.protocol} [{split_digest(split, labels)}]')

for changes in ({'at': 1000}, {'ties': 'database_order'}, {'empty': 'skip'}):
  other = dataclasses.replace(EvaluationProtocol(), **changes)
  print(f'{other} [{other.digest()}]')

# %% [markdown]
# - Score by the expected order, or say which order it is; the best and the
#   worst show how much is left open. `metrics.evaluate` returns all three.
# - Give R and the denominator. Prefer R = ALL, where the denominators agree.
# - Say what an empty query counts.
# - Say which rows are queries, database and train, and whether train rows are
#   searched.
# - To compare with a published number, use the protocol of its evaluator, and
#   beside it your own.
