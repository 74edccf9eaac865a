"""Measurements: figures in `docs/benchmarks.md` come from here."""
