"""Codewords: binary targets of the classes."""

from jaxhash.codewords.adaptive import adaptive_codewords, init_adaptive

__all__ = ['adaptive_codewords', 'init_adaptive']
