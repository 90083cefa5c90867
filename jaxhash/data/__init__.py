"""Data sets, protocols and input pipelines."""
