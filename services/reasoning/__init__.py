"""Reasons over a dialogue with a language model."""
