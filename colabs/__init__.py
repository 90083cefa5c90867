"""Notebooks: scripts, and what `colabs.build` makes of them."""
