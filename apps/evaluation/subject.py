"""Weir as a filter under evaluation: message by message, a batch of one."""

import math

from apps.evaluation.opinion import Opinion
from apps.evaluation.regimes import Shown
from apps.evaluation.spent import Spent
from apps.evaluation.stream import Item
from apps.evaluation.tutor import Kept, Tutor, kept_of
from detectors.actions import MICRO, logit_micro
from detectors.judging import Judged
from detectors.outcomes import is_delivered
from detectors.verdict import Verdict
from models.teaching import Recipe
from streams.offline import Offline

__all__ = ["Subject", "opinion_of"]


_REASONS = 5


class Subject:
    """Weir as one process; `spent` is told to pass over what isn't Weir's time.

    `lasting` and `recipe` as the Tutor has them.
    """

    def __init__(
        self,
        offline: Offline,
        spent: Spent | None = None,
        *,
        lasting: bool = False,
        recipe: Recipe | None = None,
    ) -> None:
        self.offline = offline
        self.tutor = Tutor(offline.core.models, offline.state, lasting=lasting, recipe=recipe)
        self._spent = spent or Spent()
        self._last: Judged | None = None

    def judge(self, item: Item) -> Opinion:
        """Return what Weir says of the next message."""
        self._spent.skip()
        (self._last,) = self.offline.judge([item.incoming])
        return opinion_of(self._last)

    def keep(self) -> Kept | None:
        """Return what a label of the message judged last will need."""
        return None if self._last is None else kept_of(self._last)

    def learn(self, kept: Kept | None, shown: Shown) -> None:
        """Teach a label; a message that broke the pipeline teaches nothing."""
        if kept is not None:
            self._spent.skip()
            self.tutor.learn(kept, shown)
            self._spent.end("learn")

    def settle(self) -> None:
        """Go over the labels that the stream began with once more."""
        self._spent.skip()
        self.tutor.settle()
        self._spent.end("learn")


def opinion_of(judged: Judged) -> Opinion:
    """Return a verdict as an opinion; its thresholds are compared as the policy compares them.

    The score is the logit's, not rounded as in a verdict: rounded, all that is nearly sure would
    be equal, and the scores would rank otherwise than the logits.
    """
    verdict = judged.verdict
    delivered = is_delivered(verdict)
    if verdict.logit is None:
        return Opinion(None, None, verdict.action, delivered=delivered)
    reached = [
        action
        for action, threshold in verdict.thresholds.items()
        if verdict.logit >= logit_micro(threshold)
    ]
    logit = verdict.logit / MICRO
    return Opinion(
        logit,
        _logistic(logit),
        verdict.action,
        frozenset(reached),
        delivered,
        _reasons(verdict),
    )


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    """Return what spoke most, either way, each with its logits."""
    ranked = sorted(verdict.signals, key=lambda it: -abs(it.contribution))[:_REASONS]
    return tuple(f"{it.contribution / MICRO:+.1f} {it.reason}" for it in ranked)


def _logistic(logit: float) -> float:
    # Each branch keeps exp() of a negative number: no overflow at any logit.
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))
