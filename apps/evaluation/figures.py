"""Figures of a judged stream: ranking, operating points, calibration, as the TREC track has them.

Scores are logits, higher meaning spam. All messages of one score lie on one side of a threshold,
so a figure is never better than what some threshold really gives.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.training.metrics import brier, recall_at, roc

__all__ = [
    "RATES",
    "Point",
    "Scores",
    "calibration_error",
    "curve",
    "lam",
    "missed",
    "ranking",
    "wilson",
]

RATES: Mapping[str, float] = {"0.1%": 0.001, "0.04%": 0.0004, "0.01%": 0.0001}
"""The shares of ham misjudged at which missed spam is told."""
_Z = 1.959964  # two-sided 95 % of the normal distribution
_BINS = 15

Floats = NDArray[np.float64]


class Scores(NamedTuple):
    """Logits and labels of a stream in its order, both of shape (n,)."""

    logits: Floats
    spam: NDArray[np.bool_]

    def part(self, start: int, end: int | None = None) -> "Scores":
        """Return the messages from `start` up to `end`, in the stream's order."""
        return Scores(self.logits[start:end], self.spam[start:end])

    @property
    def of_spam(self) -> Floats:
        """The spam's logits."""
        return self.logits[self.spam]

    @property
    def of_ham(self) -> Floats:
        """The ham's logits."""
        return self.logits[~self.spam]


class Point(NamedTuple):
    """A realizable threshold: shares of ham misjudged and of spam missed, and the threshold."""

    ham_misjudged: float
    spam_missed: float
    threshold: float


def ranking(scores: Scores) -> dict[str, float | int | None]:
    """Return counts, 1-ROCA% with its 95 % interval, and spam missed in % at each of RATES.

    1-ROCA% is 100 (1 - ROC area), its interval by DeLong's variance on the logit; None where a
    class is missing or, for the interval, where no spam ranks below any ham.
    """
    spam, ham = scores.of_spam, scores.of_ham
    area = roc(spam, ham)
    found: dict[str, float | int | None] = {
        "messages": len(scores.spam),
        "spam": len(spam),
        "ham": len(ham),
        "one_minus_roca_pct": _percent(area.complement),
        "one_minus_roca_pct_low": _percent(area.low),
        "one_minus_roca_pct_high": _percent(area.high),
    }
    for name, rate in RATES.items():
        found[f"missed_pct_at_{name}"] = (
            _percent(missed(scores, rate).spam_missed) if len(spam) and len(ham) else None
        )
    return found


def missed(scores: Scores, rate: float) -> Point:
    """Return the point with the least spam missed where at most `rate` of ham is misjudged.

    Raises ValueError without ham.
    """
    point = recall_at(scores.of_spam, scores.of_ham, rate)
    return Point(point.false_positive_rate, 1 - point.recall, point.threshold)


def curve(scores: Scores) -> list[Point]:
    """Return all corners of the ROC curve from the highest threshold down; needs both classes.

    The first point misjudges no ham and misses all spam.
    """
    thresholds = np.unique(scores.logits)[::-1]
    ham, spam = np.sort(scores.of_ham), np.sort(scores.of_spam)
    misjudged = 1 - np.searchsorted(ham, thresholds, "left") / len(ham)
    passed = np.searchsorted(spam, thresholds, "left") / len(spam)
    points = [Point(0.0, 1.0, math.inf)]
    points += map(Point, misjudged.tolist(), passed.tolist(), thresholds.tolist())
    return points


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); (0, 1) of nothing."""
    if not total:
        return 0.0, 1.0
    share, square = count / total, _Z * _Z
    centre = share + square / (2 * total)
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def lam(false_positives: int, ham: int, misses: int, spam: int) -> float | None:
    """Return the logistic average of misjudged ham and missed spam, a share (TREC's lam).

    A count of none or of all is given half a message, so that its logit is finite. None where a
    class is missing.
    """
    if not ham or not spam:
        return None
    mean = (_logit(false_positives, ham) + _logit(misses, spam)) / 2
    return 1 / (1 + math.exp(-mean))


def _logit(count: int, total: int) -> float:
    held = min(max(count, 0.5), total - 0.5)
    return math.log(held / (total - held))


def calibration_error(
    probabilities: Floats, spam: NDArray[np.bool_], bins: int = _BINS
) -> dict[str, float | None]:
    """Return the expected calibration error over bins of equal mass, and the Brier score.

    Messages are put in order of their probability and cut into `bins` equal parts; the error is
    the mean over them of how far predicted and observed share of spam lie apart (Naeini et al.
    2015, with Nguyen and O'Connor's equal mass). None of no message.
    """
    count = len(probabilities)
    if not count:
        return {"expected_error": None, "brier": None}
    order = np.argsort(probabilities, kind="stable")
    parts: Sequence[NDArray[np.intp]] = np.array_split(order, min(bins, count))
    error = sum(
        len(part) / count * abs(float(probabilities[part].mean() - spam[part].mean()))
        for part in parts
    )
    return {"expected_error": error, "brier": brier(probabilities, spam)}


def _percent(value: float) -> float | None:
    return 100 * value if math.isfinite(value) else None
