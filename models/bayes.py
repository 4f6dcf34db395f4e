"""The text model's second half: naive Bayes on the same hashed segments."""

import math

import numpy as np

from features.tokens import SLOTS
from models.parts import Floats, Occurrences, Pairs

__all__ = ["Bayes"]


class Bayes:
    """Counts the parts of abuse and of honest mail that hold a slot.

    A segment's logit is the mean over header part and segment of the slots' log ratios, plus that
    of the messages: the length of a text says nothing, and more mail of one side doesn't shift
    it. The model keeps the log ratios, which learning renews, so that scoring takes no
    logarithm. `prior` is added to every count.
    """

    def __init__(self, prior: float) -> None:
        self._prior = prior
        self.counts: Pairs = np.zeros(SLOTS, np.complex128)  # abuse, honest
        self.abuse = 0.0
        self.honest = 0.0

    def balance(self) -> float | None:
        """Return the messages' log ratio; None while only one side, or none, has been seen."""
        if self.abuse <= 0.0 or self.honest <= 0.0:
            return None
        return math.log((self.honest + 2 * self._prior) / (self.abuse + 2 * self._prior))

    def learn(self, where: Occurrences, weight: float, *, abuse: bool) -> Floats:
        """Count a message once for itself, and each slot once for every part that holds it.

        A negative weight takes a message back. Returns the slots' log ratios as they are now.
        """
        counts = self.counts.take(where.slots)
        if abuse:
            self.abuse = max(self.abuse + weight, 0.0)
            counts.real += weight * where.counts()
        else:
            self.honest = max(self.honest + weight, 0.0)
            counts.imag += weight * where.counts()
        if weight < 0.0:  # what was never learned can't be taken back
            np.maximum(counts.real, 0.0, out=counts.real)
            np.maximum(counts.imag, 0.0, out=counts.imag)
        self.counts[where.slots] = counts
        return self._ratios(counts)

    def ratios(self) -> Floats:
        """Work out all slots' log ratios from the counts: those that learning had returned."""
        return self._ratios(self.counts)

    def _ratios(self, counts: Pairs) -> Floats:
        ratios: Floats = counts.real + self._prior
        ratios /= counts.imag + self._prior
        return np.log(ratios, out=ratios)
