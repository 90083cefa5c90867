"""Codewords: binary targets of the classes."""
