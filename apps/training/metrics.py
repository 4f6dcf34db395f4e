"""Figures of a ranking and of probabilities: ROC area, recall at a false-positive rate, Brier."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Area", "Bin", "OperatingPoint", "brier", "log_loss", "recall_at", "reliability", "roc"]

_Z = 1.959964  # two-sided 95 % of the normal distribution
_TOLERANCE = 1e-12  # so that 5 of 5,000 is 0.1 %, whatever the division's last bit
_CLIP = 1e-12  # keeps a logarithm finite

Floats = NDArray[np.float64]


class Area(NamedTuple):
    """ROC area with the 95 % interval of its complement; NaN where a class is missing.

    `complement` is 1 - area (the TREC spam track's 1-ROCA, as a ratio), `low` and `high` its
    interval, which are NaN where every spam ranks above every ham.
    """

    area: float
    complement: float
    low: float
    high: float


class OperatingPoint(NamedTuple):
    """The highest recall whose false-positive rate is within the target, and where it lies."""

    recall: float
    false_positive_rate: float
    threshold: float


class Bin(NamedTuple):
    """Messages whose predicted probability lies in one interval: how many, mean, share of spam."""

    low: float
    high: float
    messages: int
    predicted: float
    observed: float


def roc(spam: Floats, ham: Floats) -> Area:
    """Return the ROC area of scores, higher meaning spam; a tie of spam and ham counts half.

    Area by mid-ranks; the interval from DeLong's variance (DeLong et al. 1988) on the logit of
    the complement, as the TREC spam track reports it.
    """
    if not len(spam) or not len(ham):
        return Area(math.nan, math.nan, math.nan, math.nan)
    below = _mid_ranks(spam, ham) / len(ham)  # for each spam, the share of ham below it
    above = 1 - _mid_ranks(ham, spam) / len(spam)
    complement = float(np.mean(1 - below))
    if min(len(spam), len(ham)) < 2 or not 0 < complement < 1:
        return Area(1 - complement, complement, math.nan, math.nan)
    variance = below.var(ddof=1) / len(spam) + above.var(ddof=1) / len(ham)
    half = _Z * math.sqrt(variance) / (complement * (1 - complement))
    centre = math.log(complement / (1 - complement))
    low, high = (1 / (1 + math.exp(-x)) for x in (centre - half, centre + half))
    return Area(1 - complement, complement, low, high)


def _mid_ranks(values: Floats, others: Floats) -> Floats:
    ordered = np.sort(others)
    left = np.searchsorted(ordered, values, "left")
    right = np.searchsorted(ordered, values, "right")
    return np.asarray((left + right) / 2, dtype=np.float64)


def recall_at(spam: Floats, ham: Floats, rate: float) -> OperatingPoint:
    """Return the best recall over realizable thresholds with at most `rate` of ham at or above.

    All messages of one score move together. `threshold` is the lowest score that is called spam;
    infinity where even the highest lets too much ham through. Raises ValueError without ham.
    """
    if not len(ham):
        raise ValueError("recall at a false-positive rate needs ham, none given")
    candidates = np.unique(np.concatenate([spam, ham]))[::-1]
    ordered_ham, ordered_spam = np.sort(ham), np.sort(spam)
    false = 1 - np.searchsorted(ordered_ham, candidates, "left") / len(ham)
    within = np.flatnonzero(false <= rate + _TOLERANCE)
    if not len(within):
        return OperatingPoint(0.0, 0.0, math.inf)
    last = int(within[-1])
    threshold = float(candidates[last])
    if not len(spam):
        return OperatingPoint(math.nan, float(false[last]), threshold)
    recall = 1 - int(np.searchsorted(ordered_spam, threshold, "left")) / len(spam)
    return OperatingPoint(recall, float(false[last]), threshold)


def brier(probabilities: Floats, spam: NDArray[np.bool_]) -> float:
    """Return the mean squared error of probabilities (Brier 1950), in [0, 1]."""
    return float(np.mean((probabilities - spam) ** 2))


def log_loss(probabilities: Floats, spam: NDArray[np.bool_]) -> float:
    """Return the mean negative log-likelihood of probabilities, in nats."""
    clipped = np.clip(probabilities, _CLIP, 1 - _CLIP)
    return float(-np.mean(np.where(spam, np.log(clipped), np.log1p(-clipped))))


def reliability(
    probabilities: Floats,
    spam: NDArray[np.bool_],
    edges: tuple[float, ...] = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0),
) -> list[Bin]:
    """Return, for each interval of probability that holds messages, predicted and observed rates.

    An interval holds its lower edge; the last one holds its upper edge too.
    """
    places = np.clip(np.searchsorted(edges, probabilities, "right") - 1, 0, len(edges) - 2)
    return [
        Bin(
            edges[i],
            edges[i + 1],
            int(inside.sum()),
            float(probabilities[inside].mean()),
            float(spam[inside].mean()),
        )
        for i in range(len(edges) - 1)
        if (inside := places == i).any()
    ]
