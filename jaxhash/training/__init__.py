"""Training: state, step, loop, checkpoints, stages, evaluation."""

from jaxhash.training.checkpoints import Checkpoints, state_digest
from jaxhash.training.config import (
  check_config,
  default_config,
  fill_defaults,
  merge,
)
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
  Experiment,
  build,
  initial_state,
  loading_once,
  make_mesh,
)
from jaxhash.training.groups import group_config, group_folder, seed_groups
from jaxhash.training.loop import train, train_seeds
from jaxhash.training.optimizer import make_optimizer
from jaxhash.training.ranking import Ranker, rank
from jaxhash.training.report import (
  results_of,
  results_table,
  write_report,
)
from jaxhash.training.saved import restore
from jaxhash.training.scoring import Evaluation
from jaxhash.training.stages import check_run, prepare, prepare_seeds
from jaxhash.training.state import TrainState, init_state, method_variables
from jaxhash.training.step import make_encode_step, make_train_step
from jaxhash.training.tasks import compile_step, seed_state
from jaxhash.training.transfer import transfer
from jaxhash.training.workdir import (
  locked,
  read_config,
  seeds_of,
  write_text,
)
