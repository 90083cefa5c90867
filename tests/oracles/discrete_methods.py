"""ADSH, DSDH and SCHN in NumPy loops over rows, pairs and bits.

From the equations alone. Matrices of all rows by all rows are made here on
purpose: the methods never do.
"""

import itertools
import math

import numpy as np

from tests.oracles.pairs import dot, label_set


def soft_similarity(labels, others):
  """S~: 1, or -n1 / n0; 0 where a row has no label. And n1 / n0."""
  rows, columns = ([label_set(x) for x in y] for y in (labels, others))
  counted = [
    (i, j, bool(a & b))
    for (i, a), (j, b) in itertools.product(enumerate(rows), enumerate(columns))
    if a and b
  ]
  similar = sum(s for _, _, s in counted)
  ratio = similar / max(len(counted) - similar, 1)
  table = np.zeros((len(rows), len(columns)))
  for i, j, s in counted:
    table[i, j] = 1.0 if s else -ratio
  return table, ratio


def with_label(labels):
  return [i for i, label in enumerate(labels) if label_set(label)]


def descend(codes, linear, gram, *, sweeps=1):
  """b_k <- sign(q_k - sum of G_lk b_l, l != k), a bit of a row at a time."""
  codes = np.array(codes, np.float64)
  items, bits = codes.shape
  for _ in range(sweeps):
    for k, i in itertools.product(range(bits), range(items)):
      rest = sum(gram[l][k] * codes[i, l] for l in range(bits) if l != k)
      codes[i, k] = 1.0 if linear[i][k] >= rest else -1.0
  return codes


def best_bits(codes, objective):
  """One sweep in which each bit is tried both ways, by the whole objective."""
  codes = np.array(codes, np.float64)
  for k, i in itertools.product(range(codes.shape[1]), range(len(codes))):
    values = {}
    for bit in (1.0, -1.0):
      codes[i, k] = bit
      values[bit] = objective(codes)
    codes[i, k] = 1.0 if values[1.0] <= values[-1.0] else -1.0
  return codes


def gram_of(codes):
  columns = list(np.asarray(codes, np.float64).T)
  return np.array([[dot(a, b) for b in columns] for a in columns])


def adsh_loss(logits, index, codes, labels, *, gamma, ratio=None):
  """The mean over the pairs of a batch with the database, and its parts."""
  labels, codes = np.asarray(labels), np.asarray(codes, np.float64)
  bits, known = len(logits[0]), with_label(labels)
  batch = [(u, i) for u, i in zip(logits, index) if i in known]
  if ratio is None:
    ratio = soft_similarity(labels, labels)[1]
  pair, error = 0.0, 0.0
  for u, i in batch:
    code = [math.tanh(x) for x in u]
    for j in known:
      shared = label_set(labels[i]) & label_set(labels[j])
      s = 1.0 if shared else -ratio
      pair += (dot(code, codes[j]) - bits * s) ** 2
    error += sum((v - x) ** 2 for v, x in zip(codes[i], code))
  count = len(batch) * len(known)
  return (pair + gamma * error) / count, pair / count, error / count


def adsh_objective(codes, u, rows, labels, *, gamma):
  """||U V^T - K S~||^2 + gamma ||V_Omega - U||^2 over rows with a label."""
  labels = np.asarray(labels)
  bits, known = codes.shape[1], with_label(labels)
  ratio = soft_similarity(labels, labels)[1]
  value = 0.0
  for code, i in zip(u, rows):
    if i in known:
      for j in known:
        s = 1.0 if label_set(labels[i]) & label_set(labels[j]) else -ratio
        value += (dot(code, codes[j]) - bits * s) ** 2
      value += gamma * sum((v - x) ** 2 for v, x in zip(codes[i], code))
  return value


def adsh_codes(codes, u, rows, labels, *, gamma):
  """V after a round; 0 for a row without a label."""
  labels = np.asarray(labels)
  bits, known = codes.shape[1], with_label(labels)
  table, _ = soft_similarity(labels, labels)
  sample = [(code, i) for code, i in zip(u, rows) if i in known]
  linear = np.zeros(codes.shape)
  for code, i in sample:
    for j in range(len(codes)):
      linear[j] += bits * table[i, j] * np.asarray(code)
    linear[i] += gamma * np.asarray(code)
  gram = gram_of([code for code, _ in sample])
  new = descend(codes, linear, gram)
  new[[j for j in range(len(codes)) if j not in known]] = 0
  return new


