"""Training: state, step, loop, checkpoints, evaluation."""
