"""Recorded verdicts judged again: the same (verify), otherwise (what-if), or from mail alone."""
