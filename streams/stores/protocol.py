"""What the pipeline asks of a store, whichever keeps it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from features.envelope import Direction, LogPosition
from features.reported import Report
from features.rolling import Increment, Reading

__all__ = [
    "Advanced",
    "Found",
    "Keeping",
    "LayoutError",
    "Mention",
    "Move",
    "Query",
    "StateMovingError",
    "Step",
    "Store",
    "StoreError",
    "Usage",
]

Step = Literal["arrival", "outcome"]


class StoreError(RuntimeError):
    """The store didn't answer: one line with what was tried and why it failed."""


class LayoutError(StoreError):
    """The state was created with other constants than the settings say: one line with both."""


class StateMovingError(StoreError):
    """The state is about to be switched to another namespace: worth another try soon.

    `verdicts` are those in force where they were recorded all the same.
    """

    verdicts: list[bytes] | None = None


class Query(NamedTuple):
    """A message to look up: its place in the log, its id, and its delivery's key.

    `requeued` tells that its id has a verdict already, even where it was seen too long ago.
    """

    position: LogPosition
    id: str
    delivery_key: str
    requeued: bool = False
    message_key: str = ""


class Found(NamedTuple):
    """What is known of a message.

    `verdict` is the recorded one, encoded, if this place was judged before. `revision` is 0
    where the id was first seen here, else a number that no other place of the id has; a requeued
    one is never first, and is numbered for as long as dead letters are kept. `retry` tells
    that the same delivery was seen at another place: an SMTP client tried again. `split` tells
    that the same message was seen at another place for other recipients.
    """

    verdict: bytes | None
    revision: int
    retry: bool
    split: bool = False


class Move(NamedTuple):
    """What one message adds to the state and asks of it, in one step.

    `at` is the message's time (seconds); `position` decides, by the marks, whether its increments
    were applied before, and is None for mail that never reached the log (always applied).
    `adds` False: a retry, which only reads. `mentions` are keyed hashes of the Message-IDs that it
    answers.
    """

    position: LogPosition | None
    at: float
    increments: tuple[Increment, ...]
    adds: bool = True
    mentions: tuple[bytes, ...] = ()


class Mention(NamedTuple):
    """A message of the last 3 days that another one answers."""

    id: str
    position: LogPosition | None
    direction: Direction


class Advanced(NamedTuple):
    """The readings of a move's increments in their order, None where the entity is unknown.

    `reports` are those that stand on the entities, in that order too, () where none stands on any;
    only the kinds features.reported.REPORTED have some.
    """

    readings: tuple[Reading | None, ...]
    mentions: tuple[Mention | None, ...] = ()
    reports: tuple[tuple[Report, ...], ...] = ()


class Keeping(NamedTuple):
    """What is recorded of a judged message: its verdict by place, its Message-ID's keyed hash."""

    position: LogPosition
    verdict: bytes
    message_id: bytes = b""
    id: str = ""
    direction: Direction = "inbound"


class Usage(NamedTuple):
    """What is kept of a kind: full records, sightings, and their bytes (an estimate)."""

    entities: int
    sightings: int
    bytes: int


class Store(Protocol):
    """What outlives a batch. Every method raises StoreError if the store can't be reached."""

    async def look_up(self, queries: Sequence[Query]) -> list[Found]:
        """Return what is known of each message, in order, and remember them: ids and keys 1 d."""
        ...

    async def advance(self, moves: Sequence[Move]) -> list[Advanced]:
        """Apply the arrival step of each message, in order, and return its readings.

        A message at or below its shard's mark was applied before: it is read only. A reading is
        taken after the message's own increments.
        """
        ...

    async def record(self, kept: Sequence[Keeping], outcomes: Sequence[Move] = ()) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins.

        In the same round trip index their Message-IDs (3 d), and apply the outcome step, which has
        marks of its own. Verdicts recorded are worth having even where outcomes fail.
        """
        ...

    async def marks(self, epoch: str) -> dict[int, int]:
        """Return the highest offset that any shard has applied, by partition of the mail log."""
        ...

    def missed(self) -> None:
        """Take note that increments were lost: a call of `advance` or its outcomes wasn't made."""
        ...

    async def lost(self) -> bool:
        """Tell whether increments were lost since the state was created or rebuilt."""
        ...

    async def forget(self, positions: Sequence[LogPosition]) -> None:
        """Delete the recorded verdicts of places that can't be delivered again."""
        ...

    async def epoch(self, topic: str, proposed: str) -> str:
        """Return the topic's epoch; the proposed one is taken where none is stored."""
        ...

    async def stored_epoch(self, topic: str) -> str | None:
        """Return the topic's epoch, None where none is stored."""
        ...

    async def set_epoch(self, topic: str, epoch: str) -> None:
        """Store the epoch of a topic that was just created."""
        ...

    async def keep_policy(self, digest: str, text: bytes) -> None:
        """Keep a policy for good, so that replay can use it."""
        ...

    async def policy(self, digest: str) -> bytes | None:
        """Return a kept policy."""
        ...

    async def ping(self) -> None:
        """Return if the store answers."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
