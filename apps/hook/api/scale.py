"""Logits as points on the scale that rspamd's users have their rules and their habits for."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from detectors.actions import MICRO, Action, logit_micro
from detectors.verdict import Verdict

__all__ = ["ADD_HEADER", "REJECT", "Scale", "in_band", "scale_of"]

REJECT: Final = 15.0  # rspamd's own thresholds (conf/actions.conf)
ADD_HEADER: Final = 6.0

# Where the thresholds of a policy come to lie, the mildest first.
_POINTS: Final[Mapping[Action, float]] = {
    "add_header": ADD_HEADER,
    "rewrite_subject": 8.0,
    "quarantine": 10.0,
    "defer": 12.0,
    "reject": REJECT,
}
_LEAST: Final = 0.01


class _Anchor(NamedTuple):
    """A logit, in millionths, and the points that it is worth."""

    logit: int
    points: float


class Scale:
    """Points by logit: straight lines between anchors, so that a higher logit has more points."""

    def __init__(self, anchors: tuple[_Anchor, _Anchor, *tuple[_Anchor, ...]]) -> None:
        self._anchors = anchors

    def points(self, logit: int) -> float:
        """Return the points of a logit in millionths; the outer lines go on without end."""
        lines = pairwise(self._anchors)
        left, right = next(lines)
        for line in lines:
            if logit >= line[0].logit:
                left, right = line
        slope = (right.points - left.points) / (right.logit - left.logit)
        return left.points + (logit - left.logit) * slope


def scale_of(verdict: Verdict) -> Scale:
    """Return the scale on which a verdict's thresholds are 6, 8, 10, 12 and 15, its bias is 0.

    So 0 is a message of which nothing speaks. A threshold that isn't above the milder ones, and
    one that is off, is passed over; without any a point is a logit.
    """
    anchors = [_Anchor(verdict.bias, 0.0)]
    for action, points in _POINTS.items():
        score = verdict.thresholds.get(action, 0.0)
        if 0.0 < score < 1.0 and (logit := logit_micro(score)) > anchors[-1].logit:
            anchors.append(_Anchor(logit, points))
    first, *rest = anchors
    second = rest[0] if rest else _Anchor(first.logit + MICRO, 1.0)
    return Scale((first, second, *rest[1:]))


def in_band(points: float, action: Action) -> float:
    """Return points that don't contradict the action, for clients that go by points alone.

    What lists, rules or shadow mode decided holds: under 6 mail passes, from 6 on it is marked,
    from 15 on it is rejected, and only then.
    """
    match action:
        case "accept":
            held = min(points, ADD_HEADER - _LEAST)
        case "reject" | "discard":
            held = max(points, REJECT)
        case "defer":  # rspamd's soft reject goes by no points
            held = min(points, REJECT - _LEAST)
        case _:
            held = min(max(points, ADD_HEADER), REJECT - _LEAST)
    return round(held, 2)
