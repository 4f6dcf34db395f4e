"""The text model's second half: naive Bayes on the same hashed segments."""

import math

import numpy as np

from features.tokens import SLOTS, Slots
from models.parts import Floats, Occurrences

__all__ = ["Bayes"]


class Bayes:
    """Counts of parts in abuse and in honest mail that hold a slot.

    A segment's value is the mean over header part and segment of the slots' log ratios, plus
    that of the messages, so that the length of a text says nothing and more mail of one side
    doesn't shift it. The log ratios are kept and renewed by learning: scoring takes no logarithm.
    """

    def __init__(self, prior: float) -> None:
        self._prior = prior
        self.abuse: Floats = np.zeros(SLOTS)
        self.honest: Floats = np.zeros(SLOTS)
        self.messages = [0.0, 0.0]  # honest, abuse
        self._ratios: Floats = np.zeros(SLOTS)

    def values(self, slots: Slots) -> Floats:
        """Return the slots' log ratios."""
        return self._ratios.take(slots)

    def logit(self, total: float, slots: float) -> float:
        """Return the value of so many slots whose log ratios have that sum; 0 if one-sided."""
        honest, abuse = self.messages
        if not honest or not abuse:
            return 0.0
        balance = (honest + 2 * self._prior) / (abuse + 2 * self._prior)
        return total / max(slots, 1.0) + math.log(balance)

    def learn(self, where: Occurrences, weight: float, *, abuse: bool) -> None:
        """Count a message: once for itself, and each slot once for every part that holds it."""
        self.messages[abuse] += weight
        grown, other = (self.abuse, self.honest) if abuse else (self.honest, self.abuse)
        counts = where.counts()
        counts *= weight
        counts += grown.take(where.slots)
        grown[where.slots] = counts
        rest = other.take(where.slots)
        self._ratios[where.slots] = (
            self._ratio(counts, rest) if abuse else self._ratio(rest, counts)
        )

    def renew(self) -> None:
        """Work out all log ratios from the counts, as learning had left them."""
        self._ratios = self._ratio(self.abuse, self.honest)

    def _ratio(self, abuse: Floats, honest: Floats) -> Floats:
        ratio = abuse + self._prior
        ratio /= honest + self._prior
        return np.log(ratio, out=ratio)
