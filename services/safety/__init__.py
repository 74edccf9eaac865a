"""Sees whether somebody is in danger, from what a person says."""
