"""Encoders: networks behind ."""
