"""The text model's first half: logistic regression on hashed segments, by AdaGrad."""

import math
from collections.abc import Sequence

import numpy as np

from features.tokens import SLOTS, Slots
from models.parts import Floats, Occurrences

__all__ = ["Gradient", "sigmoid"]

_FLAT = 30.0  # logits; beyond it the sigmoid's slope is lost in rounding


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)), flat beyond 30 logits."""
    return 1.0 / (1.0 + math.exp(-max(-_FLAT, min(_FLAT, logit))))


class Gradient:
    """One weight a slot, its logit the sum over header part and segment.

    Learns every segment towards a smoothed target, at a rate that falls with the squared
    gradients that a slot has seen (AdaGrad; Duchi, Hazan and Singer 2011). `start` is the sum of
    squares that each begins with.
    """

    def __init__(self, rate: float, start: float) -> None:
        self._rate = rate
        self.weights: Floats = np.zeros(SLOTS)
        self.squares: Floats = np.full(SLOTS, start)

    def values(self, slots: Slots) -> Floats:
        """Return the slots' weights."""
        return self.weights.take(slots)

    def learn(
        self, where: Occurrences, logits: Sequence[float], target: float, weight: float
    ) -> None:
        """Take one step from each segment's logit towards the target.

        All segments step from the same weights, each with an equal share of `weight`; the header
        part steps with each. Without a segment, `logits` holds the header part's own.
        """
        slopes = [weight / len(logits) * (target - sigmoid(logit)) for logit in logits]
        squares = [slope * slope for slope in slopes]
        steps = where.totals([sum(slopes), *slopes])
        sums = self.squares.take(where.slots)
        sums += where.totals([sum(squares), *squares])
        self.squares[where.slots] = sums
        np.sqrt(sums, out=sums)
        steps *= self._rate
        steps /= sums
        steps += self.weights.take(where.slots)
        self.weights[where.slots] = steps
