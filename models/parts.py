"""Sums over the parts of a hashed message, by part to score it and by slot to learn it."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from features.tokens import SLOTS, Tokens

__all__ = ["Floats", "Occurrences", "Pairs", "part_sums"]

Floats = NDArray[np.float64]

# Two float64 a slot that are looked up together lie in one cache line, as NumPy's complex numbers:
# half the time of two tables, since these are larger than the cache. Adding them adds both apart.
Pairs = NDArray[np.complex128]


def part_sums(values: Pairs, sizes: Sequence[int]) -> list[complex]:
    """Return the sum of each part's values; the parts follow one another, `sizes` long.

    Only the first, the header part, may be empty. Sums are NumPy's pairwise ones.
    """
    starts = [0, *accumulate(sizes[:-1])]
    if sizes[0]:
        sums: list[complex] = np.add.reduceat(values, starts).tolist()
        return sums
    if len(sizes) == 1:
        return [0j]
    return [0j, *np.add.reduceat(values, starts[1:]).tolist()]


class Occurrences:
    """Which places of a message's slots hold the same slot, so that each learns once, in full.

    A slot of several parts takes the sum of what they say. `totals` gives every occurrence that
    sum, so that writing all of them back is the same as writing one.
    """

    def __init__(self, tokens: Tokens, scratch: NDArray[np.intp]) -> None:
        """Find them; `scratch` has SLOTS places and is overwritten."""
        self.slots = tokens.slots
        self.parts = len(tokens.sizes)
        self._sizes = tokens.sizes
        # The last write to a place wins, so that all occurrences of a slot read the same number.
        scratch[tokens.slots] = np.arange(len(tokens.slots))
        self._last = scratch.take(tokens.slots)

    @staticmethod
    def scratch() -> NDArray[np.intp]:
        """Return memory that all messages can share, one after the other."""
        return np.zeros(SLOTS, np.intp)

    def counts(self) -> Floats:
        """Return for every occurrence how many parts hold its slot."""
        return np.bincount(self._last).take(self._last).astype(np.float64)

    def reaches(self, steps: Floats) -> list[float]:
        """Return the most that each segment's logit can move by its slots' steps.

        The header part's slots count in each; without a segment they are all.
        """
        header, *segments = part_sums(np.abs(steps).astype(np.complex128), self._sizes)
        return [(header + segment).real for segment in segments] or [header.real]

    def totals(self, by_part: Sequence[float]) -> Floats:
        """Return for every occurrence the sum of the values of the parts that hold its slot."""
        values = np.repeat(np.array(by_part, np.float64), self._sizes)
        totals = np.bincount(self._last, values).take(self._last)
        return totals.astype(np.float64, copy=False)  # it is; NumPy's stubs know no weights
