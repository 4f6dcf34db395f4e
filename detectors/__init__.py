"""Findings about a message, and the verdict. No I/O, no clock."""
