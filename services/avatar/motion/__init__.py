"""Turns the speech clock, the voice and the style into a pose for each picture."""
