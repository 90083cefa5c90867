"""Learning to hash in JAX."""
