"""The core with all that a worker has in process, warmed up: learned models, senders with a past.

What the state answers is worked out beforehand and handed out again while time is taken, since
keeping it is Redis's work, and asking for it the store's client's: both are in `weir bench worker`.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from msgspec.structs import replace

from detectors.judging import Judge
from features.envelope import Incoming
from streams.offline import Offline
from streams.stores.protocol import Advanced, Mention, Move, Step
from streams.stores.rolling_memory import RollingMemory

__all__ = ["Answered", "Example", "warmed_up"]

_BEFORE = timedelta(days=7)


class Example(NamedTuple):
    """A message, and what it is."""

    incoming: Incoming
    spam: bool


class Answered(RollingMemory):
    """A state that keeps nothing: it answers arrivals with what was worked out, in that order."""

    def __init__(self, answers: Iterable[Advanced]) -> None:
        super().__init__()
        self._answers = iter(answers)

    def advance(self, step: Step, moves: Sequence[Move]) -> list[Advanced]:
        """Return the next answers, one a message."""
        return [next(self._answers) for _ in moves] if step == "arrival" else []

    def index(self, message_id: bytes, mention: Mention) -> None:
        """Remember nothing."""


class _Listened(RollingMemory):
    """A state whose answers to the latest arrivals can be read."""

    heard: Sequence[Advanced] = ()

    def advance(self, step: Step, moves: Sequence[Move]) -> list[Advanced]:
        """Apply a step, and keep what it answered to arrivals."""
        answers = super().advance(step, moves)
        if step == "arrival":
            self.heard = answers
        return answers


def warmed_up(core: Judge, examples: Sequence[Example]) -> list[Advanced]:
    """Return what a warm state answers about each message, and teach the core's models.

    All of the mail came once before, a week earlier, and its labels were learned: each sender,
    client, content and link has a past. Nothing is answered about mail that breaks the pipeline.
    """
    state = _Listened()
    offline = Offline(core, state)
    answers: dict[int, Sequence[Advanced]] = {}
    events = [
        *[(_earlier(example.incoming), None, example.spam) for example in examples],
        *[(example.incoming, at, example.spam) for at, example in enumerate(examples)],
    ]
    for incoming, at, spam in sorted(events, key=lambda event: event[0].envelope.received_at):
        (judged,) = offline.judge([incoming])
        if at is None:
            offline.label(judged, abuse=spam)
        else:
            answers[at] = state.heard
    return [answer for at in range(len(examples)) for answer in answers[at]]


def _earlier(incoming: Incoming) -> Incoming:
    envelope = incoming.envelope
    return incoming._replace(envelope=replace(envelope, received_at=envelope.received_at - _BEFORE))
