"""What a change does to mail that is labelled: shares with intervals, and ROC curves."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from apps.evaluation.figures import Scores as Ranked
from apps.evaluation.figures import curve, wilson
from apps.replay.comparison import Curve, Effect, Range, RocPoint, Share
from apps.replay.consequence import STOPPED
from apps.training.metrics import roc
from detectors.actions import MICRO

__all__ = ["Outcomes", "curves", "effects", "paired_difference"]

_POINTS: Final = 200  # of a curve: more can't be seen

Outcomes = dict[tuple[str, int, int], int]
"""Labelled messages by truth, and how far the action went before and after (consequence.level)."""

_QUESTIONS: Final[Sequence[tuple[str, str, Callable[[int], bool]]]] = (
    ("ham refused", "ham", lambda level: level > STOPPED),
    ("ham refused or held", "ham", lambda level: level >= STOPPED),
    ("ham not let through as it is", "ham", lambda level: level > 0),
    ("abuse let through as it is", "abuse", lambda level: level == 0),
    ("abuse neither refused nor held", "abuse", lambda level: level < STOPPED),
)


def effects(outcomes: Outcomes) -> tuple[Effect, ...]:
    """Return what labels say of both runs, for each kind of mistake."""
    found = []
    for what, truth, mistaken in _QUESTIONS:
        pairs = [0, 0, 0, 0]  # both, before only, after only, neither
        for (said, before, after), count in outcomes.items():
            if said == truth:
                pairs[2 * (not mistaken(before)) + (not mistaken(after))] += count
        both, first, second, neither = pairs
        total = sum(pairs)
        found.append(
            Effect(
                what,
                _share(both + first, total),
                _share(both + second, total),
                paired_difference(both, second, first, neither) if total else None,
            )
        )
    return tuple(found)


def paired_difference(both: int, first: int, second: int, neither: int) -> Range:
    """Return the first share less the second, of the same messages, with its 95 % interval.

    Method 10 of Newcombe ("Improved confidence intervals for the difference between binomial
    proportions based on paired data", 1998): Wilson's intervals, put together by how far the two
    go along. The counts are of messages that are in both shares, in one of them, in none; at
    least one message.
    """
    total = both + first + second + neither
    p, q = (both + first) / total, (both + second) / total
    (low, high), (other_low, other_high) = (
        wilson(both + first, total),
        wilson(both + second, total),
    )
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    along = 0.0
    if margins:
        product = both * neither - first * second
        along = (max(product - total / 2, 0.0) if product > 0 else product) / math.sqrt(margins)
    below = _apart(p - low, other_high - q, along)
    above = _apart(high - p, q - other_low, along)
    return Range(p - q, p - q - below, p - q + above)


def curves(labelled: Sequence[tuple[int, int, bool]]) -> tuple[Curve, ...]:
    """Return both runs' curves from labelled messages: logits before and after, and the truth.

    Logits are in millionths, the truth is whether it is abuse. Empty where a class is missing.
    """
    abuse = np.array([it for *_, it in labelled], np.bool_)
    if abuse.all() or not abuse.any():
        return ()
    before, after = (np.array([it[at] for it in labelled], np.float64) / MICRO for at in (0, 1))
    return _curve("before", before, abuse), _curve("after", after, abuse)


def _curve(
    run: Literal["before", "after"], logits: NDArray[np.float64], abuse: NDArray[np.bool_]
) -> Curve:
    ranked = Ranked(logits, abuse)
    area = roc(ranked.of_spam, ranked.of_ham)
    points = [
        RocPoint(it.ham_misjudged, 1.0 - it.spam_missed, _finite(it.threshold))
        for it in curve(ranked)
    ]
    return Curve(
        run,
        tuple(_thinned(points, len(ranked.of_ham), len(ranked.of_spam))),
        _finite(100 * area.complement),
        _finite(100 * area.low),
        _finite(100 * area.high),
    )


def _thinned(points: Sequence[RocPoint], ham: int, abuse: int) -> Iterable[RocPoint]:
    """Yield the ends, and what lies far enough from the point before to be seen by logarithm.

    Both errors are to be small, so that it is the smallest that a reader compares. None at all
    stands where half a message would.
    """
    last = None
    for at, point in enumerate(points):
        place = (
            _depth(point.ham_misjudged, 0.5 / ham),
            _depth(1.0 - point.abuse_caught, 0.5 / abuse),
        )
        ends = at in {0, len(points) - 1}
        if last is None or ends or math.dist(last, place) >= 2 / _POINTS:
            last = place
            yield point


def _depth(error: float, least: float) -> float:
    """Return 0 for all, 1 for the least share that can be told from none, by logarithm."""
    return math.log(max(error, least)) / math.log(least)


def _apart(one: float, other: float, along: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * along * one * other + other * other))


def _share(hits: int, total: int) -> Share:
    return Share(hits, total, *wilson(hits, total))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
