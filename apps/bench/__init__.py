"""Measurements of this installation: every figure of docs/benchmarks.md comes from here."""
