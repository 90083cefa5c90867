"""Encoders: networks behind a pair of pure functions."""
