"""One small method for each thing that a hashing method may need of the core.

They are not published methods: each is the least code that exercises its row
of the table of targets. `tests/test_toy_methods.py` runs all of them through
one suite; a new need is one more function here.
"""

import jax
import jax.numpy as jnp
import optax

from jaxhash import binarize
from jaxhash.core import Aux, HashMethod, Outputs, Variables

__all__ = [
  'adversarial',
  'alternating',
  'fixed',
  'learned',
  'partly_labelled',
  'quantised',
  'random_reference',
  'two_views',
]


def _cross_entropy(logits, codewords, labels):
  scores = jnp.tanh(logits) @ codewords.T
  return optax.softmax_cross_entropy_with_integer_labels(scores, labels)


def fixed(num_bits):
  """Fixed codewords in the state, drawn from the key."""

  def init(key, info):
    codewords = jax.random.rademacher(
      key, (info.num_classes, num_bits), jnp.float32
    )
    return Variables(state={'codewords': codewords})

  def loss(variables, outputs, batch, *, key, step):
    codewords = variables.state['codewords']
    losses = _cross_entropy(outputs.logits, codewords, batch['labels'])
    return losses.mean(), Aux({})

  def codewords(variables):
    return binarize.codes_from_logits(variables.state['codewords'])

  return HashMethod(num_bits, init, loss, codewords=codewords)


def learned(num_bits):
  """Codewords trained by gradient; their learning rate is a config group."""

  def init(key, info):
    shape = (info.num_classes, num_bits)
    return Variables(params={'codewords': jax.random.normal(key, shape)})

  def loss(variables, outputs, batch, *, key, step):
    codewords = jnp.tanh(variables.params['codewords'])
    losses = _cross_entropy(outputs.logits, codewords, batch['labels'])
    return losses.mean(), Aux({'largest': jnp.abs(codewords).max()})

  return HashMethod(num_bits, init, loss)


def alternating(num_bits):
  """A code bank of the train rows, and a closed-form step at a round's end.

  The bank gives the database codes too: a transductive method.
  """

  def init(key, info):
    bank = jnp.zeros((len(info.labels), num_bits))
    projection = jax.random.normal(key, (info.num_classes, num_bits))
    return Variables(
      state={
        'bank': bank,
        'projection': projection,
        'targets': jax.nn.one_hot(info.labels, info.num_classes),
      }
    )

  def loss(variables, outputs, batch, *, key, step):
    codes = jnp.tanh(outputs.logits)
    targets = variables.state['projection'][batch['labels']]
    return jnp.square(codes - targets).mean(), Aux({}, {'codes': codes})

  def update(variables, outputs, aux, batch, *, key, step):
    state = variables.state
    bank = state['bank'].at[batch['index']].set(aux.arrays['codes'])
    return {**state, 'bank': bank}

  def solve(variables, *, key, step):
    state = variables.state
    targets = state['targets']
    gram = targets.T @ targets + jnp.eye(targets.shape[1])
    moment = targets.T @ state['bank'] + jnp.sign(state['projection'])
    projection = jnp.sign(jnp.linalg.solve(gram, moment))
    return {**state, 'projection': projection}

  def bank(variables):  # 0 where a row has not been seen
    return jnp.sign(variables.state['bank']).astype(jnp.int8)

  return HashMethod(num_bits, init, loss, update, solve, bank=bank)


def adversarial(num_bits):
  """A discriminator in the parameters; one scalar, each side its gradient."""

  def init(key, info):
    codewords, weights = jax.random.split(key)
    return Variables(
      params={'discriminator': jax.random.normal(weights, (num_bits,))},
      state={
        'codewords': jax.random.rademacher(
          codewords, (info.num_classes, num_bits), jnp.float32
        )
      },
    )

  def loss(variables, outputs, batch, *, key, step):
    codewords = variables.state['codewords']
    weights = variables.params['discriminator']
    fake = jnp.tanh(outputs.logits)
    real = codewords[batch['labels']]
    frozen, stop = jax.lax.stop_gradient(weights), jax.lax.stop_gradient
    judge = optax.sigmoid_binary_cross_entropy
    discriminator = (
      judge(real @ weights, 1.0) + judge(stop(fake) @ weights, 0.0)
    ).mean()
    generator = judge(fake @ frozen, 1.0).mean()
    losses = _cross_entropy(outputs.logits, codewords, batch['labels'])
    total = losses.mean() + generator + discriminator
    return total, Aux({'discriminator': discriminator})

  return HashMethod(num_bits, init, loss)


