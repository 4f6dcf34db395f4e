"""Weir as a filter under evaluation: message by message, a batch of one."""

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
    """Return a verdict as an opinion; its thresholds are compared as the policy compares them."""
    verdict = judged.verdict
    if verdict.logit is None:
        return Opinion(None, None, verdict.action)
    reached = [
        action
        for action, threshold in verdict.thresholds.items()
        if verdict.logit >= logit_micro(threshold)
    ]
    return Opinion(verdict.logit / MICRO, verdict.score, verdict.action, frozenset(reached))
