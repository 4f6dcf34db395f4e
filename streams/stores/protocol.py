"""What the pipeline asks of a store, whichever keeps it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from features.envelope import LogPosition

__all__ = ["Found", "Query", "Store", "StoreError"]


class StoreError(RuntimeError):
    """The store didn't answer: one line with what was tried and why it failed."""


class Query(NamedTuple):
    """A message to look up: its place in the log, its id, and its delivery's key.

    `requeued` tells that its id has a verdict already, even where it was seen too long ago.
    """

    position: LogPosition
    id: str
    delivery_key: str
    requeued: bool = False


class Found(NamedTuple):
    """What is known of a message.

    `verdict` is the recorded one, encoded, if this place was judged before. `revision` is 0
    where the id was first seen here, else a number that no other place of the id has; a requeued
    one is never first, and is numbered for as long as dead letters are kept. `retry` tells
    that the same delivery was seen at another place: an SMTP client tried again.
    """

    verdict: bytes | None
    revision: int
    retry: bool


class Store(Protocol):
    """What outlives a batch. Every method raises StoreError if the store can't be reached."""

    async def look_up(self, queries: Sequence[Query]) -> list[Found]:
        """Return what is known of each message, in order, and remember them: ids and keys 1 d."""
        ...

    async def record(self, verdicts: Sequence[tuple[LogPosition, bytes]]) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins."""
        ...

    async def forget(self, positions: Sequence[LogPosition]) -> None:
        """Delete the recorded verdicts of places that can't be delivered again."""
        ...

    async def epoch(self, topic: str, proposed: str) -> str:
        """Return the topic's epoch; the proposed one is taken where none is stored."""
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
