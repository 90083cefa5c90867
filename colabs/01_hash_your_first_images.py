# %% [markdown]
# # Hash your first images
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/jaxhash/blob/main/colabs/01_hash_your_first_images.ipynb)
#
# In five minutes: train a network that turns images into codes of 32 bits,
# watch the codewords of the classes move apart, search with the codes, and
# score the search beside two methods that need no labels. A CPU is enough.

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
import base64

import jax
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, Image
from matplotlib.animation import FuncAnimation, PillowWriter
from scipy.stats import spearmanr

from jaxhash import binarize, metrics, plots, search, training
from jaxhash.shallow import itq, lsh

plt.rcParams.update(plots.STYLE)

# %% [markdown]
# ## The images
#
# 1,797 scans of handwritten digits, 8 by 8 pixels, come with scikit-learn. A
# run is described by a config: which images, which rows do what, which method,
# which network, and how it is trained. `training.build` checks all of it and
# returns the parts.

# %%
config = training.default_config()
training.merge(
  config,
  {
    'dataset': {'name': 'digits'},
    'protocol': {'name': 'digits'},
    'method': {'name': 'adalabelhash', 'num_bits': 32, 'margin': 16.0},
    'encoder': {'name': 'cnn', 'channels': [64, 128], 'hidden': 256},
    'pipeline': {'augment': {'pad': 1}},  # shifts of up to one pixel
    'epochs': 60,
    'optimizer': {
      'learning_rate': 2e-3,
      'groups': {'method/codewords': {'learning_rate': 1e-2}},
    },
  },
)
experiment = training.build(config.to_dict())
images, labels = experiment.dataset.inputs, experiment.dataset.labels
split = experiment.split

for part in ('train', 'val', 'query', 'database'):
  print(f'{part:8} {len(getattr(split, part)):5} images')

# %% [markdown]
# Queries are never trained on and never in the database. The database is all
# other images, so it contains those that train: this is how most papers do it,
# and below we also score without them.

# %%
fig, axes = plt.subplots(3, 10, figsize=(8, 2.8))
for digit in range(10):
  rows = split.train[labels[split.train] == digit][:3]
  for row, axis in zip(rows, axes[:, digit]):
    axis.imshow(images[row, ..., 0], cmap='gray')
    axis.set(xticks=[], yticks=[])
  axes[0, digit].set_title(digit)
fig.suptitle('Three training images of each class')
fig.subplots_adjust(top=0.78, wspace=0.1, hspace=0.1)
plt.show()

# %% [markdown]
# ## Training
#
# AdaLabelHash learns one *codeword* for each class together with the network: a
# target code of 32 bits. An image is pulled to the codeword of its class until
# this scores higher than the best of the others by a margin. Codes and
# codewords are real-valued in (-1, 1) while they are trained; their signs are
# the bits.
#
# A method is a tuple of pure functions, and so is the train step:
# `(state, data, batch) -> (state, metrics)`. We call it ourselves, and keep the
# codewords and the score on the validation rows of some of the steps.

# %%
pipeline = experiment.pipeline
train_step = training.compile_step(experiment)
encode = training.RowEncoder(experiment)
state = training.initial_state(experiment)


def look(state):
  """Codewords in (-1, 1), and mAP of the validation rows."""
  codewords = np.tanh(np.asarray(state.params['method']['codewords']))
  return codewords, training.validate(experiment, state, encode)['val/mAP']


last = experiment.num_steps
keep = np.unique(np.round(last * np.linspace(0, 1, 31) ** 2)).astype(int)
frames = {0: look(state)}
losses = []
for number in range(last):
  state, logged = train_step(state, pipeline.data, pipeline.batch(number))
  losses.append(float(logged['loss']))
  if number + 1 in keep:
    frames[number + 1] = look(state)
print(f'{last} steps, loss {losses[0]:.2f} to {losses[-1]:.2f}')
print(f'codewords of {len(frames)} steps, the first and the last among them')

# %% [markdown]
# ## Codewords that move apart
#
# All codewords start near 0 and move towards corners of the cube. The animation
# shows a quarter of the squared Euclidean distance of each two, which between
# corners is the Hamming distance: the number of bits that differ. The classes
# are in an order that puts near ones beside each other.
#
# Nothing tells the method which digits look alike. Does it find out? The
# rank correlation of the codewords' distances with those of the mean images of
# the classes says how far.


