"""How figures move along a stream, and how far probabilities can be believed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from apps.evaluation.figures import Scores, wilson
from apps.evaluation.protocol import Outcome
from apps.training.metrics import roc

__all__ = ["Bin", "Window", "learning", "reliability"]

_WINDOWS, _BINS = 40, 12
_FEWEST = 25  # messages of a window


class Window(NamedTuple):
    """A piece of the stream that ends after `end` messages.

    `one_minus_roca_pct` is that of all messages up to its end. `ham_misjudged_pct` and
    `spam_missed_pct` are of its own, at even odds. None where a class is missing.
    """

    end: int
    messages: int
    one_minus_roca_pct: float | None
    ham_misjudged_pct: float | None
    spam_missed_pct: float | None


class Bin(NamedTuple):
    """Messages of like probability: mean predicted, observed share of spam, its 95 % interval."""

    messages: int
    predicted: float
    observed: float
    low: float
    high: float


def learning(scores: Scores) -> list[Window]:
    """Return up to 40 windows of equal length, in order; none of no message."""
    count = len(scores.spam)
    windows = min(_WINDOWS, max(1, count // _FEWEST))
    ends = sorted({round(count * (i + 1) / windows) for i in range(windows)} - {0})
    found = []
    start = 0
    for end in ends:
        so_far, own = scores.part(0, end), scores.part(start, end)
        area = roc(so_far.of_spam, so_far.of_ham).complement
        found.append(
            Window(
                end,
                end - start,
                None if np.isnan(area) else 100 * area,
                100 * float(np.mean(own.of_ham >= 0)) if len(own.of_ham) else None,
                100 * float(np.mean(own.of_spam < 0)) if len(own.of_spam) else None,
            )
        )
        start = end
    return found


def reliability(outcomes: Sequence[Outcome]) -> list[Bin]:
    """Return up to 12 bins of equal mass, by rising probability; without what has no score."""
    judged = [(it.opinion.score, it.spam) for it in outcomes if it.opinion.score is not None]
    judged.sort(key=lambda one: one[0])
    found = []
    for part in np.array_split(np.arange(len(judged)), min(_BINS, len(judged)) or 1):
        places = part.tolist()
        if not places:
            continue
        spam = sum(judged[place][1] for place in places)
        low, high = wilson(spam, len(places))
        predicted = sum(judged[place][0] for place in places) / len(places)
        found.append(Bin(len(places), predicted, spam / len(places), low, high))
    return found
