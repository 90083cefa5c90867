"""Evaluation protocols, by name."""
