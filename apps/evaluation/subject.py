"""Weir as a filter under evaluation: message by message, a batch of one."""

import math

from apps.evaluation.protocol import Opinion
from apps.evaluation.spent import Spent
from apps.evaluation.stream import Item
from detectors.actions import MICRO, logit_micro
from detectors.judging import Judged
from streams.offline import Offline

__all__ = ["Subject", "opinion_of"]


class Subject:
    """Weir with its feedback immediate; `spent` is told to pass over what isn't Weir's time."""

    def __init__(self, offline: Offline, spent: Spent | None = None) -> None:
        self.offline = offline
        self._spent = spent or Spent()
        self._last: Judged | None = None

    def judge(self, item: Item) -> Opinion:
        """Return what Weir says of the next message."""
        self._spent.skip()
        (self._last,) = self.offline.judge([item.incoming])
        return opinion_of(self._last)

    def learn(self, abuse: bool) -> None:  # noqa: FBT001 - as the protocol has it
        """Teach the label of the message that was judged last."""
        if self._last is not None:
            self._spent.skip()
            self.offline.label(self._last, abuse=abuse)


def opinion_of(judged: Judged) -> Opinion:
    """Return a verdict as an opinion; its thresholds are compared as the policy compares them.

    The score is the logit's, not rounded as in a verdict: rounded, all that is nearly sure would
    be equal, and the scores would rank otherwise than the logits.
    """
    verdict = judged.verdict
    if verdict.logit is None:
        return Opinion(None, None, verdict.action)
    reached = [
        action
        for action, threshold in verdict.thresholds.items()
        if verdict.logit >= logit_micro(threshold)
    ]
    logit = verdict.logit / MICRO
    return Opinion(logit, _logistic(logit), verdict.action, frozenset(reached))


def _logistic(logit: float) -> float:
    # Each branch keeps exp() of a negative number: no overflow at any logit.
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))
