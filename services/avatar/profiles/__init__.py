"""Avatars as files: copy one, change it, and it is a new avatar."""
