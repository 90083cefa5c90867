"""Entry points: train, evaluate, benchmark."""
