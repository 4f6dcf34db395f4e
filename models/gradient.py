"""The text model's first half: logistic regression on hashed segments, by AdaGrad."""

import math
from collections.abc import Sequence

import numpy as np

from features.tokens import SLOTS
from models.parts import Floats, Occurrences

__all__ = ["Gradient", "sigmoid"]

_FLAT = 30.0  # logits; beyond it the sigmoid's slope is lost in rounding


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)), flat beyond 30 logits."""
    return 1.0 / (1.0 + math.exp(-max(-_FLAT, min(_FLAT, logit))))


class Gradient:
    """Learns one weight a slot; a segment's logit is the sum over header part and segment.

    Steps go towards a smoothed target, at a rate that falls with the squared gradients that a
    slot has seen (AdaGrad; Duchi, Hazan and Singer 2011). `start` is the sum of squares that each
    slot begins with. The weights themselves are the model's.
    """

    def __init__(self, rate: float, start: float) -> None:
        self._rate = rate
        self.squares: Floats = np.full(SLOTS, start)

    def steps(
        self,
        where: Occurrences,
        logits: Sequence[float],
        target: float,
        weight: float,
        cap: float = 0.0,
    ) -> Floats:
        """Return what each slot's weight gains by one step from the logits towards the target.

        All segments step from the same weights, each with an equal share of `weight`; the header
        part steps with each. Without a segment, `logits` holds the header part's own. With a
        `cap` all steps are scaled down by one factor, so that no segment's logit moves further;
        the squares grow as without. A negative weight steps away from the target.
        """
        slopes = [weight / len(logits) * (target - sigmoid(logit)) for logit in logits]
        squares = [slope * slope for slope in slopes]
        sums = self.squares.take(where.slots)
        sums += where.totals([sum(squares), *squares][: where.parts])
        self.squares[where.slots] = sums
        steps = where.totals([sum(slopes), *slopes][: where.parts])
        steps *= self._rate
        steps /= np.sqrt(sums, out=sums)
        if cap:
            furthest = max(where.reaches(steps))
            if furthest > cap:
                steps *= cap / furthest
        return steps
