"""Entry points: train, evaluate, benchmark, codeword_semantics."""
