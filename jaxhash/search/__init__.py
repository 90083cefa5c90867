"""Hamming distances and search."""
