"""What a re-live learns beside judging: nothing, the labels of an index, or those of a log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from apps.evaluation.index import Entry
from apps.evaluation.regimes import Shown
from apps.evaluation.tutor import Tutor, kept_of
from apps.replay.in_order import Received
from apps.replay.relive import BATCH, Relived

__all__ = ["IndexLearning", "Learning", "NoLearning", "batches"]


class Learning(Protocol):
    """Labels that come between batches; `learned` is how many have taught something."""

    learned: int

    def is_due(self, at: float) -> bool:
        """Tell whether a label is to be heard before a message received at this time (s)."""

    def learn(self, at: float) -> None:
        """Hear the labels that are due."""

    def keep(self, relived: Sequence[Relived]) -> None:
        """Take in what a batch came to."""


class NoLearning:
    """Learns nothing."""

    learned = 0

    def is_due(self, at: float) -> bool:  # noqa: ARG002 - as Learning has it
        """Return False."""
        return False

    def learn(self, at: float) -> None:
        """Do nothing."""

    def keep(self, relived: Sequence[Relived]) -> None:
        """Do nothing."""


class IndexLearning(NoLearning):
    """Teaches the labels of an index, by the place of their message, once its batch is judged."""

    def __init__(self, tutor: Tutor, labels: Mapping[int, Entry]) -> None:
        self._tutor, self._labels = tutor, labels

    def keep(self, relived: Sequence[Relived]) -> None:
        """Teach the labels of a batch that may be shown."""
        for one in relived:
            place = one.received.arrival.position.offset
            entry, kept = self._labels[place], kept_of(one.judged)
            if entry.taught and kept is not None:
                self._tutor.learn(kept, Shown(place + 1, place, entry.spam))
                self.learned += 1


def batches(mail: Iterable[Received], learning: Learning) -> Iterator[list[Received]]:
    """Yield batches in order; a label that is due ends one, and is learned before the next."""
    batch: list[Received] = []
    for one in mail:
        at = one.arrival.incoming.envelope.received_at.timestamp()
        if batch and (len(batch) == BATCH or learning.is_due(at)):
            yield batch
            batch = []
        if not batch:
            learning.learn(at)
        batch.append(one)
    if batch:
        yield batch
