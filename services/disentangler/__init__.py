"""Decides how the reply sounds and looks."""
