"""Speaks."""
