"""The TREC spam track's protocol: score a message, then show what labels have come by then."""

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from apps.evaluation.figures import Scores
from apps.evaluation.opinion import Opinion
from apps.evaluation.regimes import Delayed, Regime, Shown
from apps.evaluation.stream import Item

__all__ = ["Filter", "Opinion", "Outcome", "immediate", "run", "scores_of"]

Kept = TypeVar("Kept")


class Filter(Protocol[Kept]):
    """What takes part: it judges messages in order, and learns labels as they come."""

    def judge(self, item: Item) -> Opinion:
        """Return what the filter says of the next message."""
        ...

    def keep(self) -> Kept:
        """Return what a later label of the message judged last will need."""
        ...

    def learn(self, kept: Kept, shown: Shown) -> None:
        """Take the label of a message that was kept."""
        ...

    def settle(self) -> None:
        """Hear that the labels that all begins with have come: what is learned is to last."""
        ...


class Outcome(NamedTuple):
    """A message of the stream with what the filter said of it before it knew the label."""

    path: str
    spam: bool
    taught: bool
    opinion: Opinion


def immediate(
    stream: Iterable[Item], subject: Filter[Kept], *, learn: bool = True
) -> Iterator[Outcome]:
    """Judge each message of the stream and then show its label, unless it is for scoring only."""
    return run(stream, subject, Delayed(), until=None if learn else 0)


def run(
    stream: Iterable[Item],
    subject: Filter[Kept],
    regime: Regime,
    *,
    until: float | None = None,
    settled: int | None = None,
) -> Iterator[Outcome]:
    """Judge the stream in order, and show after each verdict the labels that are due.

    Labels of messages for scoring only are never shown, nor is any that is due after `until`
    messages, or after the stream's end. After `settled` messages the filter is told so.
    """
    coming: list[tuple[float, int, Shown, Kept]] = []
    count = 0
    for place, item in enumerate(stream):
        opinion = subject.judge(item)
        labels = []
        if item.entry.taught:
            found = regime.labels(place, opinion, spam=item.entry.spam)
            labels = [it for it in found if until is None or it.due <= until]
        if labels:
            kept = subject.keep()
            for label in labels:
                count += 1
                heapq.heappush(coming, (label.due, count, label, kept))
        while coming and coming[0][0] <= place + 1:
            _, _, shown, old = heapq.heappop(coming)
            subject.learn(old, shown)
        if place + 1 == settled:
            subject.settle()
        yield Outcome(item.entry.path, item.entry.spam, bool(labels), opinion)


def scores_of(outcomes: Iterable[Outcome]) -> Scores:
    """Return logits and labels as arrays; a message that broke the filter counts as undecided."""
    listed = list(outcomes)
    logits = [0.0 if it.opinion.logit is None else it.opinion.logit for it in listed]
    return Scores(np.array(logits, np.float64), np.array([it.spam for it in listed], np.bool_))
