"""Shallow hashing: fit on features, encode features."""