def two_views(num_bits, temperature=0.5):
  """Outputs of two augmentations, view-major; no labels are looked at."""

  def loss(variables, outputs, batch, *, key, step):
    codes = jnp.tanh(outputs.logits)
    unit = codes / jnp.linalg.norm(codes, axis=-1, keepdims=True)
    scores = unit @ unit.T / temperature
    scores = jnp.where(jnp.eye(len(scores), dtype=bool), -jnp.inf, scores)
    partner = jnp.roll(jnp.arange(len(scores)), len(scores) // 2)
    losses = optax.softmax_cross_entropy_with_integer_labels(scores, partner)
    return losses.mean(), Aux({})

  return HashMethod(num_bits, lambda key, info: Variables(), loss)


def partly_labelled(num_bits):
  """Rows whose labels are hidden: pulled to the code that they are nearest."""

  def loss(variables, outputs, batch, *, key, step):
    codewords, labelled = variables.state['codewords'], batch['labelled']
    nearest = (outputs.logits @ codewords.T).argmax(-1)
    targets = jnp.where(labelled, batch['labels'], nearest)
    losses = _cross_entropy(outputs.logits, codewords, targets)
    return jnp.where(labelled, losses, 0.1 * losses).mean(), Aux({})

  return HashMethod(num_bits, fixed(num_bits).init, loss)


def random_reference(num_bits):
  """A sample drawn afresh from the step's key, to compare the batch with."""

  def loss(variables, outputs, batch, *, key, step):
    codes = jax.nn.sigmoid(outputs.logits)
    reference = jax.random.beta(key, 0.5, 0.5, codes.shape)
    moments = jnp.square(codes.mean(0) - reference.mean(0)).mean()
    pull = jnp.square(codes[:, None] - reference[None, :]).mean(-1).min(-1)
    return moments + pull.mean(), Aux({'reference': reference.mean()})

  return HashMethod(num_bits, lambda key, info: Variables(), loss)


def quantised(num_bits, num_codewords=4):
  """A product quantiser: uint8 ids as codes, distances of its own."""
  half = num_bits // 2

  def init(key, info):
    shape = (2, num_codewords, half)
    return Variables(params={'codebooks': jax.random.normal(key, shape)})

  def distances(variables, logits):
    parts = jnp.stack([logits[:, :half], logits[:, half:]])
    books = variables.params['codebooks']
    return jnp.square(parts[:, :, None] - books[:, None]).mean(-1)

  def loss(variables, outputs, batch, *, key, step):
    labels = jax.nn.one_hot(batch['labels'], num_bits)
    error = distances(variables, outputs.logits).min(-1).sum(0)
    fit = jnp.square(outputs.logits - 3.0 * labels).mean(-1)
    return (error + fit).mean(), Aux({'error': error.mean()})

  def encode(variables, outputs: Outputs):
    nearest = distances(variables, outputs.logits).argmin(-1)
    return nearest.T.astype(jnp.uint8)

  def distance(variables, query_outputs, codes):
    table = distances(variables, jnp.asarray(query_outputs.logits))
    return table[0][:, codes[:, 0]] + table[1][:, codes[:, 1]]

  def symmetric_distance(variables, query_codes, codes):
    books = variables.params['codebooks']
    queries = [books[m][query_codes[:, m]] for m in (0, 1)]
    outputs = Outputs(None, jnp.concatenate(queries, axis=1))
    return distance(variables, outputs, codes)

  return HashMethod(
    num_bits,
    init,
    loss,
    encode=encode,
    distance=distance,
    symmetric_distance=symmetric_distance,
  )