# %%
def squared_distances(vectors):
  """Between all rows."""
  return np.square(vectors[:, None] - vectors).sum(axis=-1)


pixels = (images.reshape(len(images), -1) / 255).astype(np.float32)
classes = [split.train[labels[split.train] == digit] for digit in range(10)]
image_distances = squared_distances(
  np.stack([pixels[rows].mean(axis=0) for rows in classes])
)
matrices = [squared_distances(words) / 4 for words, _ in frames.values()]
pairs = np.triu_indices(10, 1)
steps = list(frames)
val_map = [score for _, score in frames.values()]
likeness = [
  spearmanr(matrix[pairs], image_distances[pairs]).statistic
  for matrix in matrices
]
variables = training.method_variables(state)
codewords = np.asarray(experiment.method.codewords(variables))  # -1 and +1
hamming = np.asarray(search.hamming_distances(codewords, codewords))[pairs]
print(
  f'bits that differ in the end: mean {hamming.mean():.1f}, '
  f'from {hamming.min()} to {hamming.max()}'
)
print(
  f'rank correlation: {likeness[0]:.2f} at first, at most '
  f'{max(likeness):.2f}, {likeness[-1]:.2f} in the end'
)

# %%
order = plots.alike_order(np.mean(matrices, axis=0))
fig, (left, right) = plt.subplots(
  1, 2, figsize=(8.4, 3.9), layout='constrained', width_ratios=[1.15, 1]
)
picture = left.imshow(
  matrices[0], cmap='cividis', vmin=0, vmax=matrices[-1].max()
)
fig.colorbar(picture, ax=left, label='distance of codewords', shrink=0.85)
left.set(xlabel='class', ylabel='class', title=' ')
left.set_xticks(range(10), order)
left.set_yticks(range(10), order)
left.tick_params(length=0)
left.spines[:].set_visible(False)
(map_line,) = right.plot([], [], '-o', ms=3, color=plots.COLORS[0])
(like_line,) = right.plot([], [], '-s', ms=3, color=plots.COLORS[1])
right.set(xlim=(-5, last + 5), ylim=(0, 1.02), xlabel='step')
right.grid(True)
right.legend(
  [map_line, like_line],
  ['mAP of validation rows', 'rank correlation with\ndistances of images'],
  loc='lower right',
)


def draw(number):
  """Draws one frame."""
  picture.set_data(matrices[number][np.ix_(order, order)])
  left.set_title(f'step {steps[number]}')
  map_line.set_data(steps[: number + 1], val_map[: number + 1])
  like_line.set_data(steps[: number + 1], likeness[: number + 1])


# Laid out once, not for each frame; the last matrix stays for a while.
fig.canvas.draw()
fig.set_layout_engine('none')
numbers = [*range(len(matrices)), *[len(matrices) - 1] * 6]
FuncAnimation(fig, draw, frames=numbers).save(
  'codewords.gif', writer=PillowWriter(fps=4), dpi=76
)
plt.close(fig)

with open('codewords.gif', 'rb') as file:
  gif = base64.b64encode(file.read()).decode()
HTML(f'<img alt="distances of codewords" src="data:image/gif;base64,{gif}">')

# %% [markdown]
# It does find out, early: classes that are hard to tell apart have codewords
# that stay together for longer. Then the margin drives these apart as well, and
# some of the likeness is lost again, while the score still rises.
#
# ## Codes and bytes
#
# The code of an image is the sign of the 32 outputs of the network. Packed, it
# needs four bytes.

# %%
codes = encode(state, np.arange(len(labels))).codes
packed = np.asarray(binarize.pack(codes))
print('codes ', codes.dtype, codes.shape)
print('packed', packed.dtype, packed.shape)
print(f'{images.nbytes:,} bytes of pixels, {packed.nbytes:,} bytes of codes')
print('first image:', packed[0], ''.join(np.where(codes[0] > 0, '+', '-')))
distinct = metrics.code_health(codes[split.database])['distinct_codes']
print(f'{distinct} distinct codes in the database of {len(split.database)}')
exact = (codes == codewords[labels]).all(axis=1)[split.database].mean()
print(f'{exact:.0%} of the database have exactly the codeword of their class')

# %% [markdown]
# There are far fewer codes than images. For the search this means ties, and a
# score has to say what it does about them.
#
# ## Search
#
# `search.top_k` is exact and takes packed codes. It returns distances and
# positions in the database, nearest first.

