"""Vectors to probabilities. No I/O: artifacts are read as bytes."""
