"""Training: state, step, loop, checkpoints, evaluation."""

from jaxhash.training.checkpoints import Checkpoints, state_digest
from jaxhash.training.config import check_config, default_config, fill_defaults
from jaxhash.training.encode import Encoded, RowEncoder
from jaxhash.training.errors import (
  CheckpointError,
  InterruptedRunError,
  NonFiniteLossError,
  RunError,
  WorkdirError,
)
from jaxhash.training.evaluation import (
  check_shallow,
  evaluate,
  evaluate_shallow,
  fit_norm,
  validate,
)
from jaxhash.training.experiment import (
  Evaluation,
  Experiment,
  build,
  initial_state,
  make_mesh,
)
from jaxhash.training.loop import restore, train, train_seeds
from jaxhash.training.optimizer import make_optimizer
from jaxhash.training.ranking import Ranker, rank
from jaxhash.training.report import (
  results_of,
  results_table,
  write_report,
)
from jaxhash.training.stages import check_run, prepare, prepare_seeds
from jaxhash.training.state import TrainState, init_state, method_variables
from jaxhash.training.step import make_encode_step, make_train_step
from jaxhash.training.tasks import compile_step, seed_state
from jaxhash.training.workdir import read_config