# %%
query, database = packed[split.query], packed[split.database]
distances, nearest = search.top_k(query, database, 10, num_bits=32)
distances, nearest = np.asarray(distances), np.asarray(nearest)
rows = split.database[nearest]  # row numbers of the data set
correct = labels[rows] == labels[split.query][:, None]
print(f'of the 10 nearest {correct.mean():.1%} have the class of the query')

# %%
few = np.random.default_rng(0).choice(len(query), 3, replace=False)
worst = np.argsort(correct.sum(axis=1), kind='stable')[:3]
shown = [*few, *worst]
plots.gallery(
  images[split.query][shown],
  images[rows[shown]],
  correct[shown],
  'gallery.png',
  query_titles=[f'digit {labels[split.query][i]}' for i in shown],
  neighbour_titles=[[f'distance {d}' for d in distances[i]] for i in shown],
)
Image('gallery.png', width=760)

# %% [markdown]
# The upper three queries are drawn at random; the lower three are the worst of
# all 200. Neighbours at the same distance come in the order of the database,
# for the codes say nothing about their order.
#
# ## The score
#
# Mean average precision (mAP) asks, for each query, how far to the front of
# the whole ranking the images of its class are. It is 1 if all of them come
# before all others; a random order of ten classes has about 0.1. Among tied
# images `metrics.evaluate` takes the expectation over all orders.

# %%
scores = {}
for name, rows in {
  'the whole database': split.database,
  'without train rows': np.setdiff1d(split.database, split.train),
}.items():
  scores[name] = metrics.evaluate(
    codes[split.query],
    codes[rows],
    labels[split.query],
    labels[rows],
    bootstrap=1000,
  )
  low, high = scores[name]['intervals']['mAP']
  print(
    f'{name}: {len(rows)} images, mAP {scores[name]["mAP"]:.3f} '
    f'(95% of resampled queries: {low:.3f} to {high:.3f})'
  )
print(scores['the whole database']['protocol'])

# %% [markdown]
# What this number is, and is not:
#
# - It is of one split and one seed. The interval says how far 200 other queries
#   could move it, not what another initial state would do.
# - All queries are of classes that were trained. A good classifier, whose
#   predicted class is written as 4 bits, would also score high: mAP by class
#   labels rewards classification. It says little about the order of images
#   *within* a class.
# - Two mAPs only compare if the protocol in the last line is the same; the
#   notebook "Why two maps differ" is about that.
#
# ## Beside methods without labels
#
# LSH takes the signs of random projections. ITQ rotates the principal
# components so that their signs lose little. Both see the pixels of the train
# rows and no label, so this comparison shows what labels are worth, not that
# one algorithm is better than another.

# %%
results = {'AdaLabelHash': scores['the whole database']}
for name, method in {'ITQ': itq, 'LSH': lsh}.items():
  model = method.fit(pixels[split.train], jax.random.key(0), num_bits=32)
  shallow_codes = method.encode(model, pixels)
  results[name] = metrics.evaluate(
    shallow_codes[split.query],
    shallow_codes[split.database],
    labels[split.query],
    labels[split.database],
    bootstrap=1000,
  )

print(f'{"32 bits":14}  mAP    95% interval    precision@10')
for name, result in results.items():
  low, high = result['intervals']['mAP']
  print(
    f'{name:14} {result["mAP"]:.3f}  {low:.3f} to {high:.3f}      '
    f'{result["precision@10"]:.3f}'
  )

# %%
plots.pr_curve(
  {
    name: (result['pr_curve']['recall'], result['pr_curve']['precision'])
    for name, result in results.items()
  },
  'pr_curve.png',
)
Image('pr_curve.png', width=520)

# %% [markdown]
# Each point of a curve is a Hamming radius: what a query retrieves within so
# many bits.
#
# ## Where to go from here
#
# - Change `num_bits`, or the method: `orthohash`, `csq`, `greedyhash`, `dpsh`
#   and others take the place of `adalabelhash` in the config, without `margin`
#   and without the group of the codewords. These learn no codewords, so there
#   is nothing to animate.
# - Use your own images: a folder with `inputs.npy` and `labels.npy`, by
#   `'dataset': {'name': 'arrays', 'folder': 'FOLDER'}` and
#   `'protocol': {'name': 'per_class', 'num_query': 10, 'num_train': 100}`.
# - `training.train(experiment, folder)` runs the same loop with checkpoints and
#   logs.