def ridge(codes, targets, weight):
  """W that is best for ||Y - B W||^2 + weight ||W||^2, as least squares."""
  codes, targets = np.asarray(codes, float), np.asarray(targets, float)
  bits = codes.shape[1]
  more = math.sqrt(weight) * np.eye(bits)
  stacked = np.concatenate([codes, more])
  wanted = np.concatenate([targets, np.zeros((bits, targets.shape[1]))])
  return np.linalg.lstsq(stacked, wanted, rcond=None)[0]


def targets_of(labels, num_classes):
  table = np.zeros((len(labels), num_classes))
  for i, label in enumerate(np.asarray(labels)):
    for c in label_set(label):
      table[i, c] = 1.0
  return table


def dsdh_codes(codes, u, targets, *, mu, nu, eta, sweeps):
  """B of rows with a label, u 0 where a row has not been seen."""
  for _ in range(sweeps):
    w = ridge(codes, targets, nu / mu)
    linear = np.zeros(codes.shape)
    for i, k in np.ndindex(codes.shape):
      linear[i, k] = dot(targets[i], w[k]) + eta / mu * u[i][k]
    gram = np.array([[dot(a, b) for b in w] for a in w])
    codes = descend(codes, linear, gram, sweeps=1)
  return codes


def dsdh_objective(codes, w, u, targets, *, mu, nu, eta):
  value = nu * float(np.square(w).sum())
  for i in range(len(codes)):
    for c in range(targets.shape[1]):
      value += mu * (targets[i, c] - dot(codes[i], w[:, c])) ** 2
    value += eta * sum((b - x) ** 2 for b, x in zip(codes[i], u[i]))
  return value


def dsdh_loss(logits, index, seen, codes, labels, *, alpha):
  """Of a batch with the last logits of the rows that were seen, its own too."""
  labels = np.asarray(labels)
  known = with_label(labels)
  pairs, errors = [], []
  for u, i in zip(logits, index):
    if i not in known:
      continue
    for j, v in seen.items():
      if j in known:
        theta = 0.5 * dot(u, v)
        s = bool(label_set(labels[i]) & label_set(labels[j]))
        pairs.append(math.log(1 + math.exp(theta)) - s * theta)
    if any(codes[i]):
      errors.append(np.mean([(x - b) ** 2 for x, b in zip(u, codes[i])]))
  pair, error = np.mean(pairs), np.mean(errors) if errors else 0.0
  return pair + alpha * error, pair, error


def feature_loss(u, bank, similar, *, gamma):
  """12 / K mean_ij (K S_ij - <u_i, b_j>)^2 and mean (U - B)^2."""
  bits = len(u[0])
  pairs = [
    (bits * similar[i][j] - dot(u[i], bank[j])) ** 2
    for i, j in itertools.product(range(len(u)), range(len(bank)))
  ]
  errors = [(x - b) ** 2 for a, c in zip(u, bank) for x, b in zip(a, c)]
  hash_loss, error = 12 / bits * np.mean(pairs), np.mean(errors)
  return hash_loss + gamma * error, hash_loss, error


def schn_codes(bank, u, more, rows, labels, *, gamma):
  """B after a round; 0 for a row without a label."""
  labels, bank = np.asarray(labels), np.array(bank, np.float64)
  bits, known = bank.shape[1], with_label(labels)
  rows = [int(i) for i in rows]
  table, _ = soft_similarity(labels[rows], labels)
  mine = [i if rows[i] in known else None for i in range(len(rows))]
  linear = np.zeros((len(rows), bits))
  for j, k in np.ndindex(linear.shape):
    for i in range(len(rows)):
      if mine[i] is not None:
        linear[j, k] += bits * table[i, rows[j]] * u[i][k]
    linear[j, k] += gamma * u[j][k] + more[j][k]
  gram = gram_of([u[i] for i in range(len(rows)) if mine[i] is not None])
  new = descend(bank[rows], linear, gram)
  for j, row in enumerate(rows):
    bank[row] = new[j] if mine[j] is not None else 0
  return bank


def schn_objective(codes, u, labels, rows, *, gamma):
  """||K S~[:, Omega] - U B^T||^2 + gamma ||U - B||^2."""
  labels = np.asarray(labels)
  table, _ = soft_similarity(labels[rows], labels)
  value, bits = 0.0, codes.shape[1]
  for i, j in itertools.product(range(len(rows)), range(len(rows))):
    value += (bits * table[i, rows[j]] - dot(u[i], codes[j])) ** 2
  for a, b in zip(u, codes):
    value += gamma * sum((x - y) ** 2 for x, y in zip(a, b))
  return value


