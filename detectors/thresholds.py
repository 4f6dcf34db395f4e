"""From a logit to an action: each action's threshold, compared as integers."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from detectors.actions import ACTIONS, Action, logit_micro

__all__ = ["Bands", "contradiction"]

_FINAL = frozenset({"reject", "discard"})  # the sender or the recipient can't mend these


class _Band(NamedTuple):
    logit: int
    severity: int
    action: Action


class Bands:
    """The thresholds in force for one direction and class.

    A threshold of 0 is off: never by score. `scores` are the others, from the lowest up.
    """

    def __init__(self, thresholds: Mapping[Action, float], needs_groups: int) -> None:
        on = {action: p for action, p in thresholds.items() if p}
        bands = [_Band(logit_micro(p), ACTIONS.index(a), a) for a, p in on.items()]
        self._bands = sorted(bands, reverse=True)
        self._needs_groups = needs_groups
        self.scores: dict[str, float] = {
            band.action: thresholds[band.action] for band in reversed(self._bands)
        }

    def decide(self, logit: int, groups: int) -> Action:
        """Return the action with the highest threshold that the logit (millionths) reaches.

        Reject and discard need `groups`, the number of groups that speak for abuse, to be at
        least what the policy asks; else the next lower action holds.
        """
        for band in self._bands:
            if logit >= band.logit and (band.action not in _FINAL or groups >= self._needs_groups):
                return band.action
        return "accept"


def contradiction(thresholds: Mapping[str, float]) -> str:
    """Say which threshold makes a harsher action come before a milder one, '' if none does.

    `defer` may stand anywhere: it buys evidence.
    """
    mildest_first = [a for a in ACTIONS if thresholds.get(a) and a != "defer"]
    for milder, harsher in pairwise(mildest_first):
        if thresholds[milder] >= thresholds[harsher]:
            return (
                f"{milder} = {thresholds[milder]} doesn't lie below "
                f"{harsher} = {thresholds[harsher]}: it would never be used"
            )
    return ""
