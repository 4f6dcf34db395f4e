"""What an evaluation found, as one object for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.evaluation.figures import (
    Point,
    Scores,
    calibration_error,
    lam,
    missed,
    ranking,
    wilson,
)
from apps.evaluation.protocol import Outcome, scores_of
from detectors.actions import ACTIONS

__all__ = ["NEAR", "near_the_threshold", "report"]

NEAR = (0.0001, 0.0002, 0.0004, 0.001, 0.002, 0.004, 0.01)
"""Shares of ham misjudged between which an operator chooses."""
_BEGINNING, _EARLY = 500, 2_000


def report(
    outcomes: Sequence[Outcome], thresholds: Mapping[str, float], cpu: Mapping[str, float]
) -> dict[str, Any]:
    """Return all figures of a judged stream; shares in %, None where a class is missing.

    Args:
        outcomes: the stream; at least one message.
        thresholds: the policy's, as probabilities by action.
        cpu: CPU time by stage, in seconds.
    """
    scores = scores_of(outcomes)
    count = len(outcomes)
    probabilities = np.array(
        [0.5 if it.opinion.score is None else it.opinion.score for it in outcomes], np.float64
    )
    return {
        **ranking(scores),
        "broken": sum(it.opinion.logit is None for it in outcomes),
        "taught": sum(it.taught for it in outcomes),
        "thresholds": {
            action: {"score": threshold, **_operating(outcomes, action)}
            for action, threshold in thresholds.items()
        },
        "actions": _actions(outcomes),
        "calibration": calibration_error(probabilities, scores.spam),
        "learning": _learning(scores),
        "roc": [
            {"ham_misjudged_pct": 100 * at.ham_misjudged, "spam_missed_pct": 100 * at.spam_missed}
            for at in near_the_threshold(scores)
        ],
        "cpu_us": round(sum(cpu.values()) / count * 1e6, 1),
        "cpu_us_stages": {name: round(spent / count * 1e6, 1) for name, spent in cpu.items()},
    }


def near_the_threshold(scores: Scores) -> list[Point]:
    """Return the best point at each share of NEAR; none where a class is missing."""
    if not scores.spam.any() or scores.spam.all():
        return []
    points = [missed(scores, rate) for rate in NEAR]
    return list(dict.fromkeys(points))


def _operating(outcomes: Sequence[Outcome], action: str) -> dict[str, Any]:
    ham = spam = misjudged = caught = 0
    for it in outcomes:
        reached = action in it.opinion.reached
        if it.spam:
            spam, caught = spam + 1, caught + reached
        else:
            ham, misjudged = ham + 1, misjudged + reached
    low, high = wilson(misjudged, ham)
    averaged = lam(misjudged, ham, spam - caught, spam)
    return {
        "ham_misjudged": misjudged,
        "ham_misjudged_pct": 100 * misjudged / ham if ham else None,
        "ham_misjudged_pct_low": 100 * low,
        "ham_misjudged_pct_high": 100 * high,
        "recall_pct": 100 * caught / spam if spam else None,
        "lam_pct": None if averaged is None else 100 * averaged,
    }


def _actions(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    counts = Counter((it.opinion.action, it.spam) for it in outcomes)
    return {
        action: {"ham": counts[action, False], "spam": counts[action, True]}
        for action in ACTIONS
        if counts[action, False] or counts[action, True]
    }


def _learning(scores: Scores) -> dict[str, dict[str, Any]]:
    parts = {
        f"first {_BEGINNING:,}": scores.part(0, _BEGINNING),
        f"first {_EARLY:,}": scores.part(0, _EARLY),
        "the rest": scores.part(_EARLY),
    }
    return {name: ranking(part) for name, part in parts.items() if len(part.spam)}
