"""Retrieval metrics from distance histograms."""
