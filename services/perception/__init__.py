"""Hears and sees the person."""
