"""The TREC spam track's protocol with immediate feedback: score a message, then learn it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from apps.evaluation.figures import Scores
from apps.evaluation.stream import Item

__all__ = ["Filter", "Opinion", "Outcome", "immediate", "scores_of"]


class Opinion(NamedTuple):
    """What a filter says of a message: a logit, and what it would do.

    `logit` is None where the message broke the filter. `score` is the probability of abuse.
    `reached` names the actions whose thresholds the score reaches.
    """

    logit: float | None
    score: float | None = None
    action: str = ""
    reached: frozenset[str] = frozenset()


class Filter(Protocol):
    """What takes part: it judges messages in order, and may learn the last one's label."""

    def judge(self, item: Item) -> Opinion:
        """Return what the filter says of the next message."""
        ...

    def learn(self, abuse: bool) -> None:  # noqa: FBT001 - the one thing that there is to say
        """Take the label of the message that was judged last."""
        ...


class Outcome(NamedTuple):
    """A message of the stream with what the filter said of it before it knew the label."""

    path: str
    spam: bool
    taught: bool
    opinion: Opinion


def immediate(stream: Iterable[Item], subject: Filter, *, learn: bool = True) -> Iterator[Outcome]:
    """Judge each message of the stream and then show its label, unless it is for scoring only."""
    for item in stream:
        opinion = subject.judge(item)
        taught = learn and item.entry.taught
        if taught:
            subject.learn(item.entry.spam)
        yield Outcome(item.entry.path, item.entry.spam, taught, opinion)


def scores_of(outcomes: Iterable[Outcome]) -> Scores:
    """Return logits and labels as arrays; a message that broke the filter counts as undecided."""
    listed = list(outcomes)
    logits = [0.0 if it.opinion.logit is None else it.opinion.logit for it in listed]
    return Scores(np.array(logits, np.float64), np.array([it.spam for it in listed], np.bool_))
