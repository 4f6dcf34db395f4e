"""A verdict's score on the scale that mail readers and filters of others are used to."""

from typing import Final

from detectors.actions import MICRO, logit_micro
from detectors.verdict import Verdict

__all__ = ["points", "required"]

# SpamAssassin calls mail spam from 5.0 points on; at 5.0 of ours abuse is as likely as not, and
# each point more multiplies the odds by e.
_EVEN: Final = 5.0


def points(logit: int) -> float:
    """Return the points of a logit in millionths, rounded to 0.001: 5 for even odds."""
    return round(_EVEN + logit / MICRO, 3)


def required(verdict: Verdict) -> float:
    """Return the points from which a verdict's policy marks mail: its lowest threshold."""
    wanted = [logit_micro(score) for score in verdict.thresholds.values() if 0.0 < score < 1.0]
    return points(min(wanted, default=0))
