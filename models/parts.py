"""Sums over the parts of hashed messages: of a batch to score, of one message to learn."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.tokens import SLOTS, Tokens

__all__ = ["Floats", "Occurrences", "part_sums"]

Floats = NDArray[np.float64]


def part_sums(values: Floats, sizes: Sequence[int]) -> list[float]:
    """Return the sum of each run of `values`; the runs follow one another, `sizes` long.

    A run's sum depends on its own values alone, to the bit: NumPy's pairwise summation starts
    anew with every run, and there is no cast in between, which would cut runs at buffer bounds.
    """
    lengths = np.array(sizes, np.intp)
    filled = lengths > 0  # reduceat gives an empty run the value after it
    sums = np.zeros(len(lengths))
    if filled.any():
        starts = lengths.cumsum() - lengths
        sums[filled] = np.add.reduceat(values, starts[filled])
    return sums.tolist()


class Occurrences:
    """Which places of a message's slots hold the same slot, so that each learns once, in full.

    A slot of several parts takes the sum of what they say. `totals` gives every occurrence that
    sum, so that writing all of them back is the same as writing one.
    """

    def __init__(self, tokens: Tokens, scratch: NDArray[np.intp]) -> None:
        """Find them; `scratch` has SLOTS places and is overwritten."""
        self.slots = tokens.slots
        self._sizes = tokens.sizes
        scratch[tokens.slots] = np.arange(len(tokens.slots))
        self._last = scratch.take(tokens.slots)

    @staticmethod
    def scratch() -> NDArray[np.intp]:
        """Return memory that all messages can share, one after the other."""
        return np.zeros(SLOTS, np.intp)

    def counts(self) -> Floats:
        """Return for every occurrence how many parts hold its slot."""
        return np.bincount(self._last).take(self._last).astype(np.float64)

    def totals(self, by_part: Sequence[float]) -> Floats:
        """Return for every occurrence the sum of the values of the parts that hold its slot."""
        values = np.repeat(np.array(by_part, np.float64), self._sizes)
        totals = np.bincount(self._last, values).take(self._last)
        return totals.astype(np.float64, copy=False)  # it is; NumPy's stubs know no weights
