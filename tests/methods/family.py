"""What the tests of methods with fixed and semantic targets share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.core import Info, Outputs

CLASSES, BITS, ROWS, FEATURES = 5, 8, 7, 6
KEY = jax.random.key(0)
STEP = jnp.int32(3)


def make_problem(method, *, multi=False, seed=1, train=20):
  """Variables, outputs and a batch of which the second row has no label."""
  keys = jax.random.split(jax.random.key(seed), 3)
  outputs = Outputs(
    features=jax.random.normal(keys[0], (ROWS, FEATURES)),
    logits=jax.random.normal(keys[1], (ROWS, method.width)),
  )
  if multi:
    labels = jax.random.bernoulli(keys[2], 0.5, (train, CLASSES))
    labels = labels.astype(jnp.int32).at[1].set(0)
  else:
    labels = jax.random.randint(keys[2], (train,), 0, CLASSES).at[1].set(-1)
  variables = method.init(KEY, Info(None, outputs, CLASSES, labels))
  index = jnp.arange(ROWS, dtype=jnp.int32)
  return variables, outputs, {'labels': labels[:ROWS], 'index': index}


def loss_of(method, problem, *, step=STEP):
  variables, outputs, batch = problem
  return method.loss(variables, outputs, batch, key=None, step=step)


def rows_with_label(batch):
  labels = np.asarray(batch['labels'])
  return np.flatnonzero(labels >= 0 if labels.ndim == 1 else labels.any(axis=1))


@functools.partial(jax.jit, static_argnums=0, static_argnames='steps')
def advance(method, variables, outputs, batch, step, *, steps):
  """A step of the loop, in rounds of so many; parameters stay as they are."""
  step = jnp.int32(step)
  value, aux = method.loss(variables, outputs, batch, key=None, step=step)
  state = method.update(variables, outputs, aux, batch, key=KEY, step=step)
  new = variables._replace(state=state)
  state = jax.lax.cond(
    (step + 1) % steps == 0,
    lambda: method.solve(new, key=KEY, step=step),
    lambda: new.state,
  )
  return new._replace(state=state), value, aux