# The networks of SCHN, of one row at a time, fed with Flax parameters.


def dense(x, layer):
  kernel, bias = np.asarray(layer['kernel'], float), layer.get('bias')
  out = [dot(x, column) for column in kernel.T]
  if bias is not None:
    out = [a + float(b) for a, b in zip(out, bias)]
  return np.array(out)


def relu(x):
  return np.array([max(0.0, float(v)) for v in x])


def perceptron(x, params, names=('Dense_0', 'Dense_1', 'Dense_2')):
  """Features and the last layer before its tanh."""
  for name in names[:2]:
    x = relu(dense(x, params[name]))
  return x, dense(x, params[names[2]])


def attention(keys, values, params):
  """softmax(<q, k> / sqrt(width)) v, one head, then a linear layer."""
  queries = [dense(x, params['query']) for x in keys]
  looked = [dense(x, params['key']) for x in keys]
  given = [dense(x, params['value']) for x in values]
  rows = []
  for q in queries:
    weights = [math.exp(dot(q, k) / math.sqrt(len(q))) for k in looked]
    mixed = sum(w * v for w, v in zip(weights, given)) / sum(weights)
    rows.append(dense(mixed, params['out']))
  return rows


def graph_convolution(rows, adjacency, params):
  mapped = [dense(x, params['Dense_0']) for x in rows]
  bias = np.asarray(params['bias'], float)
  return [
    sum((float(a) * x for a, x in zip(line, mapped)), np.zeros(len(bias)))
    + bias
    for line in adjacency
  ]


def sigmoid(x):
  return np.array([1 / (1 + math.exp(-v)) for v in x])


def schn_networks(params, features, targets, similar, *, version, activation):
  """Codes of labels and of the latent space, and both that are made again."""
  cycle = params['cycle']
  pairs = [perceptron(y, params['label']) for y in targets]
  label_features = [f for f, _ in pairs]
  label = np.tanh([x for _, x in pairs])
  fused = attention(label_features, features, cycle['latent_attention'])
  latent = [
    relu(x) for x in graph_convolution(fused, similar, cycle['latent_graph'])
  ]
  logits = [dense(z, cycle['latent_codes']) for z in latent]
  codes = [
    sigmoid(x) if activation == 'sigmoid' else np.tanh(x) for x in logits
  ]
  if version == 'mmasia':
    looks = {'image': (label_features, latent), 'label': (features, latent)}
  else:
    looks = {'image': (latent, label_features), 'label': (latent, features)}
  again = {}
  for name, (keys, values) in looks.items():
    seen = attention(keys, values, cycle[f'{name}_attention'])
    again[name] = np.tanh([perceptron(x, cycle[name])[1] for x in seen])
  return {
    'label': label,
    'latent': np.array(codes),
    'image_again': again['image'],
    'label_again': again['label'],
  }


def judged(params, images, labels):
  """p = (tanh + 1) / 2 of both discriminators, one after the other."""
  values = []
  for name, codes in (('image', images), ('label', labels)):
    names = f'{name}_0', f'{name}_1', name
    for code in codes:
      (x,) = perceptron(code, params, names)[1]
      values.append((math.tanh(x) + 1) / 2)
  return values


def cross_entropy(values, target):
  return np.mean([-math.log(p if target else 1 - p) for p in values])


def schn_losses(
  params, outputs, labels, bank, *, num_classes, gamma, **options
):
  """All parts of the loss, of rows that all have a label."""
  targets = targets_of(labels, num_classes)
  similar = [
    [float(bool(label_set(a) & label_set(b))) for b in labels] for a in labels
  ]
  features = np.asarray(outputs.features, float)
  image = np.tanh(np.asarray(outputs.logits, float))
  made = schn_networks(params, features, targets, similar, **options)
  losses = {
    f'{name}_loss': feature_loss(codes, bank, similar, gamma=gamma)[0]
    for name, codes in (
      ('image', image),
      ('label', made['label']),
      ('latent', made['latent']),
    )
  }
  losses['cycle_loss'] = np.mean((made['image_again'] - image) ** 2) + np.mean(
    (made['label_again'] - made['label']) ** 2
  )
  if 'discriminators' in params:
    judge = params['discriminators']
    real = judged(judge, image, made['label'])
    fake = judged(judge, made['image_again'], made['label_again'])
    losses['discriminator_loss'] = cross_entropy(real, 1) + cross_entropy(
      fake, 0
    )
    losses['generator_loss'] = cross_entropy(fake, 1)
  return losses
