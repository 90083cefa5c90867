"""The types that every part of jaxhash agrees on.

A hashing method is to jaxhash what a gradient transformation is to optax: a
named tuple of pure functions over explicit variables. The encoder, the data,
the loop, search and metrics are written once and know no method.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Int8

from jaxhash import binarize

PyTree = Any
#: Arrays by name, `inputs`, `labels`, `index` (rows) and, where some labels are
#: hidden, `labelled`.
Batch = dict[str, Any]

__all__ = [
  'Aux',
  'Batch',
  'Encoder',
  'HashMethod',
  'Info',
  'Outputs',
  'Stage',
  'StageResult',
  'Variables',
  'encode_sign',
  'keep_state',
]


class Outputs(NamedTuple):
  """What an encoder gives for a batch.

  Attributes:
    features: penultimate layer, float `[batch, features]`.
    logits: real-valued code before binarisation, float `[batch, width]`.
  """

  features: Any
  logits: Any


class Info(NamedTuple):
  """What a method may know of the encoder and the data before training.

  Attributes:
    inputs: `jax.ShapeDtypeStruct` of one prepared batch of inputs.
    outputs: `Outputs` of `jax.ShapeDtypeStruct`, the encoder's on that batch.
    num_classes: number of classes (single-label) or labels (multi-label).
    labels: labels of all train rows, int32 `[num_train]` (-1: hidden) or
      multi-hot `[num_train, num_classes]` (all zero: hidden).
    arrays: what the earlier stages of the method found out, by name.
    class_distances: of the classes in the run's taxonomy, float
      `[num_classes, num_classes]` in [0, 1]; None without one.
    train_rows: positions of the train rows in the data set, int
      `[num_train]`; None where the data set has no others.
    num_rows: rows of the data set; None likewise.
    rows_per_round: rows that train in a round, a part of the train rows or all
      of them; None where nobody has said.
    views: of each row in a batch.
  """

  inputs: Any
  outputs: Outputs
  num_classes: int
  labels: Any
  arrays: Mapping[str, Any] = types.MappingProxyType({})
  class_distances: Any = None
  train_rows: Any = None
  num_rows: int | None = None
  rows_per_round: int | None = None
  views: int = 1


class Variables(NamedTuple):
  """The variables of a method.

  Attributes:
    params: trained by gradient (learned codewords, classifier, decoder).
    state: changed by `HashMethod.update` and `HashMethod.solve` alone (fixed
      codewords, code bank).
  """

  params: PyTree = ()
  state: PyTree = ()


class Aux(NamedTuple):
  """What a loss computed beside the scalar.

  Attributes:
    metrics: scalars to log, by name.
    arrays: arrays that `HashMethod.update` wants again (latent codes, say).
  """

  metrics: dict[str, Any]
  arrays: PyTree = ()


class Encoder(NamedTuple):
  """A network as a pair of pure functions.

  Attributes:
    init: `(key, inputs) -> (params, state)`; `inputs` is an array or a
      `jax.ShapeDtypeStruct` `[batch, ...]`, `state` holds running statistics.
    apply: `(params, state, inputs, *, train, key=None) -> (Outputs, state)`.
      With `train=False` the state comes back unchanged and a row's output
      does not depend on the other rows.
  """

  init: Callable[..., tuple[PyTree, PyTree]]
  apply: Callable[..., tuple[Outputs, PyTree]]


def keep_state(
  variables: Variables,
  outputs: Outputs,
  aux: Aux,
  batch: Batch,
  *,
  key: jax.Array,
  step: jax.Array,
) -> PyTree:
  """The `update` of a method whose state never changes."""
  del outputs, aux, batch, key, step
  return variables.state


def encode_sign(
  variables: Variables, outputs: Outputs
) -> Int8[Array, 'batch width']:
  """Codes as the sign of the logits, with sign(0) = +1.

  Example:
    >>> logits = jax.numpy.array([[0.0, -0.5, 2.0]])
    >>> encode_sign(Variables(), Outputs(logits, logits)).tolist()
    [[1, -1, 1]]
  """
  del variables
  return binarize.codes_from_logits(outputs.logits)


class StageResult(NamedTuple):
  """What a stage found out.

  Attributes:
    arrays: NumPy arrays by name, saved, and given to later stages and to the
      method's `init` as `Info.arrays`.
    report: plain values, for the results.
  """

  arrays: dict[str, Any]
  report: dict[str, Any]


class Stage(NamedTuple):
  """What a method wants to be done before it is trained itself.

  Attributes:
    name: of the stage, and of its folder.
    run: `(key, info, rows) -> StageResult`, called once. `rows` is what
      `Stage.rows` gives of each train row, NumPy `[num_train, ...]`; of a
      stage that trains nothing their inputs, if it wants them, or None.
    method: trained first, by the same loop and with the same encoder, data and
      optimiser as the method itself; None where nothing is trained.
    rows: `(variables, outputs) -> [batch, ...]`, what is wanted of each train
      row once the stage's method is trained; its codes by default.
    settings: the hyper-parameters that the stage depends on, plain values.
      Runs that differ in others can share it.
    check: `(info) -> None`, raises a ValueError where `run` would, as far as
      can be said before any stage is run.
    wants_inputs: whether a stage that trains nothing gets the train rows as
      they are prepared for encoding, float32 `[num_train, ...]`.
  """

  name: str
  run: Callable[[jax.Array, Info, Any], StageResult]
  method: HashMethod | None = None
  rows: Callable[[Variables, Outputs], Any] = encode_sign
  settings: Mapping[str, Any] = types.MappingProxyType({})
  check: Callable[[Info], None] = lambda info: None
  wants_inputs: bool = False


class HashMethod(NamedTuple):
  """A hashing method: pure functions over explicit variables.

  Only the first three fields are needed. `variables` are always those of
  before the optimiser's step, `step` is a traced int32 that is never vmapped.

  Attributes:
    width: columns of the logits that the encoder must give. `num_bits`, but
      for product quantisers.
    init: `(key, info) -> Variables`; called once, on the host. Under `jax.jit`
      it works where it searches nothing on the host, such as codewords.
    loss: `(variables, outputs, batch, *, key, step) -> (scalar, Aux)`.
    update: `(variables, outputs, aux, batch, *, key, step) -> new state`.
    solve: `(variables, *, key, step) -> new state`, a closed-form step at the
      end of each round, after `update`, whose state it gets; a branch, so that
      it costs nothing at other steps. None where there is none.
    encode: `(variables, outputs) -> codes`, int8 -1/+1 `[batch, bits]`, or
      uint8 codeword ids of a product quantiser.
    distance: `(variables, query_outputs, codes) -> [queries, items]` float;
      None means the Hamming distance between codes.
    symmetric_distance: `(variables, query_codes, codes) -> [queries, items]`
      float, where queries are quantised too; scored beside `distance`.
    bank: `(variables) -> codes of the train rows` `[num_train, bits]`, int8,
      for transductive methods that learn database codes directly; 0 in all
      bits of a row that has none. None otherwise.
    codewords: `(variables) -> int8 [num_classes, bits]`, the binary codewords
      of the classes, for reports; None where there are none.
    reconstruction: what of the method is not known from its authors but
      reconstructed, for every report; empty where nothing is.
    stages: what comes before, in order; `training.prepare` sees to it.

  Example:
    >>> import jax.numpy as jnp
    >>> def towards_corners(num_bits):  # a method that uses no label
    ...   def loss(variables, outputs, batch, *, key, step):
    ...     value = jnp.square(jnp.abs(outputs.logits) - 1).mean()
    ...     return value, Aux({'loss': value})
    ...
    ...   return HashMethod(num_bits, lambda key, info: Variables(), loss)
    >>> method = towards_corners(2)
    >>> logits = jnp.array([[0.5, -1.0]])
    >>> value, _ = method.loss(
    ...   Variables(), Outputs(logits, logits), {}, key=None, step=0
    ... )
    >>> (
    ...   value.item(),
    ...   method.encode(Variables(), Outputs(logits, logits)).tolist(),
    ... )
    (0.125, [[1, -1]])
  """

  width: int
  init: Callable[[jax.Array, Info], Variables]
  loss: Callable[..., tuple[jax.Array, Aux]]
  update: Callable[..., PyTree] = keep_state
  solve: Callable[..., PyTree] | None = None
  encode: Callable[[Variables, Outputs], jax.Array] = encode_sign
  distance: Callable[[Variables, Outputs, jax.Array], jax.Array] | None = None
  symmetric_distance: (
    Callable[[Variables, jax.Array, jax.Array], jax.Array] | None
  ) = None
  bank: Callable[[Variables], jax.Array] | None = None
  codewords: Callable[[Variables], jax.Array] | None = None
  reconstruction: str = ''
  stages: tuple[Stage, ...] = ()
